//! What a campaign did, taken back: each device gets who had it before, if nobody came since.

use std::collections::{BTreeMap, HashMap};

use repilot_domain::{Action, Device, JobQuery, NoWayBack};
use repilot_ledger::{Campaign, Job, JobSearch, Ledger, NewJob, Refusal, Seek, Task};
use repilot_producer::Inventory;

use crate::least_time::Calls;

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
