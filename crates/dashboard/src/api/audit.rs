//! Who did what.

use axum::Json;
use axum::extract::State;
use repilot_ledger::{AuditFilter, AuditRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::campaigns::id_if_any;
use super::problem::Problem;
use super::take::{Query, limit};
use crate::state::App;

/// Which rows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Of this campaign; all, and what concerns none, where it is left out.
    campaign: Option<String>,
    /// Those before this row: `next` of another page. From the newest where it is left out.
    before: Option<i64>,
    /// At most so many; 100 where it is left out.
    #[param(minimum = 1, maximum = 250)]
    limit: Option<u32>,
}

/// A page of the audit, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditPage {
    /// The rows.
    rows: Vec<AuditRow>,
    /// `before` of the next page, if there is one.
    next: Option<i64>,
}

/// Who did what, newest first
#[utoipa::path(
    get,
    path = "/audit",
    params(Which),
    responses(
        (status = 200, body = AuditPage),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn list(
    State(app): State<App>,
    _: Caller,
    Query(which): Query<Which>,
) -> Result<Json<AuditPage>, Problem> {
    let limit = limit(which.limit)?;
    let campaign = id_if_any(&app, which.campaign.as_deref()).await?;
    let filter = AuditFilter { campaign };
    let rows = app
        .ledger
        .newest_audit(&filter, which.before, limit)
        .await?;
    let is_full = rows.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = rows.last().filter(|_| is_full).map(|row| row.seq);
    Ok(Json(AuditPage { rows, next }))
}
