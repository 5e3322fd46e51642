//! `simulate`: a simulated Graph as a server of its own.

use anyhow::Context as _;
use repilot_domain::Reading;
use repilot_graph_sim::{Fleet, Scenario, Simulator};

use crate::app::App;
use crate::args::SimulateArguments;
use crate::drain;
use crate::plan::lists::open_list;
use crate::plan::target;
use crate::terminal::exit::Exit;
use crate::terminal::output::{print, print_json, say};

pub(crate) async fn run(app: &App, arguments: &SimulateArguments) -> anyhow::Result<Exit> {
    if arguments.show_scenario {
        print(Scenario::demo_text().trim_end());
        return Ok(Exit::Done);
    }
    let scenario = target::scenario(arguments.scenario.as_deref(), || Ok(Scenario::default()))?;
    let fleet = match &arguments.list {
        Some(path) => target::fleet_of(&[open_list(path, &Reading::default())?], &scenario)?,
        None => Fleet::generated(arguments.devices, scenario.seed),
    };
    let token = scenario.tokens.first().cloned().unwrap_or_default();
    let devices = fleet.0.len();
    let simulator = Simulator::start(scenario, &fleet, arguments.listen)
        .await
        .with_context(|| format!("cannot listen at {}", arguments.listen))?;
    let url = simulator.url();
    if app.json {
        print_json(&serde_json::json!({ "url": url, "devices": devices, "token": token }))?;
    } else {
        print(&format!("simulated Graph with {devices} devices at {url}"));
        print(&format!(
            "  REPILOT_GRAPH__ROOT={url} REPILOT_GRAPH__TOKEN={token}"
        ));
        print(&format!("  {url}/_sim/counters   {url}/_sim/devices"));
    }
    if !arguments.listen.ip().is_loopback() {
        say("it listens beyond this machine; whoever reaches it may use it");
    }
    drain::interrupted().await;
    if app.json {
        print_json(&simulator.counters(0))?;
    }
    simulator.shutdown().await;
    Ok(Exit::Done)
}
