//! What changes, as server-sent events: first everything, then what is no longer as it was.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt as _, stream};
use serde::Serialize;

use super::caller::Caller;
use super::campaigns::stood;
use super::problem::Problem;
use crate::access::StreamRight;
use crate::live::Overview;
use crate::state::App;

/// Between two looks; however many listen, the ledger is read once for all of them.
const TICK: Duration = Duration::from_secs(1);

/// A proxy that hears nothing for longer may hang up.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// What was sent already.
struct Sent {
    app: App,
    last: HashMap<String, String>,
    is_first: bool,
}

/// What changes, as server-sent events
///
/// An event is called `campaign`, `lane` or `worker`, and its data is what `/status` has of it: first
/// of each, then of those that have changed, at most once a second. The stream ends within seconds when the
/// token is taken back or expires, or the session or its role ends.
#[utoipa::path(
    get,
    path = "/events",
    responses(
        (status = 200, content_type = "text/event-stream", body = String),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn stream(
    State(app): State<App>,
    _: Caller,
    right: StreamRight,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let (stop, of_right) = (app.stop.clone(), app.clone());
    let ends = async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = right.ended(of_right) => {}
        }
    };
    let sent = Sent {
        app,
        last: HashMap::new(),
        is_first: true,
    };
    let events = stream::unfold(sent, |mut sent| async move {
        if !sent.is_first {
            tokio::time::sleep(TICK).await;
        }
        sent.is_first = false;
        let events = match sent.app.overview().await {
            Ok(overview) => sent.changed(&overview),
            // What cannot be read now is read at the next tick.
            Err(_) => Vec::new(),
        };
        Some((stream::iter(events.into_iter().map(Ok)), sent))
    });
    let events = events.flatten().take_until(Box::pin(ends));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

impl Sent {
    fn changed(&mut self, overview: &Overview) -> Vec<Event> {
        let mut events = Vec::new();
        for found in stood(overview) {
            self.note("campaign", &found.campaign.name, &found, &mut events);
        }
        for lane in &overview.lanes {
            let key = format!("{} {}", lane.tenant, lane.kind);
            self.note("lane", &key, lane, &mut events);
        }
        for worker in &overview.workers {
            self.note("worker", &worker.id.0, worker, &mut events);
        }
        events
    }

    fn note(&mut self, kind: &str, key: &str, what: &impl Serialize, events: &mut Vec<Event>) {
        let Ok(text) = serde_json::to_string(what) else {
            return;
        };
        let key = format!("{kind} {key}");
        if self.last.get(&key) == Some(&text) {
            return;
        }
        events.push(Event::default().event(kind).data(&text));
        self.last.insert(key, text);
    }
}
