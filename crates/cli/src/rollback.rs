//! What a campaign did, taken back: each device gets who had it before, if nobody came since.

use std::collections::{BTreeMap, HashMap, HashSet};

use repilot_domain::{Action, Device, JobQuery, JobState, is_same_user};
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

    /// What it calls: a look before each device's first step, so that whoever came meanwhile is left
    /// alone, and its steps.
    pub(crate) fn calls(&self) -> Calls {
        let steps = self.jobs.iter().map(|job| job.task.action.steps().len());
        Calls {
            writes: steps.sum::<usize>() as u64,
            reads: self.jobs.len() as u64,
        }
    }
}

/// Holds the jobs of a campaign that a search finds against an inventory that was listed just now.
pub(crate) async fn plan(
    ledger: &Ledger,
    campaign: &Campaign,
    query: &JobQuery,
    inventory: &Inventory,
    busy: &HashSet<String>,
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
            if job.state != JobState::Succeeded && job.steps_done == 0 {
                back.nothing_done += 1;
                continue;
            }
            let device = devices.get(job.device_id.as_str()).copied();
            match of_job(job, device, busy) {
                Ok(new) => back.jobs.push(new),
                Err((reason, detail)) => back.refusals.push(Refusal {
                    line: job.id.0.unsigned_abs(),
                    value: job.serial.clone(),
                    reason: reason.to_owned(),
                    detail,
                }),
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
    busy: &HashSet<String>,
) -> Result<NewJob, (&'static str, String)> {
    let refused = |reason, detail: &str| Err((reason, detail.to_owned()));
    let former = job.user_principal_name.trim();
    // Between two steps nobody is assigned.
    let left_with = match job.state {
        JobState::Succeeded => job.new_user_principal_name.trim(),
        _ => "",
    };
    if job.state == JobState::Pending || job.state == JobState::Queued {
        return refused("busy", "the job is not over");
    }
    if job.state == JobState::Running || busy.contains(job.device_id.as_str()) {
        return refused("busy", "the device is still to be done in an open campaign");
    }
    if former.is_empty() && left_with.is_empty() {
        return refused("no-former-user", "nobody was assigned before");
    }
    let Some(device) = device else {
        return refused("unknown", "the inventory has no such device any more");
    };
    let now = device.user_principal_name.trim();
    if is_same_user(now, former) {
        return refused("already-assigned", "the device is as it was before");
    }
    if !now.is_empty() && !is_same_user(now, left_with) {
        let detail = format!("the device was assigned to {now} since, and is left alone");
        return Err(("new-user-since", detail));
    }
    let action = match (now.is_empty(), former.is_empty()) {
        (true, _) => Action::Assign,
        (false, true) => Action::Unassign,
        (false, false) => Action::Reassign,
    };
    Ok(NewJob {
        device: device.clone(),
        line: job.id.0.unsigned_abs(),
        task: Task {
            action,
            new_user: former.to_owned(),
            new_user_name: job.addressable_user_name.clone(),
            rolls_back: Some(job.id),
            // The listing is older than the call: whoever came meanwhile is left alone.
            look_first: true,
        },
    })
}
