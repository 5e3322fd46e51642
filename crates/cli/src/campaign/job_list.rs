//! Lists of jobs: what a search finds among a campaign's, or all.

use repilot_domain::{JobCondition, JobQuery, Pattern, TenantName};
use repilot_ledger::{Job, JobCursor, JobSearch, JobSort, Ledger, Seek};

use crate::app::{self, App};
use crate::args::{JobOrder, JobsArguments};
use crate::terminal::exit::Exit;
use crate::terminal::failure::Failure;
use crate::terminal::output::{JsonArray, plain, print, reader_has_gone, rendered, say, table};

/// As many jobs as a person looks at in a terminal.
const SHOWN: u32 = 100;

/// Jobs read at once: however many there are, they take no more memory than this.
const PAGE: u32 = 1_000;

/// Prints the jobs that a search finds. Where nothing is found and `looked_for` names what was looked
/// for, that is a failure.
pub(crate) async fn show(
    app: &App,
    arguments: &JobsArguments,
    looked_for: &str,
) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger_to_look().await?;
    let (search, assigns) = search(&ledger, arguments).await?;
    if !looked_for.is_empty() && ledger.search(&search).await?.jobs.is_empty() {
        if app.json {
            print("[]");
        }
        let words = arguments.search.join(" ");
        return Err(Failure::error(
            format!("no {looked_for} fits `{words}`, and no campaign is called so"),
            format!(
                "`{command} dead list` counts them by campaign, `{command} campaign list` names the campaigns",
                command = app.command()?
            ),
        ));
    }
    let limit = arguments
        .limit
        .unwrap_or(if app.json { u32::MAX } else { SHOWN });
    if app.json {
        return match print_array(&ledger, search, limit).await {
            Err(error) if reader_has_gone(&error) => Ok(Exit::Done),
            printed => printed.map(|()| Exit::Done),
        };
    }
    let mut header = vec!["JOB", "SERIAL", "STATE", "ATTEMPTS", "REASON", "MESSAGE"];
    if assigns {
        header.push("NEW USER");
    }
    let mut rows = table(&header);
    let after = each(&ledger, search, limit, |job| {
        // Where a job stands between two steps says more than what Graph said last.
        let last = job.said();
        let said = [job.stands.as_str(), last.as_ref()];
        let said: Vec<&str> = said.into_iter().filter(|part| !part.is_empty()).collect();
        let mut cells = vec![
            job.id.to_string(),
            plain(&job.serial),
            job.state.to_string(),
            job.attempts.to_string(),
            plain(&job.reason),
            plain(&said.join("; ")),
        ];
        if assigns {
            cells.push(plain(&job.new_user_principal_name));
        }
        rows.add_row(cells);
        Ok(())
    })
    .await?;
    print(&rendered(&rows));
    if let Some(after) = after {
        say(&format!("more with --after {after}"));
    }
    Ok(Exit::Done)
}

/// What is searched for, and whether the campaign that it is searched in assigns users.
async fn search(ledger: &Ledger, arguments: &JobsArguments) -> anyhow::Result<(JobSearch, bool)> {
    let (campaign, assigns, words) = match &arguments.campaign {
        Some(name) if !arguments.everywhere && arguments.tenant.is_none() => {
            let campaign = app::campaign(ledger, name).await?;
            let assigns = campaign.action.needs_user();
            (Some(campaign.id), assigns, arguments.search.clone())
        }
        word => (
            None,
            false,
            word.iter().chain(&arguments.search).cloned().collect(),
        ),
    };
    let mut query = of_tenant(query(&words)?, arguments.tenant.as_ref());
    if let Some(state) = arguments.state {
        query = query.and(JobCondition::State(vec![state]));
    }
    if let Some(reason) = &arguments.reason {
        query = query.and(JobCondition::Reason(vec![reason.to_lowercase()]));
    }
    if let Some(verification) = arguments.verification {
        query = query.and(JobCondition::Verification(vec![verification]));
    }
    let search = JobSearch {
        sort: match arguments.sort {
            JobOrder::Job => JobSort::Job,
            JobOrder::Serial => JobSort::Serial,
            JobOrder::Finished => JobSort::Finished,
        },
        descending: arguments.reverse,
        seek: arguments.after.map_or(Seek::Start, Seek::After),
        ..JobSearch::first(campaign, query, PAGE)
    };
    Ok((search, assigns))
}

/// A search from the words of a command line.
pub(crate) fn query(words: &[String]) -> anyhow::Result<JobQuery> {
    Ok(words.join(" ").parse()?)
}

/// The same search among a tenant's jobs, where one is named.
pub(crate) fn of_tenant(query: JobQuery, tenant: Option<&TenantName>) -> JobQuery {
    match tenant {
        Some(tenant) => query.and(JobCondition::Tenant(vec![Pattern::exactly(
            tenant.as_str(),
        )])),
        None => query,
    }
}

async fn print_array(ledger: &Ledger, search: JobSearch, limit: u32) -> anyhow::Result<()> {
    let mut array = JsonArray::begin();
    each(ledger, search, limit, |job| array.push(job)).await?;
    array.end()
}

/// Takes each job that a search finds, up to a limit; where it goes on if there is more.
async fn each(
    ledger: &Ledger,
    mut search: JobSearch,
    limit: u32,
    mut take: impl FnMut(&Job) -> anyhow::Result<()>,
) -> anyhow::Result<Option<JobCursor>> {
    let mut left = limit;
    loop {
        search.limit = left.min(PAGE);
        let page = ledger.search(&search).await?;
        for job in &page.jobs {
            take(job)?;
        }
        left = left.saturating_sub(u32::try_from(page.jobs.len()).unwrap_or(left));
        match page.after {
            Some(after) if left > 0 => search.seek = Seek::After(after),
            after => return Ok(after),
        }
    }
}
