//! Campaigns: read and steered.

use axum::Json;
use axum::extract::State;
use repilot_domain::CampaignId;
use repilot_ledger::{Campaign, StandingCampaign};
use serde::Deserialize;
use utoipa::ToSchema;

use super::caller::{Caller, Operator};
use super::problem::Problem;
use super::take::{MaybeBody, Path};
use crate::live::Overview;
use crate::state::App;

/// Every campaign, newest first
#[utoipa::path(
    get,
    path = "/campaigns",
    responses(
        (status = 200, body = [StandingCampaign]),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn list(
    State(app): State<App>,
    _: Caller,
) -> Result<Json<Vec<StandingCampaign>>, Problem> {
    Ok(Json(stood(&*app.overview().await?)))
}

/// One campaign
#[utoipa::path(
    get,
    path = "/campaigns/{name}",
    params(("name" = String, Path, description = "The campaign's name")),
    responses(
        (status = 200, body = StandingCampaign),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn one(
    State(app): State<App>,
    Path(name): Path<String>,
    _: Caller,
) -> Result<Json<StandingCampaign>, Problem> {
    let campaign = campaign(&app, &name).await?;
    let overview = app.overview().await?;
    Ok(Json(overview.stood(campaign, app.options.version)))
}

/// Why it is paused.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct Why {
    /// For whoever looks.
    #[serde(default)]
    #[schema(max_length = 200, example = "change freeze")]
    reason: String,
}

/// Longer reasons do not fit a page.
const REASON_MAX_CHARS: usize = 200;

/// Let nothing more of a campaign go out
#[utoipa::path(
    post,
    path = "/campaigns/{name}/pause",
    params(("name" = String, Path, description = "The campaign's name")),
    request_body(content = Option<Why>, description = "May be left out"),
    responses(
        (status = 200, body = StandingCampaign, description = "It is paused"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "It is not active"),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn pause(
    State(app): State<App>,
    Path(name): Path<String>,
    operator: Operator,
    MaybeBody(why): MaybeBody<Option<Why>>,
) -> Result<Json<StandingCampaign>, Problem> {
    let reason = why.unwrap_or_default().reason;
    if reason.chars().count() > REASON_MAX_CHARS {
        let detail = format!("`reason` has more than {REASON_MAX_CHARS} characters.");
        return Err(Problem::senseless(detail));
    }
    let id = campaign(&app, &name).await?.id;
    let by = operator.actor();
    if !app
        .ledger
        .pause_by_person(id, &reason, &by, app.now())
        .await?
    {
        return Err(Problem::conflict(format!(
            "Campaign `{name}` is not active."
        )));
    }
    changed(&app, &name).await
}

/// Let a paused campaign go on
#[utoipa::path(
    post,
    path = "/campaigns/{name}/resume",
    params(("name" = String, Path, description = "The campaign's name")),
    responses(
        (status = 200, body = StandingCampaign, description = "It may go on"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "It is not paused, or its deadline has passed"),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn resume(
    State(app): State<App>,
    Path(name): Path<String>,
    operator: Operator,
) -> Result<Json<StandingCampaign>, Problem> {
    let found = campaign(&app, &name).await?;
    if let Some(deadline) = found.passed_deadline(app.now()) {
        return Err(Problem::conflict(format!(
            "The deadline {deadline} of campaign `{name}` has passed. Set a later one, or null, by PATCH, then resume it."
        )));
    }
    let id = found.id;
    if !app.ledger.resume(id, &operator.actor(), app.now()).await? {
        return Err(Problem::conflict(format!(
            "Campaign `{name}` is not paused."
        )));
    }
    changed(&app, &name).await
}

/// Take back what has not been called yet, for good
#[utoipa::path(
    post,
    path = "/campaigns/{name}/cancel",
    params(("name" = String, Path, description = "The campaign's name")),
    responses(
        (status = 200, body = StandingCampaign, description = "It is cancelled"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "It has ended"),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn cancel(
    State(app): State<App>,
    Path(name): Path<String>,
    operator: Operator,
) -> Result<Json<StandingCampaign>, Problem> {
    let found = campaign(&app, &name).await?;
    if found.has_ended() {
        return Err(Problem::conflict(format!("Campaign `{name}` has ended.")));
    }
    app.ledger
        .cancel(found.id, &operator.actor(), app.now())
        .await?;
    changed(&app, &name).await
}

/// Every campaign of an overview, and how it stands.
pub(super) fn stood(overview: &Overview) -> Vec<StandingCampaign> {
    let stands = |campaign: &Campaign| {
        Some(StandingCampaign {
            standing: overview.standing(campaign.id)?.clone(),
            campaign: campaign.clone(),
        })
    };
    overview.campaigns.iter().filter_map(stands).collect()
}

/// The campaign of that name.
pub(super) async fn campaign(app: &App, name: &str) -> Result<Campaign, Problem> {
    let found = app.ledger.campaign_at(name, app.now()).await?;
    found.ok_or_else(|| Problem::missing(&format!("campaign `{name}`")))
}

/// The number of the campaign of that name, where one is named.
pub(super) async fn id_if_any(
    app: &App,
    name: Option<&str>,
) -> Result<Option<CampaignId>, Problem> {
    match name {
        Some(name) => Ok(Some(campaign(app, name).await?.id)),
        None => Ok(None),
    }
}

/// The campaign as it is after something was done to it.
pub(super) async fn changed(app: &App, name: &str) -> Result<Json<StandingCampaign>, Problem> {
    app.overview_cache.forget().await;
    let campaign = campaign(app, name).await?;
    let overview = app.overview().await?;
    Ok(Json(overview.stood(campaign, app.options.version)))
}
