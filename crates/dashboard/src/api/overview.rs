//! What all who look share: it is read once a second for all of them, and so no older than that.

use axum::Json;
use axum::extract::State;
use repilot_domain::Timestamp;
use repilot_domain::standing::Notice;
use repilot_ledger::{LaneState, StandingCampaign, WorkerRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Caller;
use super::campaigns::stood;
use super::problem::Problem;
use crate::state::App;

/// Campaigns, lanes and workers, as they stand.
#[derive(Serialize, ToSchema)]
pub(crate) struct Status {
    /// When it was read.
    now: Timestamp,
    /// Newest first.
    campaigns: Vec<StandingCampaign>,
    /// What is wrong with the workers.
    notices: Vec<Notice>,
    /// What the lanes last said of themselves.
    lanes: Vec<LaneState>,
    /// Workers that were heard of in the last seconds.
    workers: Vec<WorkerRow>,
}

/// Campaigns, lanes and workers, as they stand
#[utoipa::path(
    get,
    path = "/status",
    responses(
        (status = 200, body = Status),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn status(State(app): State<App>, _: Caller) -> Result<Json<Status>, Problem> {
    let overview = app.overview().await?;
    Ok(Json(Status {
        now: overview.at,
        campaigns: stood(&overview),
        notices: overview.notices.clone(),
        lanes: overview.lanes.clone(),
        workers: overview.workers.clone(),
    }))
}

/// What the tenants' lanes last said of themselves
#[utoipa::path(
    get,
    path = "/lanes",
    responses(
        (status = 200, body = [LaneState]),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn lanes(
    State(app): State<App>,
    _: Caller,
) -> Result<Json<Vec<LaneState>>, Problem> {
    Ok(Json(app.overview().await?.lanes.clone()))
}

/// Workers that were heard of in the last seconds
#[utoipa::path(
    get,
    path = "/workers",
    responses(
        (status = 200, body = [WorkerRow]),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn workers(
    State(app): State<App>,
    _: Caller,
) -> Result<Json<Vec<WorkerRow>>, Problem> {
    Ok(Json(app.overview().await?.workers.clone()))
}
