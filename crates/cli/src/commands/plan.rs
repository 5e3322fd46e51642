//! `plan`: what `enqueue` would do; writes nothing.

use crate::app::App;
use crate::args::PlanArguments;
use crate::exit::Exit;
use crate::output::{print, print_json};
use crate::planning;

pub(crate) async fn run(app: &mut App, arguments: &PlanArguments) -> anyhow::Result<Exit> {
    let target = planning::target(app, &arguments.list, Some(&arguments.simulation)).await?;
    let lane = planning::reads_lane(app, &target, None).await?;
    let (plan, _) = planning::plan(&target, &lane, app.json).await?;
    if app.json {
        print_json(&plan)?;
    } else {
        print(&planning::described(&plan));
    }
    planning::accept(&plan, arguments.list.strict)?;
    Ok(Exit::Done)
}
