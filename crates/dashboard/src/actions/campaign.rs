//! What operators do to campaigns. What cannot be undone asks on a page of its own, which names the
//! number of devices.

use axum::extract::{Path, State};
use axum::response::Redirect;
use maud::{Markup, html};
use repilot_domain::{CanaryPhase, Timestamp};
use repilot_ledger::Campaign;
use serde::Deserialize;

use crate::access::{Act, Visitor};
use crate::error::Refusal;
use crate::links;
use crate::pages::{self, Done, Here};
use crate::parts::{Form, devices, unchanged};
use crate::state::App;

pub(crate) async fn campaign(app: &App, name: &str) -> Result<Campaign, Refusal> {
    let found = app.ledger.campaign_at(name, app.now()).await?;
    found.ok_or_else(|| Refusal::Missing(format!("campaign `{name}`")))
}

/// A page that asks before something is done to a campaign.
pub(crate) struct Question<'a> {
    pub(crate) campaign: &'a Campaign,
    pub(crate) asks: String,
    /// What is said, and what else is wanted to know.
    pub(crate) body: Markup,
    /// The answer that does it; none where it cannot be done.
    pub(crate) yes: Option<Confirm<'a>>,
}

/// The answer that does something.
pub(crate) struct Confirm<'a> {
    /// Below the campaign's address.
    pub(crate) act: &'a str,
    pub(crate) says: String,
    pub(crate) look: &'static str,
    /// What it sends beside.
    pub(crate) with: &'a [(&'a str, &'a str)],
}

impl Question<'_> {
    pub(crate) fn to(self, visitor: &Visitor) -> Result<Markup, Refusal> {
        if !visitor.is_operator() {
            return Err(Refusal::Role);
        }
        let address = links::campaign(&self.campaign.name);
        let token = visitor.form_token.clone().unwrap_or_default();
        let body = html! {
            p.crumbs { a href=(address) { (self.campaign.name) } }
            h1 { (self.asks) }
            @if let Some(yes) = &self.yes {
                @let action = format!("{address}/{}", yes.act);
                @let form = Form { action: &action, token: &token, with: yes.with };
                form.card.stack method="post" action=(action) {
                    (form.hidden())
                    (self.body)
                    div.acts { button class=(yes.look) type="submit" { (yes.says) } }
                }
            } @else {
                div.card { (self.body) }
            }
            p { a href=(address) { "No, back to the campaign" } }
        };
        Ok(pages::page(
            visitor,
            Some(Here::Campaigns),
            &self.asks,
            &body,
        ))
    }
}

pub(crate) async fn ask_pause(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Markup, Refusal> {
    let campaign = campaign(&app, &name).await?;
    let body = html! {
        p { "Nothing more leaves; " (devices(campaign.counts.running)) " in flight end first." }
        label for="reason" { "Why, for whoever looks" }
        input #reason name="reason" maxlength="200" placeholder="change freeze" autofocus;
    };
    let question = Question {
        campaign: &campaign,
        asks: format!("Pause {name}?"),
        body,
        yes: Some(Confirm {
            act: "pause",
            says: "Pause".to_owned(),
            look: "primary",
            with: &[],
        }),
    };
    question.to(&visitor)
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

/// To let a canary pass is to let all the others go.
pub(crate) async fn ask_pass(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Markup, Refusal> {
    let campaign = campaign(&app, &name).await?;
    let open = campaign.counts.open();
    let is_waiting = campaign.canary_phase == CanaryPhase::Waiting;
    let body = html! {
        @if is_waiting {
            p { strong { (pages::capitalised(&campaign.status_reason)) "." } }
            p { "The other " strong { (devices(open)) } " then go out as the tenant grants." }
        } @else {
            p { "No canary of it waits." }
        }
    };
    let question = Question {
        campaign: &campaign,
        asks: format!("Pass the canary of {name}?"),
        body,
        yes: is_waiting.then(|| Confirm {
            act: "resume",
            says: format!("Pass the canary: go on with {}", devices(open)),
            look: "primary",
            with: &[],
        }),
    };
    question.to(&visitor)
}

#[derive(Deserialize)]
pub(crate) struct Nothing {}

pub(crate) async fn resume(
    State(app): State<App>,
    Path(name): Path<String>,
    Act { visitor, .. }: Act<Nothing>,
) -> Result<Redirect, Refusal> {
    let campaign = campaign(&app, &name).await?;
    if let Some(deadline) = campaign.passed_deadline(app.now()) {
        return Err(Refusal::Conflict(past(deadline)));
    }
    let by = visitor.actor();
    if !app.ledger.resume(campaign.id, &by, app.now()).await? {
        return Err(Refusal::Conflict("the campaign is not paused".to_owned()));
    }
    back(&app, &name, Done::Resumed).await
}

/// Why a campaign cannot be resumed whose deadline has passed.
pub(crate) fn past(deadline: Timestamp) -> String {
    format!(
        "its deadline {deadline} has passed, and would pause it again at once: set a later one, or none, under \"When and how fast\", then resume it"
    )
}

pub(crate) async fn ask_cancel(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Markup, Refusal> {
    let campaign = campaign(&app, &name).await?;
    let open = campaign.counts.open();
    let body = html! {
        p { strong { (devices(open)) } " that were not called yet never will be. This cannot be undone." }
        p { "What was done stays done: " (devices(campaign.counts.succeeded)) "." }
    };
    let question = Question {
        campaign: &campaign,
        asks: format!("Cancel {name}?"),
        body,
        yes: Some(Confirm {
            act: "cancel",
            says: format!("Cancel {} for good", devices(open)),
            look: "danger sure",
            with: &[],
        }),
    };
    question.to(&visitor)
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

pub(crate) async fn ask_reopen(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Markup, Refusal> {
    let campaign = campaign(&app, &name).await?;
    let jobs = unchanged(&campaign);
    let body = html! {
        p { strong { (devices(jobs)) } " were found as if nothing had been done. They go round again; each is looked at before it is called." }
    };
    let question = Question {
        campaign: &campaign,
        asks: format!("Send {} round again?", devices(jobs)),
        body,
        yes: (jobs > 0).then(|| Confirm {
            act: "reopen",
            says: format!("Send {} round again", devices(jobs)),
            look: "primary sure",
            with: &[],
        }),
    };
    question.to(&visitor)
}

pub(crate) async fn reopen(
    State(app): State<App>,
    Path(name): Path<String>,
    Act { visitor, .. }: Act<Nothing>,
) -> Result<Redirect, Refusal> {
    let campaign = campaign(&app, &name).await?;
    let by = visitor.actor();
    let jobs = app.ledger.reopen(campaign.id, &by, app.now()).await?;
    let jobs = i64::try_from(jobs).unwrap_or(i64::MAX);
    back(&app, &name, Done::Requeued(jobs)).await
}

/// To the campaign's page, which shows what was done.
pub(crate) async fn back(app: &App, name: &str, done: Done) -> Result<Redirect, Refusal> {
    app.overview_cache.forget().await;
    Ok(Redirect::to(&done.at(&links::campaign(name))))
}
