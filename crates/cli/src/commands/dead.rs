//! `dead`: dead letters listed, requeued, discarded.

use repilot_domain::{Actor, JobId, JobState};
use repilot_ledger::{DeadSelection, Ledger};
use serde::Serialize;

use crate::app::{self, App};
use crate::args::{DeadArguments, DeadCommand, DeadListArguments, JobOrder, JobsArguments};
use crate::commands::jobs;
use crate::exit::Exit;
use crate::output::{print, print_json, rendered, table};

/// What `--json` prints of a change.
#[derive(Serialize)]
struct Changed {
    jobs: u64,
}

pub(crate) async fn run(app: &App, command: &DeadCommand) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger_to_look().await?;
    match command {
        DeadCommand::List(arguments) if arguments.search.is_empty() => {
            list(app, &ledger, arguments).await
        }
        DeadCommand::List(arguments) => jobs::run(app, &each_of(arguments)).await,
        DeadCommand::Requeue(arguments) => {
            let selection = selection(&ledger, arguments).await?;
            let by = actor(app, &ledger, arguments).await?;
            let jobs = ledger.requeue(&selection, &by, app.now()).await?;
            let next = match &arguments.campaign {
                Some(name) => app.how_to_drain(&app::campaign(&ledger, name).await?)?,
                None => format!("`{} worker --until-empty`", app.command()?),
            };
            let next = format!("to drain them: {next}");
            changed(app, jobs, "requeued", &next)
        }
        DeadCommand::Discard(arguments) => {
            let selection = selection(&ledger, arguments).await?;
            let by = actor(app, &ledger, arguments).await?;
            let jobs = ledger.discard(&selection, &by, app.now()).await?;
            changed(app, jobs, "discarded", "their attempts stay in the ledger")
        }
    }
}

/// Who it is, as whoever signed in to the campaign's tenant where one campaign is meant.
async fn actor(app: &App, ledger: &Ledger, arguments: &DeadArguments) -> anyhow::Result<Actor> {
    Ok(match &arguments.campaign {
        Some(name) => app.actor(&app::campaign(ledger, name).await?.tenant),
        None => app.actor.clone(),
    })
}

async fn list(app: &App, ledger: &Ledger, arguments: &DeadListArguments) -> anyhow::Result<Exit> {
    if let Some(name) = &arguments.campaign {
        app::campaign(ledger, name).await?;
    }
    let mut groups = ledger.dead_groups().await?;
    groups.retain(|group| {
        let named = arguments
            .campaign
            .as_ref()
            .is_none_or(|name| *name == group.campaign);
        named && arguments.reason.is_none_or(|reason| reason == group.reason)
    });
    if app.json {
        print_json(&groups)?;
        return Ok(Exit::Done);
    }
    if groups.is_empty() {
        print("no dead letters");
        return Ok(Exit::Done);
    }
    let mut rows = table(&["CAMPAIGN", "REASON", "JOBS", "MEANING", "WHAT TO DO"]);
    for group in &groups {
        rows.add_row([
            group.campaign.clone(),
            group.reason.to_string(),
            group.jobs.to_string(),
            group.meaning.to_owned(),
            group.advice.to_owned(),
        ]);
    }
    print(&rendered(&rows));
    let command = app.command()?;
    let campaign = app::quoted(&groups[0].campaign);
    let reason = groups[0].reason;
    print(&format!(
        "\neach one   {command} jobs {campaign} state:dead"
    ));
    print(&format!(
        "requeue    {command} dead requeue --campaign {campaign} --reason {reason}"
    ));
    print(&format!(
        "discard    {command} dead discard --campaign {campaign} --reason {reason}"
    ));
    Ok(Exit::Done)
}

/// Each dead letter that fits.
fn each_of(arguments: &DeadListArguments) -> JobsArguments {
    JobsArguments {
        campaign: arguments.campaign.clone(),
        search: arguments.search.clone(),
        everywhere: arguments.campaign.is_none(),
        state: Some(JobState::Dead),
        reason: arguments.reason.map(|reason| reason.to_string()),
        verification: None,
        limit: None,
        after: None,
        sort: JobOrder::Job,
        reverse: false,
    }
}

async fn selection(ledger: &Ledger, arguments: &DeadArguments) -> anyhow::Result<DeadSelection> {
    let campaign = match &arguments.campaign {
        Some(name) => Some(app::campaign(ledger, name).await?.id),
        None => None,
    };
    Ok(DeadSelection {
        campaign,
        reason: arguments.reason,
        job: arguments.job.map(JobId),
        query: jobs::query(&arguments.search)?,
    })
}

fn changed(app: &App, jobs: u64, what: &str, next: &str) -> anyhow::Result<Exit> {
    if app.json {
        print_json(&Changed { jobs })?;
    } else if jobs == 0 {
        print(&format!("no dead letter fits; nothing {what}"));
    } else {
        print(&format!("{jobs} dead letters {what}; {next}"));
    }
    Ok(Exit::Done)
}
