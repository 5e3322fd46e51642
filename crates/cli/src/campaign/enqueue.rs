//! A plan into the ledger: streamed in chunks; doing it again adds nothing.

use repilot_domain::{Action, AuditEvent, CampaignId};
use repilot_ledger::{
    BusyDevice, Campaign, Enqueued, Ledger, NewCampaign, NewJob, NewList, Refusal, Task,
};
use repilot_producer::{DeviceList, Fingerprint, Resolution, Selection};
use serde_json::json;

use crate::app::{self, App};
use crate::campaign::control_args::Meant;
use crate::plan::made::{Made, PlannedDevice};
use crate::plan::target::Target;

/// Rows a transaction: fast, and soon over for whoever waits.
const CHUNK: usize = 4_096;

/// Enqueues precisely the devices of a plan, and records the rows that it refused.
pub(crate) async fn enqueue(
    app: &App,
    ledger: &Ledger,
    target: &Target,
    made: &Made,
    campaign: &str,
    meant: &Meant,
    paused: bool,
) -> anyhow::Result<Enqueued> {
    let new = NewCampaign {
        name: campaign.to_owned(),
        tenant: target.tenant.name.clone(),
        action: target.selection.action,
        rolls_back: None,
    };
    let selection = &target.selection;
    let action = selection.action;
    // What was planned may have been looked at for a long time since.
    selection.verify()?;
    let by = &app.actor(&target.tenant.name);
    let opened = ledger.open_campaign(&new, by, app.now()).await?;
    // Before anything goes in, so that nothing goes out that is to be held back.
    ledger
        .change_controls(opened.id, &meant.changes, by, app.now())
        .await?;
    if paused {
        let reason = "it was enqueued to start paused";
        ledger
            .pause_by_person(opened.id, reason, by, app.now())
            .await?;
    }
    let (lists, refusals) = lists_of(selection, &app::campaign(ledger, campaign).await?);
    for list in &lists {
        ledger.begin_list(opened.id, list, by, app.now()).await?;
    }
    // What a report holds the campaign against: each list by its own bytes, whatever is made of it.
    let by_bytes = |list: &DeviceList| format!("{} {}", list.name(), list.sha256());
    let plan = json!({
        "action": action,
        "lists": selection.lists.iter().map(by_bytes).collect::<Vec<_>>(),
        "devices": made.plan.summary.planned,
        "refused": made.plan.summary.refused,
        "repaired": made.plan.summary.repaired,
        "plan_sha256": made.devices_sha256,
        "inventory_sha256": made.inventory.sha256(),
    });
    let event = AuditEvent::PlanAccepted;
    ledger
        .record(by, Some(opened.id), event, &plan, app.now())
        .await?;
    let is_blind = made.plan.is_blind;
    let listed_at = made.plan.inventory_listed_at;
    ledger.note_planned(opened.id, listed_at, is_blind).await?;
    let mut total = Enqueued::default();
    for chunk in made.devices.chunks(CHUNK) {
        let job = |planned: &PlannedDevice| NewJob {
            device: made.inventory.devices()[planned.index].clone(),
            line: planned.line,
            task: Task {
                after_others: made.known.after_others,
                ..task(planned, action)
            },
        };
        let jobs: Vec<NewJob> = chunk.iter().map(job).collect();
        let enqueued = ledger.enqueue(opened.id, &jobs, app.now()).await?;
        total.added += enqueued.added;
        total.present += enqueued.present;
        total.waiting += enqueued.waiting;
        // Another campaign came first, after the plan was made.
        let busy: Vec<Refusal> = enqueued.busy.iter().map(BusyDevice::refusal).collect();
        if !busy.is_empty() {
            let whole = &lists[0].sha256;
            ledger.record_refusals(opened.id, whole, &busy).await?;
        }
        total.busy.extend(enqueued.busy);
    }
    if made.plan.summary.refused > 0 {
        record_refusals(ledger, opened.id, selection, made, &refusals).await?;
        selection.verify()?;
    }
    // The whole last: once it is in, the campaign is resumed and no longer planned.
    for list in lists.iter().rev() {
        ledger
            .finish_list(opened.id, &list.sha256, by, app.now())
            .await?;
    }
    Ok(total)
}

/// What is to be done to a planned device.
fn task(planned: &PlannedDevice, action: Action) -> Task {
    let Some(user) = &planned.new_user else {
        return Task {
            action,
            ..Task::default()
        };
    };
    Task {
        action,
        new_user: user.user_principal_name.clone(),
        new_user_name: user.display_name.clone(),
        ..Task::default()
    }
}

/// The lists that the ledger keeps of a selection: itself, and where it is more than one list as it
/// is, each of those, so that a refused row can be found in its own. And, for each of its lists, the
/// one under which refused rows are recorded: the same as ever, so that none counts twice.
fn lists_of(selection: &Selection, campaign: &Campaign) -> (Vec<NewList>, Vec<String>) {
    let whole = NewList {
        sha256: selection.sha256(),
        name: selection.name(),
    };
    let is_alone = |list: &DeviceList| list.sha256() == whole.sha256;
    let is_known = |sha256: &str| campaign.lists.iter().any(|list| list.sha256 == sha256);
    let mut parts = Vec::new();
    let mut refusals = Vec::new();
    for list in &selection.lists {
        // Not the list's own: a part is no list that was enqueued as it is.
        let mut fingerprint = Fingerprint::default();
        fingerprint.part("part");
        fingerprint.part(list.sha256());
        let part = fingerprint.finish();
        let own = is_known(list.sha256()) || is_alone(list) && !is_known(&part);
        if own {
            refusals.push(list.sha256().to_owned());
            continue;
        }
        if !refusals.contains(&part) {
            parts.push(NewList {
                sha256: part.clone(),
                name: list.name().to_owned(),
            });
        }
        refusals.push(part);
    }
    let mut lists = vec![whole];
    lists.append(&mut parts);
    (lists, refusals)
}

/// Reads the lists once more: rows that are refused may be too many to hold.
async fn record_refusals(
    ledger: &Ledger,
    campaign: CampaignId,
    selection: &Selection,
    made: &Made,
    lists: &[String],
) -> anyhow::Result<()> {
    let mut pending: Vec<Refusal> = Vec::with_capacity(CHUNK);
    let mut of_list = 0;
    let steps = selection.steps(&made.inventory, made.plan.planned_at)?;
    for step in steps.knowing(&made.known) {
        let step = step?;
        let Resolution::Refused(refused) = step.resolution else {
            continue;
        };
        let list = step.list.unwrap_or_default();
        if list != of_list || pending.len() == CHUNK {
            ledger
                .record_refusals(campaign, &lists[of_list], &pending)
                .await?;
            pending.clear();
            of_list = list;
        }
        pending.push(Refusal {
            line: refused.line,
            value: refused.value,
            reason: refused.reason.as_str().to_owned(),
            detail: refused.detail,
        });
    }
    ledger
        .record_refusals(campaign, &lists[of_list], &pending)
        .await?;
    Ok(())
}
