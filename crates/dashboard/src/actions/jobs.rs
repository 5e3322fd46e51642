//! What operators do to many jobs: those that they picked, or all that a search finds. It asks first,
//! and names the number; what it then does befalls no more than that.

use axum::extract::{Path, Query, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use repilot_domain::{CampaignId, JobAct, JobCondition, JobId, JobQuery, JobQueryError, JobState};
use repilot_ledger::{FoundWithOthers, JobSelection, JobsMeant};
use serde::Deserialize;

use crate::access::{Act, Visitor};
use crate::error::Refusal;
use crate::links::{self, JobsAt};
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
    /// Whether users may lose devices by it, which the question named.
    #[serde(default)]
    new_user: bool,
    /// Whether all that are found are meant, whatever is picked.
    #[serde(default)]
    all: bool,
    /// The page that one comes from, and goes back to: `jobs`, or the campaign's.
    #[serde(default)]
    from: String,
    /// so far as they were counted.
    #[serde(default)]
    jobs: u64,
    #[serde(default)]
    up_to: i64,
}

impl Meant {
    fn is_picked(&self) -> bool {
        !self.job.is_empty() && !self.all
    }

    /// What is searched for: jobs to which this can be done at all.
    fn query(&self, act: JobAct) -> Result<JobQuery, Refusal> {
        let parsed: Result<JobQuery, JobQueryError> = self.q.parse();
        let query = parsed.map_err(|error| Refusal::Unclear(error.to_string()))?;
        let states = JobState::sources_of(act.event());
        Ok(query.and(JobCondition::State(states)))
    }

    /// The campaign, where one is named; whoever means jobs of all of them says which.
    async fn campaign(&self, app: &App) -> Result<Option<CampaignId>, Refusal> {
        // From the page of jobs nobody means all of them who did not say so.
        let is_asked_for = self.all || self.from != "jobs";
        let names_some = !(self.campaign.is_empty() && self.q.trim().is_empty());
        if !is_asked_for || !names_some {
            return Err(Refusal::Unclear(
                "no job was picked: go back and pick some, or all that fit".to_owned(),
            ));
        }
        if self.campaign.is_empty() {
            return Ok(None);
        }
        let found = app.ledger.campaign(&self.campaign).await?;
        let missing = || Refusal::Missing(format!("campaign `{}`", self.campaign));
        Ok(Some(found.ok_or_else(missing)?.id))
    }

    /// The jobs that are meant, so far as they were counted.
    async fn selection(
        &self,
        app: &App,
        act: JobAct,
        meant: JobsMeant,
    ) -> Result<JobSelection, Refusal> {
        if self.is_picked() {
            let jobs = self.job.iter().copied().take(PICKED_MOST);
            return Ok(JobSelection::These(jobs.map(JobId).collect()));
        }
        Ok(JobSelection::All {
            campaign: self.campaign(app).await?,
            query: self.query(act)?,
            meant,
        })
    }

    /// Where they came from.
    fn back(&self) -> String {
        if self.from == "jobs" {
            let at = JobsAt {
                campaign: Some(self.campaign.clone()).filter(|campaign| !campaign.is_empty()),
                query: self.q.clone(),
                ..JobsAt::default()
            };
            return at.address();
        }
        match (self.campaign.as_str(), self.job.as_slice()) {
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
        app.ledger.jobs_meant(campaign, &meant.query(act)?).await?
    };
    let taken = match act {
        JobAct::Requeue => {
            let selection = meant.selection(&app, act, counted).await?;
            app.ledger.found_with_others(&selection, NAMED).await?
        }
        JobAct::Discard | JobAct::Restore | JobAct::Cancel | JobAct::Skip => {
            FoundWithOthers::default()
        }
    };
    let number = devices(i64::try_from(counted.jobs).unwrap_or(i64::MAX));
    let asks = format!("{} {number}?", pages::capitalised(act.as_str()));
    let back = meant.back();
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
            @if !meant.is_picked() {
                p {
                    @if meant.campaign.is_empty() { "In all campaigns: " } @else { "In campaign " strong { (meant.campaign) } ": " }
                    code { (meant.q) }
                }
            }
            @if counted.jobs == 0 {
                p { strong { "None fits any more." } }
            } @else {
                form.acts method="post" action={ "/jobs/" (act) } {
                    input type="hidden" name="csrf" value=[&visitor.form_token];
                    @if !meant.from.is_empty() { input type="hidden" name="from" value=(meant.from); }
                    @if taken.jobs > 0 { input type="hidden" name="new_user" value="true"; }
                    @if meant.all { input type="hidden" name="all" value="true"; }
                    @for job in meant.job.iter().filter(|_| meant.is_picked()) { input type="hidden" name="job" value=(job); }
                    input type="hidden" name="campaign" value=(meant.campaign);
                    input type="hidden" name="q" value=(meant.q);
                    @if !meant.is_picked() {
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
            campaign: form.campaign(&app).await?,
            query: form.query(act)?,
            meant: JobsMeant {
                jobs: form.jobs,
                up_to: JobId(form.up_to),
            },
        }
    };
    let by = visitor.actor();
    let acted = if form.new_user {
        app.ledger.act(act, &selection, &by, app.now()).await?
    } else {
        let acted = app
            .ledger
            .act_sparing_users(act, &selection, &by, app.now());
        acted.await?
    };
    app.overview_cache.forget().await;
    let jobs = i64::try_from(acted.jobs).unwrap_or(i64::MAX);
    let done = match act {
        JobAct::Requeue => Done::Requeued(jobs),
        JobAct::Discard | JobAct::Skip => Done::Discarded(jobs),
        JobAct::Restore => Done::Restored(jobs),
        JobAct::Cancel => Done::Cancelled(jobs),
    };
    Ok(Redirect::to(&done.at(&form.back())))
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
