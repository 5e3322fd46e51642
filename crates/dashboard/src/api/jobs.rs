//! Jobs: searched, counted, read one by one.

use axum::Json;
use axum::extract::State;
use repilot_domain::{CampaignId, JobId, JobQuery};
use repilot_ledger::{
    Attempt, FoundJobs, Job, JobCount, JobReport, JobSearch, JobSort, JobsMeant, Seek,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::campaigns::id_if_any;
use super::problem::Problem;
use super::take::{Path, Query, limit};
use crate::state::App;

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Of this campaign; of all where it is left out.
    campaign: Option<String>,
    /// Those that fit, as on the command line: `state:dead tag:STORE*`. All where it is left out.
    #[param(max_length = 2_000)]
    search: Option<String>,
}

/// Which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Where {
    /// In this order; by number where it is left out.
    #[param(inline)]
    sort: Option<Order>,
    /// In the opposite order.
    #[serde(default)]
    descending: bool,
    /// Those behind this place: `next` of another page, or a job's number.
    after: Option<String>,
    /// Those before this place: `previous` of another page, or a job's number. Not with `after`.
    before: Option<String>,
    /// At most so many; 100 where it is left out.
    #[param(minimum = 1, maximum = 250)]
    limit: Option<u32>,
}

/// What jobs are sorted by.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Order {
    /// Their number.
    Job,
    /// Their device's serial number; within one campaign, or where at most 10,000 fit.
    Serial,
    /// When they ended, those that have not first; where at most 10,000 fit.
    Finished,
}

/// A page of jobs; it stays where it is however the ledger changes.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobsPage {
    /// The jobs, in order.
    jobs: Vec<Job>,
    /// `after` of the next page, if there may be one.
    next: Option<String>,
    /// `before` of the previous page, if there may be one.
    previous: Option<String>,
    /// Whether the page is not full because this was as far as one page looks: what is rare comes
    /// with a `next` (or `previous`) that goes on from there.
    unfinished: bool,
    /// Jobs that were looked at for it.
    looked_at: u64,
}

/// Longer searches are none.
const SEARCH_MAX_CHARS: usize = 2_000;

impl Which {
    /// What is meant by it.
    pub(super) async fn resolve(
        &self,
        app: &App,
    ) -> Result<(Option<CampaignId>, JobQuery), Problem> {
        let campaign = id_if_any(app, self.campaign.as_deref()).await?;
        Ok((campaign, query(self.search.as_deref().unwrap_or_default())?))
    }
}

/// A search as it was written.
pub(super) fn query(search: &str) -> Result<JobQuery, Problem> {
    if search.chars().count() > SEARCH_MAX_CHARS {
        let detail = format!("`search` has more than {SEARCH_MAX_CHARS} characters.");
        return Err(Problem::senseless(detail));
    }
    Ok(search.parse()?)
}

/// Search for jobs
#[utoipa::path(
    get,
    path = "/jobs",
    params(Which, Where),
    responses(
        (status = 200, body = JobsPage),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn list(
    State(app): State<App>,
    _: Caller,
    Query(which): Query<Which>,
    Query(page): Query<Where>,
) -> Result<Json<JobsPage>, Problem> {
    let limit = limit(page.limit)?;
    let seek = match (&page.after, &page.before) {
        (None, None) => Seek::Start,
        (Some(after), None) => Seek::After(after.parse()?),
        (None, Some(before)) => Seek::Before(before.parse()?),
        (Some(_), Some(_)) => {
            return Err(Problem::senseless(
                "`after` and `before` exclude each other.",
            ));
        }
    };
    let (campaign, query) = which.resolve(&app).await?;
    let FoundJobs {
        jobs,
        before,
        after,
        unfinished,
        looked_at,
    } = app
        .ledger
        .search(&JobSearch {
            campaign,
            query,
            sort: match page.sort {
                None | Some(Order::Job) => JobSort::Job,
                Some(Order::Serial) => JobSort::Serial,
                Some(Order::Finished) => JobSort::Finished,
            },
            descending: page.descending,
            seek,
            limit,
        })
        .await?;
    Ok(Json(JobsPage {
        jobs,
        next: after.map(|place| place.to_string()),
        previous: before.map(|place| place.to_string()),
        unfinished,
        looked_at,
    }))
}

/// Count the jobs that fit
///
/// Exactly where counters know, else as far as counting takes moments.
#[utoipa::path(
    get,
    path = "/jobs/count",
    params(Which),
    responses(
        (status = 200, body = JobCount),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn count(
    State(app): State<App>,
    _: Caller,
    Query(which): Query<Which>,
) -> Result<Json<JobCount>, Problem> {
    let (campaign, query) = which.resolve(&app).await?;
    Ok(Json(app.ledger.count_jobs(campaign, &query).await?))
}

/// Count the jobs that fit, exactly, before something is done to them all
///
/// Where no index bears the search it takes as long as looking at every job. What it says goes into
/// the body of `POST /jobs/acts/{act}`: no more jobs than these are then changed.
#[utoipa::path(
    get,
    path = "/jobs/meant",
    params(Which),
    responses(
        (status = 200, body = JobsMeant),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn meant(
    State(app): State<App>,
    _: Caller,
    Query(which): Query<Which>,
) -> Result<Json<JobsMeant>, Problem> {
    let (campaign, query) = which.resolve(&app).await?;
    Ok(Json(app.ledger.jobs_meant(campaign, &query).await?))
}

/// One job: why it waits, and its every attempt
#[utoipa::path(
    get,
    path = "/jobs/{id}",
    params(("id" = i64, Path, description = "The job's number")),
    responses(
        (status = 200, body = JobReport),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn one(
    State(app): State<App>,
    Path(id): Path<i64>,
    _: Caller,
) -> Result<Json<JobReport>, Problem> {
    let report = app.ledger.job_report(JobId(id), app.now()).await?;
    report
        .map(Json)
        .ok_or_else(|| Problem::missing(&format!("job {id}")))
}

/// Every attempt of a job, oldest first
#[utoipa::path(
    get,
    path = "/jobs/{id}/attempts",
    params(("id" = i64, Path, description = "The job's number")),
    responses(
        (status = 200, body = [Attempt]),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn attempts(
    State(app): State<App>,
    Path(id): Path<i64>,
    _: Caller,
) -> Result<Json<Vec<Attempt>>, Problem> {
    if app.ledger.job(JobId(id)).await?.is_none() {
        return Err(Problem::missing(&format!("job {id}")));
    }
    Ok(Json(app.ledger.attempts(JobId(id)).await?))
}
