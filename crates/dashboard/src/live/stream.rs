//! What changes of a page, as server-sent events.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::Uri;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::watch::Receiver;

use super::hub::{for_visitor, watch};
use super::streams::Rendered;
use crate::access::{StreamRight, Visitor};
use crate::error::Refusal;
use crate::state::App;
use crate::views::View;

/// After so long a page asks anew, and proves again who looks.
const LASTS: Duration = Duration::from_mins(5);

/// A proxy that hears nothing for longer may hang up.
const HEARTBEAT: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
pub(crate) struct At {
    /// The address of the page that is open.
    at: String,
}

/// A section of the page, as it is to be.
#[derive(Serialize)]
struct Changed<'a> {
    section: &'a str,
    html: String,
}

/// What was sent already, and what there is to send.
struct Sent {
    receiver: Receiver<Rendered>,
    sections: HashMap<&'static str, String>,
    form_token: String,
}

pub(crate) async fn stream(
    State(app): State<App>,
    Query(At { at }): Query<At>,
    visitor: Visitor,
    right: StreamRight,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let missing = || Refusal::Missing(format!("live page at {at}"));
    let uri: Uri = at.parse().map_err(|_not_one| missing())?;
    let view = View::of(uri.path(), uri.query().unwrap_or_default()).ok_or_else(missing)?;
    let sent = Sent {
        receiver: watch(&app, view, visitor.role),
        sections: HashMap::new(),
        form_token: visitor.form_token.unwrap_or_default(),
    };
    let stop = app.stop.clone();
    let ends = async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = right.ended(app) => {}
            () = tokio::time::sleep(LASTS) => {}
        }
    };
    let events = stream::unfold(sent, |mut sent| async move {
        let events = sent.next().await?;
        Some((stream::iter(events.into_iter().map(Ok)), sent))
    });
    let events = events.flatten().take_until(Box::pin(ends));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

impl Sent {
    /// Waits for something new, and gives what is; none when nothing more will come.
    async fn next(&mut self) -> Option<Vec<Event>> {
        self.receiver.changed().await.ok()?;
        let rendered = Rendered::clone(&self.receiver.borrow_and_update());
        let mut events = Vec::new();
        for (section, html) in rendered.iter() {
            if self.sections.get(section) == Some(html) {
                continue;
            }
            self.sections.insert(section, html.clone());
            let changed = Changed {
                section,
                html: for_visitor(html, &self.form_token),
            };
            let Ok(text) = serde_json::to_string(&changed) else {
                continue;
            };
            events.push(Event::default().event("section").data(text));
        }
        Some(events)
    }
}
