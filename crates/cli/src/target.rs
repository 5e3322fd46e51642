//! From the command line to what is meant: which devices, of which tenant.

use std::path::Path;

use anyhow::Context as _;
use repilot_graph_sim::{Fleet, Scenario, Simulator};
use repilot_producer::{DeviceList, Selection};
use repilot_worker::Tenant;

use crate::app::App;
use crate::args::{SelectionArguments, SimulationArguments};
use crate::failure::Failure;
use crate::{plan_file, tenants};

/// Devices of a simulated fleet that no list names.
const FLEET: usize = 1_000;

/// A selection and the tenant that it is meant for.
pub(crate) struct Target {
    pub(crate) selection: Selection,
    pub(crate) tenant: Tenant,
    /// What the plan file holds it to.
    pub(crate) promised: Option<plan_file::PlanFile>,
    /// Lives as long as the rehearsal.
    pub(crate) simulator: Option<Simulator>,
}

/// Opens the lists, and the tenant or the simulated Graph.
pub(crate) async fn target(
    app: &mut App,
    arguments: &SelectionArguments,
    simulation: Option<&SimulationArguments>,
) -> anyhow::Result<Target> {
    let promised = arguments.plan.as_deref().map(plan_file::read).transpose()?;
    let (selection, tenant) = match &promised {
        Some(promised) => (promised.selection()?, Some(&promised.tenant)),
        None => (selection(arguments)?, arguments.tenant.as_ref()),
    };
    let Some(simulation) = simulation.filter(|simulation| simulation.simulate) else {
        let name = tenants::choose(&app.settings, tenant)?;
        let tenant = tenants::build(&app.settings, &app.clock, &name)?;
        return Ok(Target {
            selection,
            tenant,
            promised,
            simulator: None,
        });
    };
    app.simulate();
    let scenario = scenario(simulation.scenario.as_deref(), Scenario::demo)?;
    let fleet = fleet_of(&selection.lists, &scenario)?;
    let token = scenario.tokens.first().cloned().unwrap_or_default();
    let simulator = Simulator::start(scenario, &fleet, ([127, 0, 0, 1], 0).into())
        .await
        .context("cannot start the simulated Graph")?;
    let tenant = tenants::simulated(app, &simulator.url(), &token)?;
    Ok(Target {
        selection,
        tenant,
        promised,
        simulator: Some(simulator),
    })
}

/// What the arguments select.
fn selection(arguments: &SelectionArguments) -> anyhow::Result<Selection> {
    if arguments.lists.is_empty() && arguments.conditions.is_empty() {
        return Err(Failure::error(
            "nothing says which devices are meant",
            "give a device list, or a condition with --where, as in --where tag=KIOSK",
        ));
    }
    let standard_input = |paths: &[std::path::PathBuf]| {
        let is_input = |path: &&std::path::PathBuf| path.as_os_str() == "-";
        paths.iter().filter(is_input).count()
    };
    if standard_input(&arguments.lists) + standard_input(&arguments.except) > 1 {
        return Err(Failure::error(
            "standard input is one list, and `-` stands there twice",
            "save the other list to a file",
        ));
    }
    let open = |paths: &[std::path::PathBuf]| {
        let lists: anyhow::Result<Vec<DeviceList>> =
            paths.iter().map(|path| open_list(path)).collect();
        lists
    };
    Ok(Selection {
        lists: open(&arguments.lists)?,
        conditions: arguments.conditions.clone(),
        except: open(&arguments.except)?,
        by: arguments.by,
    })
}

pub(crate) fn open_list(path: &Path) -> anyhow::Result<DeviceList> {
    if path.as_os_str() == "-" {
        return Ok(DeviceList::spool(std::io::stdin().lock(), "stdin")?);
    }
    Ok(DeviceList::open(path)?)
}

/// A scenario from a file, or another.
pub(crate) fn scenario(
    file: Option<&Path>,
    otherwise: impl FnOnce() -> Result<Scenario, repilot_graph_sim::ScenarioError>,
) -> anyhow::Result<Scenario> {
    let Some(file) = file else {
        return Ok(otherwise()?);
    };
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the scenario {}", file.display()))?;
    Scenario::parse(&text).with_context(|| format!("in {}", file.display()))
}

/// A simulated fleet for the keys of lists.
pub(crate) fn fleet_of(lists: &[DeviceList], scenario: &Scenario) -> anyhow::Result<Fleet> {
    if lists.is_empty() {
        return Ok(Fleet::generated(FLEET, scenario.seed));
    }
    let mut names = Vec::new();
    for list in lists {
        for row in list.rows()? {
            // A row's first key is its most exact one.
            if let Some(key) = row?.keys.ok().and_then(|keys| keys.into_iter().next()) {
                names.push(key.text);
            }
        }
    }
    Ok(Fleet::for_keys(names.iter().map(String::as_str), scenario))
}
