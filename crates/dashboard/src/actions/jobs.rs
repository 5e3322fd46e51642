//! What operators do to many jobs: those that they picked, or all that a search finds. It asks first,
//! and names the number; what it then does befalls no more than that.

use axum::extract::{Path, Query, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use repilot_domain::{CampaignId, JobAct, JobId, JobQuery};
use repilot_ledger::{FoundWithOthers, JobSelection, JobsMeant};
use serde::Deserialize;

use crate::access::{Act, Visitor};
use crate::error::Refusal;
use crate::links;
use crate::pages::{self, Done, Here};
use crate::parts::devices;
use crate::state::App;
use crate::views::{self, View};

/// As many jobs as a person picks: a page of them, and not a list of everything.
const PICKED_MOST: usize = 1_000;

/// As many devices that others have as the question names.
const NAMED: u32 = 5;

/// Which jobs are meant.
#[derive(Debug, Deserialize)]
pub(crate) struct Meant {
    /// These.
    #[serde(default)]
    job: Vec<i64>,
    /// Or all of this campaign
    #[serde(default)]
    campaign: String,
    /// that this finds,
    #[serde(default)]
    q: String,
    /// so far as they were counted.
    #[serde(default)]
    jobs: u64,
    #[serde(default)]
    up_to: i64,
}

impl Meant {
    fn is_picked(&self) -> bool {
        !self.job.is_empty()
    }

    fn query(&self) -> Result<JobQuery, Refusal> {
        let parsed = self.q.parse();
        parsed.map_err(|error: repilot_domain::JobQueryError| Refusal::Unclear(error.to_string()))
    }

    /// The campaign: all that a search finds, over every campaign at once, nobody can oversee.
    async fn campaign(&self, app: &App) -> Result<CampaignId, Refusal> {
        if self.campaign.is_empty() {
            return Err(Refusal::Unclear("no job was picked".to_owned()));
        }
        let found = app.ledger.campaign(&self.campaign).await?;
        let missing = || Refusal::Missing(format!("campaign `{}`", self.campaign));
        Ok(found.ok_or_else(missing)?.id)
    }

    /// The jobs that are meant, so far as they were counted.
    async fn selection(&self, app: &App, meant: JobsMeant) -> Result<JobSelection, Refusal> {
        if self.is_picked() {
            let jobs = self.job.iter().copied().take(PICKED_MOST);
            return Ok(JobSelection::These(jobs.map(JobId).collect()));
        }
        Ok(JobSelection::All {
            campaign: Some(self.campaign(app).await?),
            query: self.query()?,
            meant,
        })
    }

    /// Where they came from.
    fn back(&self, app_jobs: &[i64]) -> String {
        match (self.campaign.as_str(), app_jobs) {
            ("", [one]) => format!("/jobs/{one}"),
            ("", _) => "/jobs".to_owned(),
            (campaign, _) => links::campaign(campaign),
        }
    }
}

/// Asks; at an address that names no act there may be a job.
pub(crate) async fn ask(
    state: State<App>,
    Path(word): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Result<Response, Refusal> {
    let Ok(act) = word.parse::<JobAct>() else {
        return Ok(views::show(state, visitor, uri).await?.into_response());
    };
    if !visitor.is_operator() {
        return Err(Refusal::Role);
    }
    let app = state.0;
    let unclear = |error: serde_html_form::de::Error| Refusal::Unclear(error.to_string());
    let meant: Meant =
        serde_html_form::from_str(uri.query().unwrap_or_default()).map_err(unclear)?;
    let counted = if meant.is_picked() {
        JobsMeant {
            jobs: meant.job.len() as u64,
            up_to: JobId(0),
        }
    } else {
        let campaign = meant.campaign(&app).await?;
        app.ledger
            .jobs_meant(Some(campaign), &meant.query()?)
            .await?
    };
    let taken = match act {
        JobAct::Requeue => {
            let selection = meant.selection(&app, counted).await?;
            app.ledger.found_with_others(&selection, NAMED).await?
        }
        JobAct::Discard | JobAct::Restore | JobAct::Cancel | JobAct::Skip => {
            FoundWithOthers::default()
        }
    };
    let number = devices(i64::try_from(counted.jobs).unwrap_or(i64::MAX));
    let asks = format!("{} {number}?", pages::capitalised(act.as_str()));
    let back = meant.back(&meant.job);
    let body = html! {
        p.crumbs { a href=(back) { "Back" } }
        h1 { (asks) }
        div.card {
            p { (explained(act)) }
            @if taken.jobs > 0 {
                div.notice.warn {
                    strong {
                        (devices(i64::try_from(taken.jobs).unwrap_or(i64::MAX)))
                        " of these are with another user now, who loses them by this."
                    }
                    @let words = taken.in_words();
                    @if !words.is_empty() { p { (words) "." } }
                }
            }
            @if !meant.is_picked() { p { "In campaign " strong { (meant.campaign) } ": " code { (meant.q) } } }
            @if counted.jobs == 0 {
                p { strong { "None fits any more." } }
            } @else {
                form.acts method="post" action={ "/jobs/" (act) } {
                    input type="hidden" name="csrf" value=[&visitor.form_token];
                    @for job in &meant.job { input type="hidden" name="job" value=(job); }
                    input type="hidden" name="campaign" value=(meant.campaign);
                    @if !meant.is_picked() {
                        input type="hidden" name="q" value=(meant.q);
                        input type="hidden" name="jobs" value=(counted.jobs);
                        input type="hidden" name="up_to" value=(counted.up_to);
                    }
                    button.sure class=(look(act)) type="submit" { (pages::capitalised(act.as_str())) " " (number) }
                }
            }
        }
        p { a href=(back) { "No, nothing is to be done" } }
    };
    Ok(pages::page(&visitor, Some(Here::Jobs), &asks, &body).into_response())
}

/// Does it.
pub(crate) async fn act(
    State(app): State<App>,
    Path(word): Path<String>,
    Act { visitor, form }: Act<Meant>,
) -> Result<Redirect, Refusal> {
    let act: JobAct = word
        .parse()
        .map_err(|error: repilot_domain::UnknownWord| Refusal::Missing(error.to_string()))?;
    let selection = if form.is_picked() {
        if form.job.len() > PICKED_MOST {
            return Err(Refusal::Unclear(format!(
                "more than {PICKED_MOST} jobs were picked at once"
            )));
        }
        JobSelection::These(form.job.iter().copied().map(JobId).collect())
    } else {
        JobSelection::All {
            campaign: Some(form.campaign(&app).await?),
            query: form.query()?,
            meant: JobsMeant {
                jobs: form.jobs,
                up_to: JobId(form.up_to),
            },
        }
    };
    let by = visitor.actor();
    let acted = app.ledger.act(act, &selection, &by, app.now()).await?;
    app.overview_cache.forget().await;
    let jobs = i64::try_from(acted.jobs).unwrap_or(i64::MAX);
    let done = match act {
        JobAct::Requeue => Done::Requeued(jobs),
        JobAct::Discard | JobAct::Skip => Done::Discarded(jobs),
        JobAct::Restore => Done::Restored(jobs),
        JobAct::Cancel => Done::Cancelled(jobs),
    };
    Ok(Redirect::to(&done.at(&form.back(&form.job))))
}

const fn look(act: JobAct) -> &'static str {
    match act {
        JobAct::Requeue | JobAct::Restore => "primary",
        JobAct::Discard | JobAct::Cancel | JobAct::Skip => "danger",
    }
}

const fn explained(act: JobAct) -> &'static str {
    match act {
        JobAct::Requeue => {
            "They are sent round again, with all their attempts before them. Who has each device is asked before it is called."
        }
        JobAct::Discard => {
            "They are set aside, and can be restored. Their attempts stay in the ledger."
        }
        JobAct::Restore => {
            "Those that were discarded are dead letters again, as they were; then they can be requeued. What was set aside before its call stays as it is."
        }
        JobAct::Cancel | JobAct::Skip => {
            "Those that were not called yet never will be. What is in flight ends as it ends."
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Sought {
    #[serde(default)]
    q: String,
}

/// Finds a device by its serial or id at once: its job where there is one, else all that fit.
pub(crate) async fn find(
    State(app): State<App>,
    Query(Sought { q }): Query<Sought>,
    _: Visitor,
) -> Result<Redirect, Refusal> {
    let all = Redirect::to(&links::jobs_found(&q));
    let Ok(query) = q.parse::<JobQuery>() else {
        return Ok(all);
    };
    if query.terms.is_empty() {
        return Ok(all);
    }
    Ok(match app.ledger.only_job(&query).await? {
        Some(job) => Redirect::to(&View::Job(job).address()),
        None => all,
    })
}
