//! Devices that a reassignment left without a user: given back, or their assignment tried again.

use axum::Json;
use axum::extract::State;
use repilot_ledger::{FollowUp, NextUser, TriedAgain};

use super::caller::Operator;
use super::campaigns::campaign;
use super::problem::Problem;
use super::take::Path;
use crate::actions::without_user::impossible;
use crate::pages::capitalised;
use crate::state::App;

/// Give devices without a user back to the users who had them
///
/// Those that the campaign unassigned and did not assign, and whose jobs are over. They go into a
/// campaign of their own, where each is looked at before it is called: one that has a user is left alone.
#[utoipa::path(
    post,
    path = "/campaigns/{name}/give-back",
    params(("name" = String, Path, description = "The campaign that left them")),
    responses(
        (status = 200, body = FollowUp, description = "They are enqueued"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "None can be given back now"),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn give_back(
    State(app): State<App>,
    Path(name): Path<String>,
    operator: Operator,
) -> Result<Json<FollowUp>, Problem> {
    let found = campaign(&app, &name).await?;
    let (by, now) = (operator.actor(), app.now());
    let given = app
        .ledger
        .assign_left_behind(&found, NextUser::Former, &by, now)
        .await?;
    if given.campaign.is_none() {
        return Err(Problem::conflict(said(&given)));
    }
    app.overview_cache.forget().await;
    Ok(Json(given))
}

/// Try the assignment of devices without a user again
///
/// Dead letters go round again in their campaign; jobs that were cancelled or set aside go into a
/// campaign of their own. Each device is looked at before it is called.
#[utoipa::path(
    post,
    path = "/campaigns/{name}/assign-again",
    params(("name" = String, Path, description = "The campaign that left them")),
    responses(
        (status = 200, body = TriedAgain, description = "They go round again"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "None can be assigned now"),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn assign_again(
    State(app): State<App>,
    Path(name): Path<String>,
    operator: Operator,
) -> Result<Json<TriedAgain>, Problem> {
    let found = campaign(&app, &name).await?;
    let (by, now) = (operator.actor(), app.now());
    let tried = app.ledger.try_assigning_again(&found, &by, now).await?;
    if tried.requeued == 0 && tried.follow_up.campaign.is_none() {
        return Err(Problem::conflict(said(&tried.follow_up)));
    }
    app.overview_cache.forget().await;
    Ok(Json(tried))
}

/// Why nothing was done, as a sentence.
fn said(follow_up: &FollowUp) -> String {
    format!("{}.", capitalised(&impossible(follow_up)))
}
