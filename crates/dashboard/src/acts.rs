//! What operators do to campaigns.

use axum::extract::{Path, State};
use axum::response::Redirect;
use repilot_domain::CampaignId;
use serde::Deserialize;

use crate::access::Act;
use crate::app::App;
use crate::error::Refusal;

#[derive(Deserialize)]
pub(crate) struct Why {
    #[serde(default)]
    reason: String,
}

pub(crate) async fn pause(
    State(app): State<App>,
    Path(id): Path<i64>,
    Act { visitor, form }: Act<Why>,
) -> Result<Redirect, Refusal> {
    let by = visitor.actor();
    if !app
        .ledger
        .pause_by_person(CampaignId(id), &form.reason, &by, app.now())
        .await?
    {
        return Err(Refusal::Conflict("the campaign is not active".to_owned()));
    }
    Ok(Redirect::to("/"))
}

#[derive(Deserialize)]
pub(crate) struct Nothing {}

pub(crate) async fn resume(
    State(app): State<App>,
    Path(id): Path<i64>,
    Act { visitor, .. }: Act<Nothing>,
) -> Result<Redirect, Refusal> {
    let by = visitor.actor();
    if !app.ledger.resume(CampaignId(id), &by, app.now()).await? {
        return Err(Refusal::Conflict("the campaign is not paused".to_owned()));
    }
    Ok(Redirect::to("/"))
}
