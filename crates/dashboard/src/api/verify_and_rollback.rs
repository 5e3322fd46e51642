//! What is done with a campaign afterwards. Both list the inventory, which may take minutes: whoever
//! hangs up meanwhile finds on the campaign's page what came of it.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use repilot_domain::SightedWithin;
use repilot_ledger::StandingCampaign;
use serde::Deserialize;
use utoipa::ToSchema;

use super::caller::Operator;
use super::campaigns::{campaign, changed};
use super::problem::Problem;
use super::take::{MaybeBody, Path};
use crate::actions::verify_and_rollback::{
    AFTER, begin_to_plan, begin_to_roll_back, begin_to_verify,
};
use crate::background_tasks::{Awaited, Outcome};
use crate::state::App;
use crate::tenant_services::verify_and_rollback::{
    RollbackMeant, RollbackPlan, VerificationReport, Verify,
};

/// How a campaign is verified.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct How {
    /// Judge only jobs that succeeded so long before; 15 minutes where it is left out.
    #[schema(minimum = 0, maximum = 604_800_000)]
    after_ms: Option<u64>,
    /// Send those round again whose device is as it was before; each is looked at first.
    requeue: bool,
}

/// Nobody waits for longer than a week.
const AFTER_MOST: Duration = Duration::from_hours(7 * 24);

/// Hold what succeeded against the inventory, which is listed anew
#[utoipa::path(
    post,
    path = "/campaigns/{name}/verify",
    params(("name" = String, Path, description = "The campaign's name")),
    request_body(content = Option<How>, description = "May be left out"),
    responses(
        (status = 200, body = VerificationReport),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Nothing is old enough, something is under way, or the tenant cannot be asked from here"),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn verify(
    State(app): State<App>,
    Path(name): Path<String>,
    operator: Operator,
    MaybeBody(how): MaybeBody<Option<How>>,
) -> Result<Json<VerificationReport>, Problem> {
    let how = how.unwrap_or_default();
    let after = how.after_ms.map_or(AFTER, Duration::from_millis);
    if after > AFTER_MOST {
        return Err(Problem::senseless("`after_ms` is a week at most."));
    }
    let campaign = campaign(&app, &name).await?;
    let verify = Verify {
        after,
        requeue: how.requeue,
    };
    let begun = begin_to_verify(&app, operator.visitor(), &campaign, verify)?;
    match ended(begun).await? {
        Outcome::Verified(report) => Ok(Json(report)),
        other => Err(unexpected(&other)),
    }
}

/// What a rollback would do, by the inventory, which is listed anew
#[utoipa::path(
    post,
    path = "/campaigns/{name}/rollback/plan",
    params(("name" = String, Path, description = "The campaign's name")),
    responses(
        (status = 200, body = RollbackPlan, description = "Nothing was enqueued"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "There is nothing to take back, something is under way, or the tenant cannot be asked from here"),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn plan_rollback(
    State(app): State<App>,
    Path(name): Path<String>,
    operator: Operator,
) -> Result<Json<RollbackPlan>, Problem> {
    let campaign = campaign(&app, &name).await?;
    let begun = begin_to_plan(&app, operator.visitor(), &campaign)?;
    match ended(begun).await? {
        Outcome::Planned(plan) => Ok(Json(plan)),
        other => Err(unexpected(&other)),
    }
}

/// Which rollback is meant.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Which {
    /// Precisely that of this plan; whatever it is by now where it is left out.
    plan_sha256: Option<String>,
    /// Longest age of the knowledge of who has a device before its call: `2min`, `0s` (a look right before
    /// each call) or `never`; that of the settings where it is left out.
    #[schema(value_type = Option<String>, example = "2min")]
    sighted_within: Option<SightedWithin>,
}

/// Make a campaign that gives each device back to who had it before
///
/// One that has a new user since is left alone.
#[utoipa::path(
    post,
    path = "/campaigns/{name}/rollback",
    params(("name" = String, Path, description = "The campaign's name")),
    request_body(content = Option<Which>, description = "May be left out"),
    responses(
        (status = 200, body = StandingCampaign, description = "The campaign that does it"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "There is nothing to take back, the plan no longer holds, something is under way, or the tenant cannot be asked from here"),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn roll_back(
    State(app): State<App>,
    Path(name): Path<String>,
    operator: Operator,
    MaybeBody(which): MaybeBody<Option<Which>>,
) -> Result<Json<StandingCampaign>, Problem> {
    let campaign = campaign(&app, &name).await?;
    let Which {
        plan_sha256,
        sighted_within,
    } = which.unwrap_or_default();
    let meant = RollbackMeant {
        plan_sha256,
        sighted_within,
    };
    let begun = begin_to_roll_back(&app, operator.visitor(), &campaign, meant)?;
    match ended(begun).await? {
        Outcome::RolledBack(done) => changed(&app, &done.campaign).await,
        other => Err(unexpected(&other)),
    }
}

async fn ended(begun: Awaited) -> Result<Outcome, Problem> {
    match begun.await {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(refused)) => Err(refused.into()),
        Err(_stopped) => Err(Problem::conflict("The dashboard is being stopped.")),
    }
}

/// Something else came of it than was begun.
fn unexpected(outcome: &Outcome) -> Problem {
    Problem::conflict(format!("Something else came of it: {outcome:?}"))
}
