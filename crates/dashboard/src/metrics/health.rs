//! Whether the process is alive, and whether it can answer. Anybody may ask: it says nothing more.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use repilot_domain::WithCauses;

use crate::state::App;

/// A ledger that takes longer does not answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process is there.
pub(crate) async fn live() -> &'static str {
    "alive\n"
}

/// The ledger answers, and has the shape that this program knows.
pub(crate) async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    match tokio::time::timeout(PATIENCE, app.ledger.is_current()).await {
        Ok(Ok(true)) => (StatusCode::OK, "ready\n"),
        Ok(Ok(false)) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the ledger has another shape than this program knows\n",
        ),
        Ok(Err(error)) => {
            tracing::warn!(error = %WithCauses(&error), "the ledger does not answer a probe");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the ledger does not answer\n",
            )
        }
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the ledger does not answer in time\n",
        ),
    }
}
