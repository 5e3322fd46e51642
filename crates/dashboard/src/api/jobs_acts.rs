//! What operators do to jobs: those they picked, or all that a search finds.

use axum::Json;
use axum::extract::State;
use repilot_domain::{JobAct, JobId};
use repilot_ledger::{ActedOn, JobSelection, JobsMeant};
use serde::Deserialize;
use utoipa::ToSchema;

use super::caller::Operator;
use super::campaigns::id_if_any;
use super::jobs::query;
use super::problem::Problem;
use super::take::{Body, Path};
use crate::app::App;

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
}

/// Do something to jobs
///
/// Dead letters are requeued or discarded; what has not been called yet is cancelled or skipped. A
/// job whose state does not allow it, or no longer, is left as it is.
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
    let selection = match meant {
        Meant::These(These { ids }) => JobSelection::These(ids),
        Meant::All(all) => JobSelection::All {
            campaign: id_if_any(&app, all.campaign.as_deref()).await?,
            query: query(&all.search)?,
            meant: JobsMeant {
                jobs: all.jobs,
                up_to: all.up_to,
            },
        },
    };
    let by = operator.actor();
    let acted_on = app.ledger.act(act, &selection, &by, app.now()).await?;
    app.hub.forget().await;
    Ok(Json(acted_on))
}
