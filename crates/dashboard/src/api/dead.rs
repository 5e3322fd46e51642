//! Dead letters by campaign and reason.

use axum::Json;
use axum::extract::State;
use repilot_ledger::DeadGroup;

use super::caller::Caller;
use super::problem::Problem;
use crate::state::App;

/// Dead letters by campaign and reason, with what to do about them
///
/// Each one of them: `/jobs?search=state:dead`.
#[utoipa::path(
    get,
    path = "/dead",
    responses(
        (status = 200, body = [DeadGroup]),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn groups(
    State(app): State<App>,
    _: Caller,
) -> Result<Json<Vec<DeadGroup>>, Problem> {
    Ok(Json(app.overview().await?.dead.clone()))
}
