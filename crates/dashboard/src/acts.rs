//! What operators do to campaigns. What cannot be undone asks on a page of its own, which names the
//! number of devices.

use axum::extract::{Path, State};
use axum::response::Redirect;
use maud::{Markup, html};
use repilot_ledger::Campaign;
use serde::Deserialize;

use crate::access::{Act, Visitor};
use crate::app::App;
use crate::error::Refusal;
use crate::pages::{self, Done, Here};
use crate::parts::{Form, devices};
use crate::views::campaign_address;

pub(crate) async fn campaign(app: &App, name: &str) -> Result<Campaign, Refusal> {
    let found = app.ledger.campaign(name).await?;
    found.ok_or_else(|| Refusal::Missing(format!("campaign `{name}`")))
}

/// A page that asks before something is done.
fn question(
    visitor: &Visitor,
    campaign: &Campaign,
    asks: &str,
    body: &Markup,
) -> Result<Markup, Refusal> {
    if !visitor.is_operator() {
        return Err(Refusal::Role);
    }
    let address = campaign_address(&campaign.name);
    let body = html! {
        p.crumbs { a href=(address) { (campaign.name) } }
        h1 { (asks) }
        (body)
        p { a href=(address) { "No, back to the campaign" } }
    };
    Ok(pages::page(visitor, Some(Here::Campaigns), asks, &body))
}

pub(crate) async fn ask_pause(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Markup, Refusal> {
    let campaign = campaign(&app, &name).await?;
    let token = visitor.form_token.clone().unwrap_or_default();
    let action = format!("{}/pause", campaign_address(&name));
    let form = Form {
        action: &action,
        token: &token,
        with: &[],
    };
    let body = html! {
        form.card.stack method="post" action=(action) {
            (form.hidden())
            p { "Nothing more leaves; " (devices(campaign.counts.running)) " in flight end first." }
            label for="reason" { "Why, for whoever looks" }
            input #reason name="reason" maxlength="200" placeholder="change freeze" autofocus;
            div.acts { button.primary type="submit" { "Pause" } }
        }
    };
    question(&visitor, &campaign, &format!("Pause {name}?"), &body)
}

#[derive(Deserialize)]
pub(crate) struct Why {
    #[serde(default)]
    reason: String,
}

pub(crate) async fn pause(
    State(app): State<App>,
    Path(name): Path<String>,
    Act { visitor, form }: Act<Why>,
) -> Result<Redirect, Refusal> {
    let campaign = campaign(&app, &name).await?;
    let by = visitor.actor();
    let paused = app
        .ledger
        .pause_by_person(campaign.id, &form.reason, &by, app.now())
        .await?;
    if !paused {
        return Err(Refusal::Conflict("the campaign is not active".to_owned()));
    }
    back(&app, &name, Done::Paused).await
}

#[derive(Deserialize)]
pub(crate) struct Nothing {}

pub(crate) async fn resume(
    State(app): State<App>,
    Path(name): Path<String>,
    Act { visitor, .. }: Act<Nothing>,
) -> Result<Redirect, Refusal> {
    let campaign = campaign(&app, &name).await?;
    let by = visitor.actor();
    if !app.ledger.resume(campaign.id, &by, app.now()).await? {
        return Err(Refusal::Conflict("the campaign is not paused".to_owned()));
    }
    back(&app, &name, Done::Resumed).await
}

pub(crate) async fn ask_cancel(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Markup, Refusal> {
    let campaign = campaign(&app, &name).await?;
    let token = visitor.form_token.clone().unwrap_or_default();
    let action = format!("{}/cancel", campaign_address(&name));
    let form = Form {
        action: &action,
        token: &token,
        with: &[],
    };
    let open = campaign.counts.open();
    let body = html! {
        div.card {
            p { strong { (devices(open)) } " that were not called yet never will be. This cannot be undone." }
            p { "What was done stays done: " (devices(campaign.counts.succeeded)) "." }
            div.acts { (form.button(&format!("Cancel {} for good", devices(open)), "danger sure")) }
        }
    };
    question(&visitor, &campaign, &format!("Cancel {name}?"), &body)
}

pub(crate) async fn cancel(
    State(app): State<App>,
    Path(name): Path<String>,
    Act { visitor, .. }: Act<Nothing>,
) -> Result<Redirect, Refusal> {
    let campaign = campaign(&app, &name).await?;
    if campaign.has_ended() {
        return Err(Refusal::Conflict("the campaign has ended".to_owned()));
    }
    let by = visitor.actor();
    let jobs = app.ledger.cancel(campaign.id, &by, app.now()).await?;
    back(
        &app,
        &name,
        Done::Cancelled(i64::try_from(jobs).unwrap_or(i64::MAX)),
    )
    .await
}

/// To the campaign's page, which shows what was done.
async fn back(app: &App, name: &str, done: Done) -> Result<Redirect, Refusal> {
    app.hub.forget().await;
    Ok(Redirect::to(&done.at(&campaign_address(name))))
}
