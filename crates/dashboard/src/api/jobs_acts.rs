//! What operators do to jobs: those they picked, or all that a search finds.

use axum::Json;
use axum::extract::State;
use repilot_domain::{JobAct, JobId};
use repilot_ledger::{ActedOn, FoundWithOthers, JobSelection, JobsMeant};
use serde::Deserialize;
use utoipa::ToSchema;

use super::caller::Operator;
use super::campaigns::id_if_any;
use super::jobs::query;
use super::problem::Problem;
use super::take::{Body, Path};
use crate::parts::devices;
use crate::state::App;

/// Which jobs are meant.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Meant {
    /// These.
    These(These),
    /// All that a search finds.
    All(All),
}

/// Jobs that were picked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct These {
    /// Their numbers.
    #[schema(max_items = 100_000)]
    ids: Vec<JobId>,
    /// Whether requeued jobs may take devices from the users that have them now.
    #[serde(default)]
    new_user: bool,
}

/// All that a search finds, so far as they were counted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct All {
    /// Within this campaign, or all.
    campaign: Option<String>,
    /// Which jobs.
    #[schema(max_length = 2_000, example = "state:dead reason:attempts-spent")]
    search: String,
    /// How many, as `GET /jobs/meant` said: no more are changed.
    jobs: u64,
    /// The last of them, as it said: what was enqueued later is not meant.
    up_to: JobId,
    /// Whether requeued jobs may take devices from the users that have them now.
    #[serde(default)]
    new_user: bool,
}

/// Largest number of devices that a refusal names.
const NAMED: u32 = 20;

/// Do something to jobs
///
/// Dead letters are requeued or discarded, and discarded ones restored; what has not been called yet is
/// cancelled or skipped. A
/// job whose state does not allow it, or no longer, is left as it is. Dead letters whose devices were
/// found with other users (`reassigned-meanwhile`) are requeued only with `new_user`, since these users
/// lose them by it; without it the answer is 409 and names them.
#[utoipa::path(
    post,
    path = "/jobs/acts/{act}",
    params(("act" = JobAct, Path, description = "What is done to them")),
    request_body = Meant,
    responses(
        (status = 200, body = ActedOn),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn act(
    State(app): State<App>,
    Path(act): Path<JobAct>,
    operator: Operator,
    Body(meant): Body<Meant>,
) -> Result<Json<ActedOn>, Problem> {
    let (selection, new_user) = match meant {
        Meant::These(These { ids, new_user }) => (JobSelection::These(ids), new_user),
        Meant::All(all) => {
            let selection = JobSelection::All {
                campaign: id_if_any(&app, all.campaign.as_deref()).await?,
                query: query(&all.search)?,
                meant: JobsMeant {
                    jobs: all.jobs,
                    up_to: all.up_to,
                },
            };
            (selection, all.new_user)
        }
    };
    if act == JobAct::Requeue && !new_user {
        let taken = app.ledger.found_with_others(&selection, NAMED).await?;
        if taken.jobs > 0 {
            return Err(with_others(&taken));
        }
    }
    let by = operator.actor();
    let acted_on = if new_user {
        app.ledger.act(act, &selection, &by, app.now()).await?
    } else {
        let acted_on = app
            .ledger
            .act_sparing_users(act, &selection, &by, app.now());
        acted_on.await?
    };
    app.overview_cache.forget().await;
    Ok(Json(acted_on))
}

/// Refuses to take devices from the users that have them now.
fn with_others(taken: &FoundWithOthers) -> Problem {
    let named = match taken.in_words() {
        words if words.is_empty() => String::new(),
        words => format!(" ({words})"),
    };
    let devices = devices(i64::try_from(taken.jobs).unwrap_or(i64::MAX));
    Problem::new_user(format!(
        "{devices} of these are with another user now{named}. Nothing was requeued. Send \
         `\"new_user\": true` to requeue them all, so that these users lose the devices."
    ))
}
