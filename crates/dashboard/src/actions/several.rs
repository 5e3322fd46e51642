//! Pausing and resuming several campaigns at once: those that a name and a tenant mean.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Redirect;
use maud::{Markup, html};
use repilot_ledger::Campaign;
use serde::Deserialize;

use crate::access::{Act, Visitor};
use crate::error::Refusal;
use crate::links::{CampaignsAt, several};
use crate::pages::{self, Done, Here};
use crate::parts::{Form, count, devices};
use crate::state::App;

/// Campaigns that can be paused: active, and not over.
async fn to_pause(app: &App, at: &CampaignsAt) -> Result<Vec<Campaign>, Refusal> {
    let mut found = app.ledger.campaigns_at(app.now()).await?;
    found.retain(|campaign| {
        let is_active = campaign.pause_cause.is_none() && !campaign.has_ended();
        is_active && at.names(&campaign.name, &campaign.tenant)
    });
    Ok(found)
}

/// Campaigns that can go on together.
async fn to_resume(app: &App, at: &CampaignsAt) -> Result<Vec<Campaign>, Refusal> {
    let now = app.now();
    let mut found = app.ledger.campaigns_at(now).await?;
    found.retain(|campaign| {
        campaign.may_be_resumed_with_others(now) && at.names(&campaign.name, &campaign.tenant)
    });
    Ok(found)
}

fn meant(uri: &Uri) -> CampaignsAt {
    CampaignsAt::of(uri.query().unwrap_or_default())
}

/// A page that names the campaigns, and asks.
fn ask(
    visitor: &Visitor,
    at: &CampaignsAt,
    campaigns: &[Campaign],
    (act, says): (&str, &str),
    beside: &Markup,
) -> Result<Markup, Refusal> {
    if !visitor.is_operator() {
        return Err(Refusal::Role);
    }
    let action = format!("/several/{act}{}", several(at));
    let token = visitor.form_token.clone().unwrap_or_default();
    let form = Form {
        action: &action,
        token: &token,
        with: &[],
    };
    let number = i64::try_from(campaigns.len()).unwrap_or(i64::MAX);
    let title = format!("{says} {} campaigns?", count(number));
    let body = html! {
        h1 { (title) }
        @if campaigns.is_empty() {
            div.card { p { "None of them can be changed like that any more." } }
        } @else {
            form.card.stack method="post" action=(action) {
                (form.hidden())
                ul {
                    @for campaign in campaigns {
                        li { strong { (campaign.name) } " of " (campaign.tenant) ", " (devices(campaign.counts.open())) " left" }
                    }
                }
                (beside)
                div.acts { button.primary type="submit" { (says) " " (count(number)) } }
            }
        }
        p { a href=(at.address()) { "No, back to the campaigns" } }
    };
    Ok(pages::page(visitor, Some(Here::Campaigns), &title, &body))
}

pub(crate) async fn ask_pause(
    State(app): State<App>,
    uri: Uri,
    visitor: Visitor,
) -> Result<Markup, Refusal> {
    let at = meant(&uri);
    let campaigns = to_pause(&app, &at).await?;
    let beside = html! {
        p { "Nothing more leaves; what is in flight ends first." }
        label for="reason" { "Why, for whoever looks" }
        input #reason name="reason" maxlength="200" placeholder="change freeze";
    };
    ask(&visitor, &at, &campaigns, ("pause", "Pause"), &beside)
}

#[derive(Deserialize)]
pub(crate) struct Why {
    #[serde(default)]
    reason: String,
}

pub(crate) async fn pause(
    State(app): State<App>,
    uri: Uri,
    Act { visitor, form }: Act<Why>,
) -> Result<Redirect, Refusal> {
    let at = meant(&uri);
    let by = visitor.actor();
    for campaign in to_pause(&app, &at).await? {
        let paused = app
            .ledger
            .pause_by_person(campaign.id, &form.reason, &by, app.now());
        paused.await?;
    }
    app.overview_cache.forget().await;
    Ok(Redirect::to(&Done::Paused.at(&at.address())))
}

pub(crate) async fn ask_resume(
    State(app): State<App>,
    uri: Uri,
    visitor: Visitor,
) -> Result<Markup, Refusal> {
    let at = meant(&uri);
    let campaigns = to_resume(&app, &at).await?;
    let beside = html! {
        p.hint { "Only those that a person paused: a canary that waits, or a breaker that tripped, asks for a look at that one campaign." }
    };
    ask(&visitor, &at, &campaigns, ("resume", "Resume"), &beside)
}

#[derive(Deserialize)]
pub(crate) struct Nothing {}

pub(crate) async fn resume(
    State(app): State<App>,
    uri: Uri,
    Act { visitor, .. }: Act<Nothing>,
) -> Result<Redirect, Refusal> {
    let at = meant(&uri);
    let by = visitor.actor();
    for campaign in to_resume(&app, &at).await? {
        app.ledger.resume(campaign.id, &by, app.now()).await?;
    }
    app.overview_cache.forget().await;
    Ok(Redirect::to(&Done::Resumed.at(&at.address())))
}
