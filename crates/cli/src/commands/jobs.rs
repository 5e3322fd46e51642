//! `jobs`: a campaign's jobs.

use repilot_domain::JobId;
use repilot_ledger::{JobFilter, Page};

use crate::app::{self, App};
use crate::args::JobsArguments;
use crate::exit::Exit;
use crate::output::{plain, print, print_json, rendered, say, table};

/// As many jobs as a person looks at in a terminal.
const SHOWN: u32 = 100;

pub(crate) async fn run(app: &App, arguments: &JobsArguments) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger_to_look().await?;
    let campaign = app::campaign(&ledger, &arguments.campaign).await?;
    let filter = JobFilter {
        state: arguments.state,
        reason: arguments.reason.clone(),
        verification: arguments.verification,
    };
    let limit = arguments
        .limit
        .unwrap_or(if app.json { u32::MAX } else { SHOWN });
    let page = Page {
        after: JobId(arguments.after),
        limit,
    };
    let jobs = ledger.jobs(campaign.id, &filter, page).await?;
    if app.json {
        print_json(&jobs)?;
        return Ok(Exit::Done);
    }
    let assigns = campaign.action.needs_user() || campaign.rolls_back.is_some();
    let mut header = vec!["JOB", "SERIAL", "STATE", "ATTEMPTS", "REASON", "MESSAGE"];
    if assigns {
        header.extend(["NEW USER", "STANDS"]);
    }
    let mut rows = table(&header);
    for job in &jobs {
        let mut cells = vec![
            job.id.to_string(),
            plain(&job.serial),
            job.state.to_string(),
            job.attempts.to_string(),
            plain(&job.reason),
            plain(&job.message),
        ];
        if assigns {
            cells.extend([plain(&job.new_user_principal_name), plain(&job.stands)]);
        }
        rows.add_row(cells);
    }
    print(&rendered(&rows));
    if jobs.len() == usize::try_from(limit).unwrap_or(usize::MAX)
        && let Some(last) = jobs.last()
    {
        say(&format!("more with --after {}", last.id));
    }
    Ok(Exit::Done)
}
