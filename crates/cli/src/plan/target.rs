//! From the command line to what is meant: which devices, of which tenant.

use std::path::Path;

use anyhow::Context as _;
use repilot_domain::CampaignStatus;
use repilot_graph_sim::{Fleet, Scenario, Simulator};
use repilot_ledger::Campaign;
use repilot_producer::{DeviceList, Selection};
use repilot_worker::Tenant;

use crate::app::App;
use crate::args::{SelectionArguments, SimulationArguments};
use crate::plan::check_users::CheckUsers;
use crate::plan::file;
use crate::plan::lists::open_list;
use crate::tenant::tenants;
use crate::terminal::failure::Failure;

/// Devices of a simulated fleet that no list names.
const FLEET: usize = 1_000;

/// A selection and the tenant that it is meant for.
pub(crate) struct Target {
    pub(crate) selection: Selection,
    pub(crate) tenant: Tenant,
    /// Whether the directory is asked for the users who are to be assigned.
    pub(crate) check_users: CheckUsers,
    /// What the plan file holds it to.
    pub(crate) promised: Option<file::PlanFile>,
    /// Lives as long as the rehearsal.
    pub(crate) simulator: Option<Simulator>,
}

/// Opens the lists, and the tenant or the simulated Graph.
pub(crate) async fn target(
    app: &mut App,
    arguments: &SelectionArguments,
    simulation: Option<&SimulationArguments>,
) -> anyhow::Result<Target> {
    let promised = arguments.plan.as_deref().map(file::read).transpose()?;
    let (selection, tenant) = match &promised {
        Some(promised) => (promised.selection()?, Some(&promised.tenant)),
        None => (selection(arguments)?, arguments.tenant.as_ref()),
    };
    let check_users = match &promised {
        // What is enqueued is what was looked at: with the same answers, or without any.
        Some(promised) => CheckUsers::said(Some(promised.check_users)),
        None => check_users(arguments),
    };
    let Some(simulation) = simulation.filter(|simulation| simulation.simulate) else {
        let name = tenants::choose(&app.settings, tenant)?;
        let tenant = tenants::build(&app.settings, &app.clock, &name)?;
        return Ok(Target {
            selection,
            tenant,
            check_users,
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
    let tenant = tenants::simulated(&app.settings, &app.clock, &simulator.url(), &token)?;
    Ok(Target {
        selection,
        tenant,
        check_users,
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
    let reading = arguments.reading.reading();
    let open = |paths: &[std::path::PathBuf]| {
        let lists: anyhow::Result<Vec<DeviceList>> =
            paths.iter().map(|path| open_list(path, &reading)).collect();
        lists
    };
    let selection = Selection {
        lists: open(&arguments.lists)?,
        conditions: arguments.conditions.clone(),
        except: open(&arguments.except)?,
        by: arguments.by,
        repairs: arguments.repair.unwrap_or_default(),
        action: arguments.action.unwrap_or_default(),
        user_column: arguments.user_column.clone(),
    };
    is_plausible(&selection, check_users(arguments))?;
    Ok(selection)
}

fn check_users(arguments: &SelectionArguments) -> CheckUsers {
    let said = match (arguments.check_users, arguments.no_check_users) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    };
    CheckUsers::said(said)
}

/// Refuses what cannot be meant, before anything is asked of the tenant.
pub(crate) fn is_plausible(selection: &Selection, check_users: CheckUsers) -> anyhow::Result<()> {
    let action = selection.action;
    if !action.needs_user()
        && (selection.user_column.is_some() || check_users == CheckUsers::Always)
    {
        return Err(Failure::error(
            format!("nobody is to be assigned: the action is {action}"),
            "a column of users, or to check them, goes with --action assign or --action reassign",
        ));
    }
    Ok(selection.check()?)
}

impl Target {
    /// A campaign of another tenant, one that does something else, or one that was cancelled, is none
    /// to go on with.
    pub(crate) fn fits(&self, campaign: &Campaign) -> anyhow::Result<()> {
        let name = &campaign.name;
        if campaign.tenant != self.tenant.name {
            return Err(Failure::error(
                format!(
                    "campaign `{name}` belongs to tenant `{}`, not to `{}`",
                    campaign.tenant, self.tenant.name
                ),
                "choose another name with --campaign NAME, or its tenant with --tenant",
            ));
        }
        if campaign.status == CampaignStatus::Cancelled {
            return Err(Failure::error(
                format!("campaign `{name}` was cancelled"),
                "choose another name with --campaign NAME",
            ));
        }
        if campaign.rolls_back.is_some() {
            return Err(Failure::error(
                format!("campaign `{name}` takes another one back, and takes no lists"),
                "choose another name with --campaign NAME; nothing was enqueued",
            ));
        }
        if campaign.action != self.selection.action {
            return Err(Failure::error(
                format!(
                    "campaign `{name}` does something else with its devices: {}, not {}",
                    campaign.action, self.selection.action
                ),
                format!(
                    "choose another name with --campaign NAME, or say --action {}; nothing was enqueued",
                    campaign.action
                ),
            ));
        }
        Ok(())
    }
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
