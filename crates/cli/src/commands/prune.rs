//! `prune`: forgets the users, jobs and attempts of campaigns that ended long ago.

use repilot_ledger::{Forgettable, Forgotten};
use serde::Serialize;

use crate::app::App;
use crate::args::PruneArguments;
use crate::terminal::exit::Exit;
use crate::terminal::output::{ask, moment, plain, print, print_json, rendered, say, table};

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    before: repilot_domain::Timestamp,
    #[serde(flatten)]
    forgotten: Forgotten,
}

pub(crate) async fn run(app: &App, arguments: &PruneArguments) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger_to_look().await?;
    let before = app.now().before(arguments.older_than.0);
    let forgettable = ledger.forgettable(before).await?;
    if !forgettable.is_empty() && !app.json {
        say(&listed(&forgettable));
    }
    let jobs: i64 = forgettable.iter().map(|campaign| campaign.jobs).sum();
    let question = format!(
        "Forget {jobs} jobs of {} campaigns that ended before {}, with their users and attempts, for good?",
        forgettable.len(),
        moment(before)
    );
    if !forgettable.is_empty() && !arguments.yes && !ask(&question)? {
        say("nothing changed");
        return Ok(Exit::Error);
    }
    let forgotten = ledger.prune(before, &app.actor, app.now()).await?;
    ledger.close().await;
    if app.json {
        print_json(&Report { before, forgotten })?;
    } else if forgotten.campaigns == 0 {
        print(&format!(
            "no campaign ended before {}; inventories that were listed before are forgotten",
            moment(before)
        ));
    } else {
        print(&format!(
            "{} jobs of {} campaigns are forgotten; their totals and the audit are kept",
            forgotten.jobs, forgotten.campaigns
        ));
    }
    Ok(Exit::Done)
}

fn listed(campaigns: &[Forgettable]) -> String {
    let mut rows = table(&["CAMPAIGN", "ENDED", "JOBS"]);
    for campaign in campaigns {
        rows.add_row([
            plain(&campaign.name),
            moment(campaign.ended_at),
            campaign.jobs.to_string(),
        ]);
    }
    rendered(&rows)
}
