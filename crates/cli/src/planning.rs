//! From a list on the command line to a plan.

use std::path::Path;

use anyhow::Context as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use repilot_graph_sim::{Fleet, Scenario, Simulator};
use repilot_ledger::Ledger;
use repilot_producer::{DeviceList, Inventory, PlanSummary, Planner};
use repilot_throttle::{Lane, LaneSeed};
use repilot_worker::Tenant;
use serde::Serialize;

use crate::app::App;
use crate::args::{ListArguments, SimulationArguments};
use crate::failure::Failure;
use crate::output::{plain, rendered, say, table};
use crate::{inventory, tenants};

/// A list and the tenant that it is meant for.
pub(crate) struct Target {
    pub(crate) list: DeviceList,
    pub(crate) tenant: Tenant,
    /// Lives as long as the rehearsal.
    pub(crate) simulator: Option<Simulator>,
}

/// Opens the list, and the tenant or the simulated Graph.
pub(crate) async fn target(
    app: &mut App,
    arguments: &ListArguments,
    simulation: Option<&SimulationArguments>,
) -> anyhow::Result<Target> {
    let list = open_list(&arguments.list)?;
    let Some(simulation) = simulation.filter(|simulation| simulation.simulate) else {
        let name = tenants::choose(&app.settings, arguments.tenant.as_ref())?;
        let tenant = tenants::build(app, &name)?;
        return Ok(Target {
            list,
            tenant,
            simulator: None,
        });
    };
    app.simulate();
    let scenario = scenario(simulation.scenario.as_deref(), Scenario::demo)?;
    let fleet = fleet_of(&list, &scenario)?;
    let token = scenario.tokens.first().cloned().unwrap_or_default();
    let simulator = Simulator::start(scenario, &fleet, ([127, 0, 0, 1], 0).into())
        .await
        .context("cannot start the simulated Graph")?;
    let tenant = tenants::simulated(app, &simulator.url(), &token)?;
    Ok(Target {
        list,
        tenant,
        simulator: Some(simulator),
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

/// A simulated fleet for the keys of a list.
pub(crate) fn fleet_of(list: &DeviceList, scenario: &Scenario) -> anyhow::Result<Fleet> {
    let mut keys = Vec::new();
    for row in list.rows()? {
        if let Ok(key) = row?.key {
            keys.push(key.as_str().to_owned());
        }
    }
    Ok(Fleet::for_keys(keys.iter().map(String::as_str), scenario))
}

/// A lane of reads for the listing: as the ledger knows it, or, where nothing is to be written,
/// a fresh one.
pub(crate) async fn reads_lane(
    app: &App,
    target: &Target,
    ledger: Option<&Ledger>,
) -> anyhow::Result<Lane> {
    let tenant = &target.tenant;
    if let Some(ledger) = ledger {
        return Ok(repilot_worker::reads_lane(ledger, tenant, app.now()).await?);
    }
    let rng = Box::new(StdRng::from_rng(&mut rand::rng()));
    Ok(Lane::new(tenant.reads, &LaneSeed::default(), rng))
}

/// A plan, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(crate) struct Plan {
    pub(crate) list: String,
    pub(crate) list_sha256: String,
    pub(crate) tenant: String,
    pub(crate) inventory: usize,
    #[serde(flatten)]
    pub(crate) summary: PlanSummary,
}

/// Lists the inventory and holds the list against it; with `every_refusal`, all of them are kept.
pub(crate) async fn plan(
    target: &Target,
    lane: &Lane,
    every_refusal: bool,
) -> anyhow::Result<(Plan, Inventory)> {
    let inventory = inventory::list(&target.tenant, lane).await?;
    let mut planner = Planner::new(&inventory);
    if every_refusal {
        planner = planner.keeping_every_refusal();
    }
    for row in target.list.rows()? {
        planner.resolve(row?);
    }
    let plan = Plan {
        list: target.list.name().to_owned(),
        list_sha256: target.list.sha256().to_owned(),
        tenant: target.tenant.name.to_string(),
        inventory: inventory.len(),
        summary: planner.finish(),
    };
    Ok((plan, inventory))
}

/// Refuses a plan that nobody can mean.
pub(crate) fn accept(plan: &Plan, strict: bool) -> anyhow::Result<()> {
    if plan.summary.planned == 0 {
        return Err(Failure::error(
            format!(
                "none of the {} rows of {} names a device of tenant `{}`",
                plan.summary.rows, plan.list, plan.tenant
            ),
            "is it the right list, and the right tenant? nothing was enqueued",
        ));
    }
    if strict && plan.summary.refused > 0 {
        return Err(Failure::error(
            format!(
                "{} of {} rows were refused, and --strict wants none",
                plan.summary.refused, plan.summary.rows
            ),
            "mend those rows or leave --strict out; nothing was enqueued",
        ));
    }
    Ok(())
}

/// As many refused rows as a person reads at once.
const REFUSALS_SHOWN: usize = 20;

/// Shows a plan to a person, on stderr.
pub(crate) fn show(plan: &Plan) {
    say(&described(plan));
}

/// A plan in words.
pub(crate) fn described(plan: &Plan) -> String {
    let summary = &plan.summary;
    let mut lines = vec![format!(
        "Plan for {} in tenant {}: unassign the user of {} devices (of {} in the inventory)",
        plan.list, plan.tenant, summary.planned, plan.inventory
    )];
    let first: Vec<String> = summary.first.iter().map(|serial| plain(serial)).collect();
    lines.push(format!("  first devices  {}", first.join(", ")));
    if summary.by_group_tag.len() > 1 {
        let mut tags: Vec<(&String, &u64)> = summary.by_group_tag.iter().collect();
        tags.sort_by(|a, b| b.1.cmp(a.1));
        let named = |tag: &str| {
            if tag.is_empty() {
                "(none)".to_owned()
            } else {
                plain(tag)
            }
        };
        let tags: Vec<String> = tags
            .iter()
            .take(6)
            .map(|(tag, count)| format!("{} {count}", named(tag)))
            .collect();
        lines.push(format!("  group tags     {}", tags.join(", ")));
    }
    if summary.without_user > 0 {
        lines.push(format!(
            "  without user   {} have none in Intune; the call is sent for them as well",
            summary.without_user
        ));
    }
    if summary.merged > 0 {
        lines.push(format!(
            "  merged         {} rows name a device again",
            summary.merged
        ));
    }
    if summary.refused > 0 {
        let reasons: Vec<String> = summary
            .refused_by_reason
            .iter()
            .map(|(reason, count)| format!("{} {count}", reason.as_str()))
            .collect();
        lines.push(format!(
            "  refused        {} rows: {}",
            summary.refused,
            reasons.join(", ")
        ));
        let mut refused = table(&["    line", "value", "reason", "because"]);
        for row in summary.refusals.iter().take(REFUSALS_SHOWN) {
            let line = format!("    {}", row.line);
            refused.add_row([
                line,
                plain(&row.value),
                row.reason.as_str().to_owned(),
                plain(&row.detail),
            ]);
        }
        lines.push(rendered(&refused));
        let more = summary.refused.saturating_sub(REFUSALS_SHOWN as u64);
        if more > 0 {
            lines.push(format!("    and {more} more; --json lists them all"));
        }
    }
    lines.join("\n")
}
