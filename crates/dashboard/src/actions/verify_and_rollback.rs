//! The pages on which an operator verifies a campaign or rolls it back. Both list the inventory, which
//! may take minutes: it is done in the background, and the campaign's page shows how far it is and
//! what came of it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Redirect;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use maud::{Markup, html};
use repilot_domain::{CampaignId, TenantName};
use repilot_ledger::Campaign;
use serde::Deserialize;
use tokio::sync::oneshot;

use crate::access::{Act, Visitor};
use crate::actions::campaign::{Confirm, Nothing, Question, back, campaign};
use crate::actions::upload::within;
use crate::background_tasks::{Awaited, BackgroundTask, Kind, Outcome};
use crate::error::Refusal;
use crate::pages::Done;
use crate::parts::devices;
use crate::state::App;
use crate::tenant_services::plan_list::Refused;
use crate::tenant_services::verify_and_rollback::{RollbackMeant, Verify, VerifyAndRollback};

/// Graph shows effects late: what succeeded later is not judged, unless somebody says otherwise.
pub(crate) const AFTER: Duration = Duration::from_mins(15);

/// Who verifies and rolls back, if anybody can from here.
pub(crate) fn aftermath(
    app: &App,
    tenant: &TenantName,
) -> Result<Arc<dyn VerifyAndRollback>, Refused> {
    let Some(aftermath) = app.aftermath.clone() else {
        return Err(Refused {
            why: "this dashboard calls no Graph: it runs beside a rehearsal".to_owned(),
            advice:
                "Verify and roll back while the simulated Graph is up, with `repilot simulate`."
                    .to_owned(),
        });
    };
    match aftermath.hindrance(tenant) {
        None => Ok(aftermath),
        Some(refused) => Err(refused),
    }
}

/// Begins a task of a campaign; it goes on when nobody waits for it any more.
fn begin(
    app: &App,
    campaign: CampaignId,
    task: BackgroundTask,
    work: BoxFuture<'static, Result<Outcome, Refused>>,
) -> Result<Awaited, Refusal> {
    if let Err(known) = app.background_tasks.start(campaign, task) {
        return Err(Refusal::Conflict(format!(
            "a {} of this campaign is under way, begun by {}",
            known.kind.noun(),
            known.by
        )));
    }
    let (done, awaited) = oneshot::channel();
    let app = app.clone();
    tokio::spawn(async move {
        // Whatever becomes of the work, the campaign is free for another.
        let outcome = tokio::spawn(work).await.unwrap_or_else(|error| {
            Err(Refused {
                why: error.to_string(),
                advice: "The dashboard's log says more.".to_owned(),
            })
        });
        app.background_tasks
            .end(campaign, app.now(), outcome.clone());
        app.overview_cache.forget().await;
        let _nobody_waits = done.send(outcome);
    });
    Ok(awaited)
}

/// Begins to verify a campaign.
pub(crate) fn begin_to_verify(
    app: &App,
    visitor: &Visitor,
    campaign: &Campaign,
    verify: Verify,
) -> Result<Awaited, Refusal> {
    let aftermath = aftermath(app, &campaign.tenant)?;
    let task = BackgroundTask::new(Kind::Verify, &visitor.name, app.now());
    let progress = task.progress.clone();
    let work = aftermath.verify(campaign.name.clone(), verify, visitor.actor(), progress);
    let work = work.map(|done| done.map(Outcome::Verified)).boxed();
    begin(app, campaign.id, task, work)
}

/// Begins to make the plan of a rollback.
pub(crate) fn begin_to_plan(
    app: &App,
    visitor: &Visitor,
    campaign: &Campaign,
) -> Result<Awaited, Refusal> {
    let aftermath = aftermath(app, &campaign.tenant)?;
    let task = BackgroundTask::new(Kind::PlanRollback, &visitor.name, app.now());
    let work = aftermath.plan_rollback(campaign.name.clone(), task.progress.clone());
    let work = work.map(|done| done.map(Outcome::Planned)).boxed();
    begin(app, campaign.id, task, work)
}

/// Begins to roll a campaign back.
pub(crate) fn begin_to_roll_back(
    app: &App,
    visitor: &Visitor,
    campaign: &Campaign,
    meant: RollbackMeant,
) -> Result<Awaited, Refusal> {
    let aftermath = aftermath(app, &campaign.tenant)?;
    let task = BackgroundTask::new(Kind::RollBack, &visitor.name, app.now());
    let (name, progress) = (campaign.name.clone(), task.progress.clone());
    let work = aftermath.roll_back(name, meant, visitor.actor(), progress);
    let work = work.map(|done| done.map(Outcome::RolledBack)).boxed();
    begin(app, campaign.id, task, work)
}

/// Why it cannot be done from here, and what to do.
fn hindered(refused: &Refused) -> Markup {
    html! {
        div.notice.bad { strong { (crate::pages::capitalised(&refused.why)) } span { (refused.advice) } }
    }
}

pub(crate) async fn ask_verify(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Markup, Refusal> {
    let campaign = campaign(&app, &name).await?;
    let done = devices(campaign.counts.succeeded);
    let hindrance = aftermath(&app, &campaign.tenant).err();
    let body = html! {
        @if let Some(refused) = &hindrance { (hindered(refused)) } @else {
            p { "Lists the inventory of tenant " (campaign.tenant) " anew, one read a thousand devices, and holds the " strong { (done) } " that succeeded against it. It changes nothing." }
            label for="minutes" { "Only what succeeded so many minutes before" }
            input #minutes name="minutes" type="number" min="0" max="10080" required value=(AFTER.as_secs() / 60) aria-describedby="minutes-hint";
            p.hint #minutes-hint { "Graph shows effects late; what is younger is left for another time." }
        }
    };
    let question = Question {
        campaign: &campaign,
        asks: format!("Verify {name}?"),
        body,
        yes: hindrance.is_none().then(|| Confirm {
            act: "verify",
            says: format!("Verify {done}"),
            look: "primary",
            with: &[],
        }),
    };
    question.to(&visitor)
}

#[derive(Deserialize)]
pub(crate) struct After {
    minutes: u32,
}

pub(crate) async fn verify(
    State(app): State<App>,
    Path(name): Path<String>,
    Act { visitor, form }: Act<After>,
) -> Result<Redirect, Refusal> {
    let campaign = campaign(&app, &name).await?;
    let verify = Verify {
        after: Duration::from_mins(u64::from(form.minutes)),
        requeue: false,
    };
    begin_to_verify(&app, &visitor, &campaign, verify)?;
    back(&app, &name, Done::Begun).await
}

/// First the plan, then the question.
pub(crate) async fn ask_rollback(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Markup, Refusal> {
    let campaign = campaign(&app, &name).await?;
    let hindrance = aftermath(&app, &campaign.tenant).err();
    let plan = app.background_tasks.plan(campaign.id);
    let body = html! {
        @if let Some(refused) = &hindrance { (hindered(refused)) }
        @else if let Some(plan) = &plan {
            pre.plan tabindex="0" aria-label="The plan" { (plan.text) }
            p.lead { strong { (plan.question) } }
            label for="sighted_within" { "Ask who has a device" }
            input #sighted_within name="sighted_within" maxlength="100" placeholder="2min" autocomplete="off" aria-describedby="sighted_within-hint";
            p.hint #sighted_within-hint { "At most so long before its call: 2min, 30s, 0s (a look right before each) or never; empty: as the settings say." }
            p.hint { "It becomes campaign " (plan.campaign) ". Each device is looked at before it is called; one that has a new user by then is left alone." }
        } @else {
            p { "Each device that the campaign changed goes back to who had it before, unless somebody new has it since." }
            p { "For its plan the inventory of tenant " (campaign.tenant) " is listed anew. Nothing is changed before you have seen the plan and said yes." }
        }
    };
    let sha256 = plan.as_ref().map(|plan| plan.plan_sha256.clone());
    let with = [("plan_sha256", sha256.as_deref().unwrap_or_default())];
    let yes = match &plan {
        _ if hindrance.is_some() => None,
        Some(plan) => Some(Confirm {
            act: "rollback",
            says: format!(
                "Roll back {}",
                devices(i64::try_from(plan.devices).unwrap_or(i64::MAX))
            ),
            look: "danger sure",
            with: &with,
        }),
        None => Some(Confirm {
            act: "rollback/plan",
            says: "Make the plan".to_owned(),
            look: "primary",
            with: &[],
        }),
    };
    let question = Question {
        campaign: &campaign,
        asks: format!("Roll back {name}?"),
        body,
        yes,
    };
    question.to(&visitor)
}

pub(crate) async fn plan_rollback(
    State(app): State<App>,
    Path(name): Path<String>,
    Act { visitor, .. }: Act<Nothing>,
) -> Result<Redirect, Refusal> {
    let campaign = campaign(&app, &name).await?;
    begin_to_plan(&app, &visitor, &campaign)?;
    back(&app, &name, Done::Begun).await
}

#[derive(Deserialize)]
pub(crate) struct Shown {
    plan_sha256: String,
    #[serde(default)]
    sighted_within: String,
}

pub(crate) async fn roll_back(
    State(app): State<App>,
    Path(name): Path<String>,
    Act { visitor, form }: Act<Shown>,
) -> Result<Redirect, Refusal> {
    let campaign = campaign(&app, &name).await?;
    let meant = RollbackMeant {
        plan_sha256: Some(form.plan_sha256),
        sighted_within: within(&form.sighted_within)?,
    };
    begin_to_roll_back(&app, &visitor, &campaign, meant)?;
    back(&app, &name, Done::Begun).await
}
