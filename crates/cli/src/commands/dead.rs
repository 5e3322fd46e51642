//! `dead`: dead letters listed, requeued, discarded.

use repilot_domain::{Actor, JobAct, JobId, JobState};
use repilot_ledger::{DeadSelection, JobSelection, Ledger};
use serde::Serialize;

use crate::app::{self, App};
use crate::args::{
    DeadArguments, DeadCommand, DeadListArguments, DiscardArguments, JobOrder, JobsArguments,
    RequeueArguments,
};
use crate::commands::jobs;
use crate::exit::Exit;
use crate::output::{ask, plain, print, print_json, rendered, say, table};

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
            let RequeueArguments { letters, yes } = arguments;
            let selection = selection(&ledger, letters).await?;
            let meant = ledger.dead_meant(&selection).await?;
            if !yes && !may_be_taken(&ledger, &meant).await? {
                return Ok(Exit::Error);
            }
            let by = actor(app, &ledger, letters).await?;
            let acted = ledger.act(JobAct::Requeue, &meant, &by, app.now());
            let jobs = acted.await?.jobs;
            let next = match &letters.campaign {
                Some(name) => app.how_to_drain(&app::campaign(&ledger, name).await?)?,
                None => format!("`{} worker --until-empty`", app.command()?),
            };
            let next = format!("to drain them: {next}");
            changed(app, jobs, "requeued", &next)
        }
        DeadCommand::Discard(arguments) => {
            let DiscardArguments { letters, yes } = arguments;
            let selection = selection(&ledger, letters).await?;
            let meant = ledger.dead_meant(&selection).await?;
            if !yes && !may_be_discarded(letters, &meant)? {
                return Ok(Exit::Error);
            }
            let by = actor(app, &ledger, letters).await?;
            let acted = ledger.act(JobAct::Discard, &meant, &by, app.now());
            let jobs = acted.await?.jobs;
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

/// Whether dead letters may be set aside; asks where there are any, since nothing sends them round again.
fn may_be_discarded(letters: &DeadArguments, meant: &JobSelection) -> anyhow::Result<bool> {
    let JobSelection::All { meant, .. } = meant else {
        return Ok(true);
    };
    if meant.jobs == 0 {
        return Ok(true);
    }
    let of = match &letters.campaign {
        Some(name) => format!(" of campaign {}", plain(name)),
        None => String::new(),
    };
    let agreed = ask(&format!(
        "Discard {} dead letters{of}? They are set aside for good.",
        meant.jobs
    ))?;
    if !agreed {
        say("nothing was discarded");
    }
    Ok(agreed)
}

/// As many devices that others have as a question names.
const NAMED: u32 = 3;

/// Whether devices that other users have now may be taken from them; asks where there are any.
async fn may_be_taken(ledger: &Ledger, meant: &JobSelection) -> anyhow::Result<bool> {
    let taken = ledger.found_with_others(meant, NAMED).await?;
    if taken.jobs == 0 {
        return Ok(true);
    }
    let named = match taken.in_words() {
        words if words.is_empty() => String::new(),
        words => format!(" ({})", plain(&words)),
    };
    let agreed = ask(&format!(
        "{} of these devices are with another user now{named}. Requeue them, so that these users lose them?",
        taken.jobs
    ))?;
    if !agreed {
        say("nothing was requeued");
    }
    Ok(agreed)
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
