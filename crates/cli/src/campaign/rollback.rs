//! What a campaign did, taken back: each device gets who had it before, if nobody came since.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use repilot_domain::{
    Action, AuditEvent, CampaignStatus, Change, ControlChanges, Device, JobQuery, NoWayBack,
    SightedWithin, Timestamp,
};
use repilot_ledger::{
    BusyDevice, Campaign, Job, JobSearch, Ledger, NewCampaign, NewJob, NewList, Refusal, Seek, Task,
};
use repilot_producer::{Fingerprint, Inventory};

use crate::app::{self, App};
use crate::args::RollbackArguments;
use crate::plan::least_time::Calls;
use crate::terminal::failure::Failure;
use crate::terminal::output::{lasting, plain};

/// Jobs a transaction: fast, and soon over for whoever waits.
const CHUNK: usize = 4_096;

/// Jobs read at once.
const PAGE: u32 = 1_000;

/// What is to be taken back, and what is not.
#[derive(Default)]
pub(crate) struct WayBack {
    pub(crate) jobs: Vec<NewJob>,
    pub(crate) refusals: Vec<Refusal>,
    /// Jobs that changed nothing.
    pub(crate) nothing_done: u64,
}

impl WayBack {
    /// Refused jobs by their reason.
    pub(crate) fn refused(&self) -> BTreeMap<&str, u64> {
        let mut counts = BTreeMap::new();
        for refusal in &self.refusals {
            *counts.entry(refusal.reason.as_str()).or_default() += 1;
        }
        counts
    }

    /// The most that is done to any device.
    pub(crate) fn action(&self) -> Action {
        let actions: Vec<Action> = self.jobs.iter().map(|job| job.task.action).collect();
        match actions.as_slice() {
            [first, rest @ ..] if rest.iter().all(|action| action == first) => *first,
            [] => Action::Assign,
            _ => Action::Reassign,
        }
    }

    /// What it calls: its steps. The looks or listings that precede them go beside these.
    pub(crate) fn calls(&self) -> Calls {
        let steps = self.jobs.iter().map(|job| job.task.action.steps().len());
        Calls {
            writes: steps.sum::<usize>() as u64,
            reads: 0,
        }
    }
}

/// Holds the jobs of a campaign that a search finds against an inventory that was listed just now.
pub(crate) async fn plan(
    ledger: &Ledger,
    campaign: &Campaign,
    query: &JobQuery,
    inventory: &Inventory,
    busy: &HashMap<String, String>,
) -> anyhow::Result<WayBack> {
    let devices: HashMap<&str, &Device> = inventory
        .devices()
        .iter()
        .map(|device| (device.id.as_str(), device))
        .collect();
    let mut back = WayBack::default();
    let mut search = JobSearch::first(Some(campaign.id), query.clone(), PAGE);
    loop {
        let found = ledger.search(&search).await?;
        for job in &found.jobs {
            let device = devices.get(job.device_id.as_str()).copied();
            match of_job(job, device, busy) {
                Ok(new) => back.jobs.push(new),
                Err(NoWayBack::NothingDone) => back.nothing_done += 1,
                Err(why) => {
                    let elsewhere = busy.get(job.device_id.as_str());
                    back.refusals.push(refusal(job, why, device, elsewhere));
                }
            }
        }
        let Some(after) = found.after else {
            return Ok(back);
        };
        search.seek = Seek::After(after);
    }
}

/// The way back of one job, or why there is none.
fn of_job(
    job: &Job,
    device: Option<&Device>,
    busy: &HashMap<String, String>,
) -> Result<NewJob, NoWayBack> {
    let shown = device.map(|device| device.user_principal_name.as_str());
    let action = job.past().way_back(shown);
    if busy.contains_key(job.device_id.as_str()) && action != Err(NoWayBack::NothingDone) {
        return Err(NoWayBack::NotOver);
    }
    let action = action?;
    let device = device.ok_or(NoWayBack::Unknown)?;
    // Who had it when it was last seen before the call, whatever the plan remembered.
    let (former, name) = job.had();
    Ok(NewJob {
        device: device.clone(),
        line: job.id.0.unsigned_abs(),
        task: Task {
            action,
            new_user: former.trim().to_owned(),
            new_user_name: name.to_owned(),
            rolls_back: Some(job.id),
            look_first: false,
            after_others: false,
        },
    })
}

fn refusal(
    job: &Job,
    why: NoWayBack,
    device: Option<&Device>,
    elsewhere: Option<&String>,
) -> Refusal {
    let (reason, detail) = match why {
        NoWayBack::NothingDone => ("nothing-done", "the job changed nothing"),
        NoWayBack::NotOver if job.state.is_terminal() => {
            ("busy", "the device is still to be done in an open campaign")
        }
        NoWayBack::NotOver => ("busy", "the job is not over"),
        NoWayBack::NobodyBefore => ("no-former-user", "nobody was assigned before"),
        NoWayBack::Unknown => ("unknown", "the inventory has no such device any more"),
        NoWayBack::AsBefore => ("already-assigned", "the device is as it was before"),
        NoWayBack::NewUser => ("new-user-since", ""),
    };
    let detail = match (device, elsewhere) {
        (_, Some(campaign)) if why == NoWayBack::NotOver => {
            format!("the device has an open job in campaign {campaign}")
        }
        (Some(device), _) if why == NoWayBack::NewUser => format!(
            "the device was assigned to {} since, and is left alone",
            device.user_principal_name.trim()
        ),
        _ => detail.to_owned(),
    };
    Refusal {
        line: job.id.0.unsigned_abs(),
        value: job.serial.clone(),
        reason: reason.to_owned(),
        detail,
    }
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
