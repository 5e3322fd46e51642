//! Renders each view that somebody looks at, once for all who look.

use std::sync::{Arc, Weak};

use repilot_domain::Role;
use tokio::sync::watch;

use super::overview_cache::TICK;
use super::streams::Rendered;
use crate::state::App;
use crate::views::{self, View, ViewContext};

/// What a page sends with its forms stands in for this, which no visitor's token is.
const TOKEN: &str = "form-token-of-whoever-looks";

/// What a view shows to people of a role, again and again; the same for all of them.
pub(super) fn watch(app: &App, view: View, role: Role) -> watch::Receiver<Rendered> {
    let key = (view.address(), role);
    let mut streams = app.streams.lock();
    if let Some(sender) = streams.get(&key).and_then(Weak::upgrade) {
        return sender.subscribe();
    }
    streams.retain(|_, sender| sender.strong_count() > 0);
    let sender = Arc::new(watch::Sender::new(Rendered::default()));
    let receiver = sender.subscribe();
    streams.insert(key, Arc::downgrade(&sender));
    tokio::spawn(keep_rendering(app.clone(), view, role, sender));
    receiver
}

/// Renders a view once a tick, for as long as somebody looks.
async fn keep_rendering(app: App, view: View, role: Role, sender: Arc<watch::Sender<Rendered>>) {
    let mut read = None;
    let mut stamp = None;
    while sender.receiver_count() > 0 {
        if let Ok(overview) = app.overview().await {
            let now = Some(view.stamp(&overview));
            if (now != stamp || read.is_none()) && overview.silent_since.is_none() {
                // What cannot be read now is read at the next tick.
                if let Ok(again) = views::read(&app, &view, &overview).await {
                    read = Some(again);
                    stamp = now;
                }
            }
            if let Some(read) = &read {
                let context = ViewContext {
                    role,
                    form_token: TOKEN.to_owned(),
                    now: app.now(),
                    overview,
                };
                let rendered: Vec<(&str, String)> = views::sections(read, &context)
                    .into_iter()
                    .map(|section| (section.name, section.body.into_string()))
                    .collect();
                sender.send_if_modified(|last| {
                    let changed = **last != rendered;
                    if changed {
                        *last = Arc::new(rendered);
                    }
                    changed
                });
            }
        }
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

/// A section as one visitor gets it.
pub(super) fn for_visitor(html: &str, form_token: &str) -> String {
    html.replace(TOKEN, form_token)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use repilot_domain::SystemClock;
    use repilot_ledger::{Ledger, LedgerLocation};
    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::state::Door;
    use crate::{Options, TenantServices};

    #[tokio::test]
    async fn a_hundred_open_pages_read_the_ledger_no_more_often_than_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.db");
        let location = LedgerLocation::parse(file.to_str().unwrap()).unwrap();
        let ledger = Ledger::open(&location).await.unwrap();
        let options = Options {
            listen: ([127, 0, 0, 1], 0).into(),
            public_url: None,
            tls: None,
            trusted_proxies: Vec::new(),
            session: Duration::from_hours(1),
            oidc: None,
            version: "0",
        };
        let clock = Arc::new(SystemClock);
        let stop = CancellationToken::new();
        let app = App::new(
            ledger,
            clock,
            options,
            TenantServices::default(),
            Door::default(),
            stop.clone(),
        );
        let began = Instant::now();
        let mut pages: Vec<watch::Receiver<Rendered>> = Vec::new();
        for view in [
            View::Campaigns(Box::default()),
            View::Workers,
            View::Lanes,
            View::Dead,
        ] {
            for _ in 0..25 {
                pages.push(watch(&app, view.clone(), Role::Viewer));
            }
        }
        for page in &mut pages {
            page.changed().await.unwrap();
        }
        while app.overview_cache.reads().await < 4 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let ticks = began.elapsed().as_secs_f64() / TICK.mul_f64(0.9).as_secs_f64();
        assert!(ticks > 2.9, "four reads within {ticks:.1} ticks");

        // And nobody reads it any more once nobody looks.
        drop(pages);
        let streams = || {
            app.streams
                .lock()
                .values()
                .any(|sender| sender.strong_count() > 0)
        };
        while streams() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stop.cancel();
    }
}
