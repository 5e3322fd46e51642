//! Reads that a command waits for: each in the tenant's budget of reads, and again while what fails
//! may pass.

use std::time::Duration;

use repilot_graph::{Call, CallRecord, GraphError};
use repilot_throttle::{Answer, Lane};

/// What is read may fail so often before it is given up.
const ATTEMPTS: u32 = 6;

/// The wait before it is asked for again doubles from here.
const BACKOFF: Duration = Duration::from_millis(500);

/// Longest wait that a command takes on itself before it says what it waits for.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// Asks when the budget allows it, and tells the budget what came of it.
pub(crate) async fn ask<T>(lane: &Lane, question: impl Future<Output = Call<T>>) -> Call<T> {
    let permit = lane.acquire().await;
    let call = question.await;
    permit.settle(match &call.result {
        Ok(_) => Answer::Accepted,
        Err(GraphError::Throttled { retry_after }) => Answer::Throttled {
            retry_after: *retry_after,
        },
        Err(GraphError::Unreachable | GraphError::NoToken { .. }) => Answer::NotSent,
        Err(_) => Answer::Failed,
    });
    call
}

/// How often one thing that is read has failed.
#[derive(Default)]
pub(crate) struct Failures(u32);

impl Failures {
    /// Waits until it is to be asked for again; `false` where that is in vain.
    pub(crate) async fn may_pass(&mut self, error: &GraphError) -> bool {
        match error {
            // The lane waits for as long as Graph asks.
            GraphError::Throttled { .. } => true,
            // The next call has a new token.
            GraphError::Unauthorized if self.0 == 0 => {
                self.0 = 1;
                true
            }
            GraphError::Transient { .. }
            | GraphError::Foreign(_)
            | GraphError::Unreachable
            | GraphError::NoToken { .. }
            | GraphError::Unreadable => {
                self.0 += 1;
                if self.0 >= ATTEMPTS {
                    return false;
                }
                let backoff = BACKOFF * 2_u32.pow(self.0 - 1);
                // Who gives tokens says when to ask again; one that asks for longer is not waited for.
                let wait = match error {
                    GraphError::NoToken { retry_after } => retry_after.unwrap_or_default(),
                    _ => Duration::ZERO,
                };
                if wait > WAIT_MAX {
                    return false;
                }
                tokio::time::sleep(backoff.max(wait)).await;
                true
            }
            GraphError::Unauthorized
            | GraphError::Systemic(_)
            | GraphError::NotFound
            | GraphError::Rejected
            | GraphError::NoCollection(_)
            | GraphError::LinkForgotten
            | GraphError::Ambiguous { .. } => false,
        }
    }
}

/// An error with what the other side said, unless it has it in it already, as a refusal of the whole
/// tenant has.
pub(crate) fn said(error: &GraphError, message: Option<&str>) -> String {
    let words = error.to_string();
    match (error, message) {
        // It says all of it itself.
        (GraphError::Foreign(_), _) => words,
        (_, Some(message)) if !words.contains(message) => format!("{words}: {message}"),
        _ => words,
    }
}

/// The same, with what Microsoft's support asks for.
pub(crate) fn said_on_record(error: &GraphError, record: &CallRecord) -> String {
    with_request_id(said(error, record.message.as_deref()), record)
}

/// Words with what Microsoft's support asks for.
pub(crate) fn with_request_id(said: String, record: &CallRecord) -> String {
    match &record.request_id {
        Some(request) => format!("{said} (request-id {request})"),
        None => said,
    }
}

/// What to do where something else than Graph answers a question.
pub(crate) const NOT_GRAPH: &str = "a proxy, a web filter or a sign-in page stands between here and Graph: \
    open that address in a browser of this machine, clear the way, and check `[graph] root`";

/// What to do where Graph has no list of devices.
pub(crate) const NO_COLLECTION: &str =
    "check `[graph] root` and `version`: the address is made of them";
