//! Reads the ledger once for all who look.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use repilot_domain::{Role, WithCauses};
use repilot_ledger::LedgerError;
use tokio::sync::watch;
use tokio::time::Instant;

use super::overview::Overview;
use super::pace::Pace;
use crate::app::App;
use crate::views::{self, Eyes, View};

/// How often what is shown is read anew: more often than anybody can read it.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// Sections of a page by their names, as they are to be.
pub(super) type Rendered = Arc<Vec<(&'static str, String)>>;

/// Who is told of a view, for as long as somebody renders it.
type Stream = Weak<watch::Sender<Rendered>>;

/// What a page sends with its forms stands in for this, which no visitor's token is.
const TOKEN: &str = "form-token-of-whoever-looks";

/// Reads the ledger once for all who look.
#[derive(Default)]
pub(crate) struct Hub {
    /// Locked while it is read, so that all who come meanwhile get what the first one reads.
    known: tokio::sync::Mutex<Known>,
    streams: Mutex<HashMap<(String, Role), Stream>>,
}

#[derive(Default)]
struct Known {
    overview: Option<(Instant, Arc<Overview>)>,
    pace: Pace,
    /// How often the ledger was read.
    reads: u64,
}

impl Hub {
    /// What every page shows something of, no older than a tick. While the ledger does not answer:
    /// what it said last, if it ever did.
    pub(crate) async fn overview(&self, app: &App) -> Result<Arc<Overview>, LedgerError> {
        let mut known = self.known.lock().await;
        if let Some((read_at, overview)) = &known.overview
            && read_at.elapsed() < TICK.mul_f64(0.9)
        {
            return Ok(Arc::clone(overview));
        }
        known.reads += 1;
        let now = app.now();
        let overview = match (Overview::read(&app.ledger, now).await, &known.overview) {
            (Ok(mut overview), _) => {
                let open = overview.campaigns.iter().filter(|known| !known.has_ended());
                let over = open.map(|known| (known.id, known.counts.total - known.counts.open()));
                overview.rates = known.pace.note(over.collect(), now);
                overview.errands = app.errands.of_late(now);
                overview.judge(app.options.version);
                overview
            }
            (Err(error), Some((_, last))) => {
                if last.silent_since.is_none() {
                    tracing::warn!(error = %WithCauses(&error), "the ledger does not answer the dashboard");
                }
                Overview {
                    silent_since: last.silent_since.or(Some(now)),
                    errands: app.errands.of_late(now),
                    ..Overview::clone(last)
                }
            }
            (Err(error), None) => return Err(error),
        };
        let overview = Arc::new(overview);
        known.overview = Some((Instant::now(), Arc::clone(&overview)));
        Ok(overview)
    }

    /// After somebody changed something: the next look is a new one.
    pub(crate) async fn forget(&self) {
        if let Some((read_at, _)) = &mut self.known.lock().await.overview {
            *read_at = Instant::now().checked_sub(TICK).unwrap_or(*read_at);
        }
    }

    /// How often the ledger was read for what all pages show.
    #[cfg(test)]
    pub(crate) async fn reads(&self) -> u64 {
        self.known.lock().await.reads
    }

    /// What a view shows to people of a role, again and again; the same for all of them.
    pub(super) fn watch(&self, app: &App, view: View, role: Role) -> watch::Receiver<Rendered> {
        let key = (view.address(), role);
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
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
}

/// Renders a view once a tick, for as long as somebody looks.
async fn keep_rendering(app: App, view: View, role: Role, sender: Arc<watch::Sender<Rendered>>) {
    let mut read = None;
    let mut stamp = None;
    while sender.receiver_count() > 0 {
        if let Ok(overview) = app.hub.overview(&app).await {
            let now = Some(view.stamp(&overview));
            if (now != stamp || read.is_none()) && overview.silent_since.is_none() {
                // What cannot be read now is read at the next tick.
                if let Ok(again) = views::read(&app, &view, &overview).await {
                    read = Some(again);
                    stamp = now;
                }
            }
            if let Some(read) = &read {
                let eyes = Eyes {
                    role,
                    form_token: TOKEN.to_owned(),
                    now: app.now(),
                    overview,
                };
                let rendered: Vec<(&str, String)> = views::sections(read, &eyes)
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
    use repilot_domain::SystemClock;
    use repilot_ledger::{Ledger, LedgerLocation};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::app::Door;
    use crate::{Hands, Options};

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
            Hands::default(),
            Door::default(),
            stop.clone(),
        );
        let began = Instant::now();
        let mut pages: Vec<watch::Receiver<Rendered>> = Vec::new();
        for view in [View::Campaigns, View::Workers, View::Lanes, View::Dead] {
            for _ in 0..25 {
                pages.push(app.hub.watch(&app, view.clone(), Role::Viewer));
            }
        }
        for page in &mut pages {
            page.changed().await.unwrap();
        }
        while app.hub.reads().await < 4 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let ticks = began.elapsed().as_secs_f64() / TICK.mul_f64(0.9).as_secs_f64();
        assert!(ticks > 2.9, "four reads within {ticks:.1} ticks");

        // And nobody reads it any more once nobody looks.
        drop(pages);
        let streams = || {
            app.hub
                .streams
                .lock()
                .unwrap()
                .values()
                .any(|sender| sender.strong_count() > 0)
        };
        while streams() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stop.cancel();
    }
}
