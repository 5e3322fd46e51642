//! Jobs: found by what they are, page by page, and picked for what is to be done to them.

use maud::{Markup, html};
use repilot_domain::{DeadReason, JobAct, JobQuery, JobState, Verification};
use repilot_ledger::{FoundJobs, Job, JobCount, JobCursor, JobSearch, LedgerError, Seek};

use super::{Section, ViewContext};
use crate::error::Refusal;
use crate::links::{self, JobsAt, Place, Sort};
use crate::live::Overview;
use crate::parts::{ago, chip, count, empty, moment, wide};
use crate::state::App;

/// Rows a page.
const SHOWN: u32 = 50;

/// What is read beyond the overview.
pub(crate) struct Details {
    at: JobsAt,
    /// What was found, or why it cannot be looked for.
    found: Result<(FoundJobs, JobCount), String>,
}

pub(super) async fn read(app: &App, at: &JobsAt, overview: &Overview) -> Result<Details, Refusal> {
    let campaign = match &at.campaign {
        Some(name) => {
            let missing = || Refusal::Missing(format!("campaign `{name}`"));
            Some(overview.campaign(name).ok_or_else(missing)?.id)
        }
        None => None,
    };
    let details = |found| Details {
        at: at.clone(),
        found,
    };
    let query: JobQuery = match at.query.parse() {
        Ok(query) => query,
        Err(error) => return Ok(details(Err(format!("{error}")))),
    };
    let cursor = |text: &str| {
        let parsed = text.parse::<JobCursor>();
        parsed.map_err(|error| Refusal::Unclear(error.to_string()))
    };
    let seek = match &at.place {
        Place::Start => Seek::Start,
        Place::After(text) => Seek::After(cursor(text)?),
        Place::Before(text) => Seek::Before(cursor(text)?),
    };
    let search = JobSearch {
        campaign,
        query,
        sort: at.sort.as_ledger(),
        descending: at.descending,
        seek,
        limit: SHOWN,
    };
    match app.ledger.search_and_count(&search).await {
        Ok(found) => Ok(details(Ok(found))),
        Err(error @ LedgerError::TooManyToSort { .. }) => Ok(details(Err(error.to_string()))),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn sections(details: &Details, context: &ViewContext) -> Vec<Section> {
    vec![
        Section::new("head", head(&details.at)),
        Section::new("jobs", results(details, context)),
    ]
}

/// Words that a search may go on with, apart by blanks.
fn known_words() -> String {
    let states = JobState::ALL.iter().map(|state| format!("state:{state}"));
    let reasons = DeadReason::ALL
        .iter()
        .map(|reason| format!("reason:{reason}"));
    let found = Verification::ALL
        .iter()
        .map(|found| format!("verification:{found}"));
    let others = [
        "tag:",
        "model:",
        "user:",
        "serial:",
        "campaign:",
        "tenant:",
        "device:",
        "job:",
        "without:user",
    ];
    let others = others.into_iter().map(str::to_owned);
    let words: Vec<String> = states.chain(reasons).chain(found).chain(others).collect();
    words.join(" ")
}

fn head(at: &JobsAt) -> Markup {
    html! {
        @if let Some(campaign) = &at.campaign {
            p.crumbs { a href="/" { "Campaigns" } " / " a href=(links::campaign(campaign)) { (campaign) } }
        }
        h1 { "Jobs" }
        form.search role="search" method="get" action="/jobs" {
            @if let Some(campaign) = &at.campaign { input type="hidden" name="campaign" value=(campaign); }
            label.unseen for="q" { "Which jobs" }
            input #q type="search" name="q" value=(at.query) list="words" placeholder="state:dead reason:not-found tag:STORE user:@contoso.com 0924-…" autocomplete="off" autocapitalize="none" spellcheck="false";
            datalist #words data-words=(known_words()) {}
            button type="submit" { "Search" }
        }
        p.hint.links {
            a href=(at.asking("")) { "all" }
            @for state in JobState::ALL {
                " " a href=(at.asking(&format!("state:{state}"))) { (state) }
            }
            @if at.campaign.is_some() { " " a href=(JobsAt { campaign: None, ..at.clone() }.asking(&at.query)) { "in every campaign" } }
        }
        details.hint {
            summary { "What can be asked" }
            p {
                "Every word must hold: " code { "state:" } " " code { "reason:" } " " code { "tag:" } " " code { "model:" } " " code { "user:" } " " code { "serial:" } " " code { "campaign:" } " " code { "tenant:" } " " code { "without:user" } " "
                code { "device:" } " " code { "job:" } ". Several values with commas, " code { "*" } " and " code { "?" } " for anything, "
                code { "-tag:VIP" } " for all but these, " code { "tag:(none)" } " for those without, quotes around blanks. "
                "A word by itself is a serial, an id or a user."
            }
        }
    }
}

fn results(details: &Details, context: &ViewContext) -> Markup {
    let at = &details.at;
    let (found, counted) = match &details.found {
        Ok(found) => found,
        Err(why) => {
            return html! { div.notice.warn role="alert" { strong { (crate::pages::capitalised(why)) } } };
        }
    };
    if found.jobs.is_empty() && !found.unfinished {
        let advice = html! {
            @if at.query.is_empty() { p { "A campaign has one job for each device of its lists." } }
            @else { p { a href=(at.asking("")) { "Show all" } " or ask for less." } }
        };
        return html! { (empty("No such job", &advice)) };
    }
    let all = match (counted.jobs.max(found.jobs.len() as u64), counted.exact) {
        (0, false) => "no".to_owned(),
        (jobs, exact) => {
            let least = if exact { "" } else { "at least " };
            format!("{least}{}", count(i64::try_from(jobs).unwrap_or(i64::MAX)))
        }
    };
    html! {
        form.section method="get" data-total=(all) {
            @if let Some(campaign) = &at.campaign { input type="hidden" name="campaign" value=(campaign); }
            @if !at.query.is_empty() { input type="hidden" name="q" value=(at.query); }
            input type="hidden" name="from" value="jobs";
            div.titled {
                p { strong { (all) } " jobs" @if !counted.exact { " so far" } }
                @if context.may_act() { (acts(at, &all)) }
            }
            (table(&found.jobs, at, context))
            (pages(found, at))
        }
    }
}

/// What can be done to those that are picked, or to all that were found.
fn acts(at: &JobsAt, all: &str) -> Markup {
    let states = states_asked_for(&at.query);
    let fits = |act: JobAct| {
        let possible = JobState::sources_of(act.event());
        match act {
            // Where jobs of every state are shown, few are discarded ones.
            JobAct::Restore => states.is_some_and(|asked| possible.contains(&asked)),
            _ => states.is_none_or(|asked| possible.contains(&asked)),
        }
    };
    let acts = [
        JobAct::Requeue,
        JobAct::Discard,
        JobAct::Restore,
        JobAct::Cancel,
        JobAct::Skip,
    ];
    let is_asked_for = at.campaign.is_some() || !at.query.is_empty();
    html! {
        div.acts.picked {
            span role="status" data-picked {}
            @if is_asked_for {
                label { input type="checkbox" name="all" value="true"; " all " (all) " that fit" }
            }
            @for act in acts.into_iter().filter(|act| fits(*act)) {
                button type="submit" formaction={ "/jobs/" (act) } { (crate::pages::capitalised(act.as_str())) "…" }
            }
        }
    }
}

/// The one state that a query asks for, if it does.
fn states_asked_for(query: &str) -> Option<JobState> {
    let mut asked = query
        .split_whitespace()
        .filter_map(|term| term.strip_prefix("state:"));
    let first = asked.next()?.parse().ok()?;
    asked.next().is_none().then_some(first)
}

fn table(jobs: &[Job], at: &JobsAt, context: &ViewContext) -> Markup {
    let order = if at.descending {
        "descending"
    } else {
        "ascending"
    };
    let sorting = |sort: Sort, name: &str| {
        let is_it = at.sort == sort;
        html! {
            a href=(at.sorted(sort)) aria-current=[is_it.then_some("true")] { (name) @if is_it { (if at.descending { " ↓" } else { " ↑" }) } }
        }
    };
    let table = html! {
        table.jobs {
            thead { tr {
                @if context.may_act() { th { input type="checkbox" data-all aria-label="Pick all on this page"; } }
                th aria-sort=[(at.sort == Sort::Serial).then_some(order)] {
                    "Device, by " (sorting(Sort::Job, "job")) " or " (sorting(Sort::Serial, "serial"))
                }
                th { "State, and why" }
                th { "User" }
                th { (sorting(Sort::Finished, "When")) }
            } }
            tbody { @for job in jobs { (row(job, at, context)) } }
        }
    };
    wide("Jobs", &table)
}

fn row(job: &Job, at: &JobsAt, context: &ViewContext) -> Markup {
    let campaign = context.overview.campaign_of(job.campaign);
    let said = job.said();
    let about = [&job.model, &job.group_tag];
    let about: Vec<&str> = about.into_iter().map(String::as_str).collect();
    let about: Vec<&str> = about.into_iter().filter(|text| !text.is_empty()).collect();
    html! {
        tr data-key=(job.id) {
            @if context.may_act() {
                td.pick { input type="checkbox" name="job" value=(job.id) aria-label={ "Pick " (job.serial) }; }
            }
            td {
                a href={ "/jobs/" (job.id) } { (job.serial) }
                div.soft {
                    "#" (job.id)
                    @if !about.is_empty() { " · " (about.join(" · ")) }
                    @if let Some(campaign) = campaign.filter(|_| at.campaign.is_none()) {
                        " · " a href=(links::campaign(&campaign.name)) { (campaign.name) }
                    }
                }
            }
            td.why {
                (chip(job.state.as_str(), job.state.as_str()))
                @if !job.reason.is_empty() { " " (job.reason) }
                @if !said.is_empty() { div.soft { (said) } }
            }
            td {
                (job.user_principal_name)
                @if !job.new_user_principal_name.is_empty() { div { span.soft { "to " } (job.new_user_principal_name) } }
            }
            td {
                @if let Some(at) = job.finished_at { (moment(at)) }
                @else if job.not_before > context.now { span.soft { "next " (ago(job.not_before)) } }
                @if job.attempts > 1 { div.soft { (count(job.attempts)) " attempts" } }
            }
        }
    }
}

fn pages(found: &FoundJobs, at: &JobsAt) -> Markup {
    html! {
        nav.pages aria-label="Pages" {
            @if at.place != Place::Start { a.button href=(at.at(Place::Start)) { "First" } }
            @if let Some(cursor) = found.before { a.button rel="prev" href=(at.at(Place::Before(cursor.to_string()))) { "Back" } }
            @if let Some(cursor) = found.after { a.button rel="next" href=(at.at(Place::After(cursor.to_string()))) { "On" } }
            @if found.unfinished {
                span.hint { "Looked at " (count(i64::try_from(found.looked_at).unwrap_or(i64::MAX))) " jobs so far; it goes on from here." }
            }
        }
    }
}
