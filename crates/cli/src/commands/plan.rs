//! `plan`: what `enqueue` would do; enqueues nothing.

use crate::app::App;
use crate::args::PlanArguments;
use crate::plan::made::Making;
use crate::plan::{make, target, text};
use crate::terminal::exit::Exit;
use crate::terminal::output::{print, print_json};

pub(crate) async fn run(app: &mut App, arguments: &PlanArguments) -> anyhow::Result<Exit> {
    let selection = &arguments.selection;
    let target = target::target(app, selection, Some(&arguments.simulation)).await?;
    let ledger = app.open_ledger().await?;
    let meant = arguments.controls.meant(app, None)?;
    let making = Making {
        every_refusal: app.json,
        campaign: None,
        controls: &meant.controls,
    };
    let made = make::plan(app, &ledger, &target, selection, making).await?;
    ledger.close().await;
    if app.json {
        print_json(&made.plan)?;
    } else {
        print(&text::described(&made.plan));
    }
    make::accept(app, &made.plan, selection)?;
    Ok(Exit::Done)
}
