//! `rollback`: a campaign that takes another one back.

use std::time::Duration;

use repilot_dashboard::Progress;
use repilot_domain::{
    Action, AuditEvent, CampaignStatus, Change, ControlChanges, JobQuery, SightedWithin, Timestamp,
};
use repilot_ledger::{BusyDevice, Campaign, Ledger, NewCampaign, NewList, Refusal};
use repilot_producer::Fingerprint;

use crate::app::{self, App};
use crate::args::RollbackArguments;
use crate::commands::jobs::query;
use crate::commands::run::finish;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::inventory::{self, Freshness};
use crate::least_time::least_time;
use crate::output::{lasting, moment, plain, print, print_json, say};
use crate::rollback::{self, WayBack};
use crate::{drain, planning, tenants};

/// Jobs a transaction: fast, and soon over for whoever waits.
const CHUNK: usize = 4_096;

pub(crate) async fn run(app: &App, arguments: &RollbackArguments) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger_to_look().await?;
    let campaign = app::campaign(&ledger, &arguments.campaign).await?;
    if let Some(at) = campaign.pruned_at {
        return Err(Failure::error(
            format!(
                "what campaign `{}` did was forgotten at {}: nobody knows any more who had its devices",
                campaign.name,
                moment(at)
            ),
            "`repilot audit list` and its report are what is left of it",
        ));
    }
    let only = query(&arguments.search)?;
    let name = tenants::choose(&app.settings, Some(&campaign.tenant))?;
    let tenant = tenants::build(&app.settings, &app.clock, &name)?;
    let name = name_of(&ledger, arguments, &campaign, &only).await?;
    let known = ledger.campaign(&name).await?;
    let under_way = known.filter(|known| !known.is_incomplete() && !known.has_ended());
    let back = if let Some(under_way) = under_way {
        say(&format!("going on with campaign {}", under_way.name));
        under_way
    } else {
        let listed =
            inventory::obtain(app, &ledger, &tenant, Freshness::Now, &Progress::default()).await?;
        let known = ledger.campaign(&name).await?.map(|known| known.id);
        let busy = ledger.devices_in_hand(&campaign.tenant, known).await?;
        let back = rollback::plan(&ledger, &campaign, &only, &listed.inventory, &busy).await?;
        let takes = least_time(app, &ledger, &campaign.tenant, back.calls()).await?;
        let listed_at = moment(listed.listed_at);
        say(&described(&campaign, &only, &back, &listed_at, takes));
        accept(app, arguments, &campaign, &back)?;
        if !arguments.yes && !planning::agreed(&question(&campaign, &back))? {
            return Ok(Exit::Error);
        }
        let sighting = (listed.listed_at, arguments.sighted_within);
        enqueue(app, &ledger, &campaign, &only, &name, &back, sighting).await?
    };
    if !arguments.run {
        if app.json {
            print_json(&back)?;
        } else {
            print(&format!("campaign {name}: {} jobs", back.counts.total));
            let command = app.command()?;
            print(&format!("drain it with: {command} worker --until-empty"));
        }
        return Ok(Exit::Done);
    }
    let (back, drained) = drain::campaign(app, &ledger, tenant, back).await?;
    let exit = finish(app, &ledger, &back, drained).await;
    ledger.close().await;
    exit
}

/// The campaign's name; once a way back has ended, the next has the next number, and so has one that
/// takes other jobs back.
pub(crate) async fn name_of(
    ledger: &Ledger,
    arguments: &RollbackArguments,
    campaign: &Campaign,
    only: &JobQuery,
) -> anyhow::Result<String> {
    let sha256 = fingerprint(campaign, only);
    let is_same = |known: &Campaign| {
        let lists = &known.lists;
        known.rolls_back == Some(campaign.id)
            && (lists.is_empty() || lists.iter().any(|list| list.sha256 == sha256))
    };
    if let Some(name) = &arguments.name {
        return match ledger.campaign(name).await? {
            Some(known) if !is_same(&known) || known.has_ended() => Err(Failure::error(
                format!("there is a campaign `{name}` already"),
                "choose another name with --name; nothing was enqueued",
            )),
            _ => Ok(name.clone()),
        };
    }
    let first = format!("{}-rollback", campaign.name);
    let mut name = first.clone();
    let mut number = 2;
    while let Some(known) = ledger.campaign(&name).await? {
        let goes_on = known.status != CampaignStatus::Cancelled && !known.has_ended();
        if goes_on && is_same(&known) {
            break;
        }
        name = format!("{first}-{number}");
        number += 1;
    }
    Ok(name)
}

/// Tells one way back from another, so that the same command goes on with its own.
fn fingerprint(campaign: &Campaign, only: &JobQuery) -> String {
    let mut fingerprint = Fingerprint::default();
    fingerprint.part("rollback");
    fingerprint.part(&campaign.name);
    if *only != JobQuery::default() {
        fingerprint.part(only.to_string());
    }
    fingerprint.finish()
}

pub(crate) fn described(
    campaign: &Campaign,
    only: &JobQuery,
    back: &WayBack,
    listed_at: &str,
    takes: Duration,
) -> String {
    let mut lines = vec![format!(
        "Rollback of campaign {} in tenant {}: {} devices go back to who had them before (inventory of {listed_at})",
        plain(&campaign.name),
        campaign.tenant,
        back.jobs.len()
    )];
    if *only != JobQuery::default() {
        lines.push(format!("  of the jobs    {}", plain(&only.to_string())));
    }
    let calls = back.calls();
    if calls.writes > 0 {
        let writes = match back.action() {
            Action::Unassign => "unassignments",
            Action::Assign => "assignments",
            Action::Reassign => "unassignments and assignments",
        };
        lines.push(format!(
            "  duration       at least {} at what the tenant grants, for {} {writes}",
            lasting(takes),
            calls.writes
        ));
    }
    let refused: Vec<String> = back
        .refused()
        .iter()
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect();
    if !refused.is_empty() {
        lines.push(format!("  left alone     {}", refused.join(", ")));
    }
    if back.nothing_done > 0 {
        lines.push(format!(
            "  not done       {} jobs changed nothing",
            back.nothing_done
        ));
    }
    lines.join("\n")
}

/// What is asked before it is done.
pub(crate) fn question(campaign: &Campaign, back: &WayBack) -> String {
    format!(
        "Give {} devices of tenant {} back to who had them before campaign {}?",
        back.jobs.len(),
        campaign.tenant,
        plain(&campaign.name)
    )
}

pub(crate) fn accept(
    app: &App,
    arguments: &RollbackArguments,
    campaign: &Campaign,
    back: &WayBack,
) -> anyhow::Result<()> {
    let devices = back.jobs.len() as u64;
    if devices == 0 {
        return Err(Failure::error(
            format!(
                "nothing of campaign `{}` is to be taken back",
                campaign.name
            ),
            "what it changed is as it was before, or has a new user since; nothing was enqueued",
        ));
    }
    let most = arguments
        .max_devices
        .unwrap_or(app.settings.plan.max_devices);
    if most > 0 && devices > most {
        return Err(Failure::error(
            format!(
                "the rollback has {devices} devices, and no more than {most} are allowed at once"
            ),
            format!(
                "if all of them are meant, say so with --max-devices {devices}; nothing was enqueued"
            ),
        ));
    }
    Ok(())
}

pub(crate) async fn enqueue(
    app: &App,
    ledger: &Ledger,
    campaign: &Campaign,
    only: &JobQuery,
    name: &str,
    back: &WayBack,
    (listed_at, sighted_within): (Timestamp, Option<SightedWithin>),
) -> anyhow::Result<Campaign> {
    let new = NewCampaign {
        name: name.to_owned(),
        tenant: campaign.tenant.clone(),
        action: back.action(),
        rolls_back: Some(campaign.id),
    };
    let by = &app.actor(&campaign.tenant);
    let opened = ledger.open_campaign(&new, by, app.now()).await?;
    let of = if *only == JobQuery::default() {
        format!("campaign {}", campaign.name)
    } else {
        format!("campaign {}: {only}", campaign.name)
    };
    let list = NewList {
        sha256: fingerprint(campaign, only),
        name: of,
    };
    ledger.begin_list(opened.id, &list, by, app.now()).await?;
    let within = sighted_within.unwrap_or(app.settings.campaign.sighted_within);
    let changes = ControlChanges {
        sighted_within: Change::Set(within),
        ..ControlChanges::default()
    };
    ledger
        .change_controls(opened.id, &changes, by, app.now())
        .await?;
    ledger.note_planned(opened.id, listed_at, false).await?;
    for jobs in back.jobs.chunks(CHUNK) {
        let enqueued = ledger.enqueue(opened.id, jobs, app.now()).await?;
        let busy: Vec<Refusal> = enqueued.busy.iter().map(BusyDevice::refusal).collect();
        if !busy.is_empty() {
            ledger
                .record_refusals(opened.id, &list.sha256, &busy)
                .await?;
        }
    }
    for refusals in back.refusals.chunks(CHUNK) {
        ledger
            .record_refusals(opened.id, &list.sha256, refusals)
            .await?;
    }
    ledger
        .finish_list(opened.id, &list.sha256, by, app.now())
        .await?;
    let detail = serde_json::json!({ "campaign": name, "jobs": back.jobs.len() });
    let (of, event) = (Some(campaign.id), AuditEvent::RolledBack);
    ledger.record(by, of, event, &detail, app.now()).await?;
    app::campaign(ledger, name).await
}
