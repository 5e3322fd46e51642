//! `enqueue`: a list into a campaign, and back.

use serde::Serialize;

use crate::app::App;
use crate::args::EnqueueArguments;
use crate::plan::made::{Making, Plan};
use crate::plan::{make, target, text};
use crate::terminal::exit::Exit;
use crate::terminal::output::{print, print_json};

/// What was enqueued, as `--json` prints it.
#[derive(Serialize)]
struct Report {
    campaign: String,
    added: u64,
    already_there: u64,
    plan: Plan,
}

pub(crate) async fn run(app: &mut App, arguments: &EnqueueArguments) -> anyhow::Result<Exit> {
    let target = target::target(app, &arguments.selection, None).await?;
    let ledger = app.open_ledger().await?;
    let name = &arguments.campaign;
    let known = ledger.campaign(name).await?;
    if let Some(known) = &known {
        target.fits(known)?;
    }
    let meant = arguments.controls.meant(app, known.as_ref())?;
    let making = Making {
        every_refusal: app.json,
        campaign: known.as_ref(),
        controls: &meant.controls,
    };
    let selection = &arguments.selection;
    let made = make::plan(app, &ledger, &target, selection, making).await?;
    let plan = &made.plan;
    if !app.json {
        text::show(plan);
    }
    make::accept(app, plan, selection)?;
    let question = make::question(plan, &target.tenant.name);
    if !arguments.yes && !make::agreed(&question)? {
        return Ok(Exit::Error);
    }
    let enqueued = crate::campaign::enqueue::enqueue(
        app,
        &ledger,
        &target,
        &made,
        name,
        &meant,
        arguments.paused,
    )
    .await?;
    ledger.close().await;
    if app.json {
        print_json(&Report {
            campaign: name.clone(),
            added: enqueued.added,
            already_there: enqueued.present,
            plan: made.plan,
        })?;
        return Ok(Exit::Done);
    }
    let command = app.command()?;
    print(&match (enqueued.added, enqueued.present) {
        (0, present) => {
            format!("campaign {name}: nothing added, all {present} devices are in it already")
        }
        (added, 0) => format!("campaign {name}: {added} jobs added"),
        (added, present) => {
            format!("campaign {name}: {added} jobs added, {present} were there already")
        }
    });
    if !enqueued.busy.is_empty() {
        print(&format!(
            "{} devices got a job in another campaign meanwhile and were refused as busy: {command} refused {name}",
            enqueued.busy.len()
        ));
    }
    print(&format!("drain it with: {command} worker --until-empty"));
    Ok(Exit::Done)
}
