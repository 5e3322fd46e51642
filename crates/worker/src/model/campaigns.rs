//! The campaigns of the model in its ledger: how they are made, taken back and verified.

use std::time::Duration;

use repilot_domain::{
    Action, Actor, CampaignId, Change, ControlChanges, Device, SightedWithin, TenantName, Timestamp,
};
use repilot_ledger::{Job, Ledger, Listing, NewCampaign, NewJob, NewList, Task};

use super::reference::{Model, WITHIN};
use super::world::name_of;

pub(super) fn by() -> Actor {
    Actor::new("alice", "model")
}

pub(super) fn tenant() -> TenantName {
    TenantName::new("contoso").unwrap()
}

/// What a campaign is called.
pub(super) fn name(rolls_back: Option<CampaignId>) -> String {
    let name = match rolls_back {
        Some(_) => "rollback",
        None => "model",
    };
    name.to_owned()
}

/// The jobs of the first campaign.
pub(super) fn first(model: &Model, devices: &[Device]) -> Vec<NewJob> {
    let job = |(place, device): (usize, &Device)| NewJob {
        device: device.clone(),
        line: place as u64 + 1,
        task: Task {
            action: model.action,
            new_user: name_of(model.jobs[place].wanted, place),
            ..Task::default()
        },
    };
    devices.iter().enumerate().map(job).collect()
}

/// The jobs that take others back, as far as they are, by the inventory as it is now.
pub(super) fn way_back(jobs: &[Job], listed: &[Device]) -> Vec<NewJob> {
    let back = |job: &Job| {
        let device = listed.iter().find(|device| device.id == job.device_id)?;
        let action = job
            .past()
            .way_back(Some(&device.user_principal_name))
            .ok()?;
        Some(NewJob {
            device: device.clone(),
            line: job.line.unsigned_abs(),
            task: Task {
                action,
                new_user: job.had().0.to_owned(),
                rolls_back: Some(job.id),
                ..Task::default()
            },
        })
    };
    jobs.iter().filter_map(back).collect()
}

/// Makes a campaign of these jobs, which may take another back.
pub(super) async fn open(
    ledger: &Ledger,
    (action, rolls_back): (Action, Option<CampaignId>),
    jobs: &[NewJob],
    (now, is_blind): (Timestamp, bool),
) -> CampaignId {
    let campaign = NewCampaign {
        name: name(rolls_back),
        tenant: tenant(),
        action,
        rolls_back,
    };
    let opened = ledger.open_campaign(&campaign, &by(), now).await;
    let id = opened.unwrap().id;
    set_within(ledger, id, now).await;
    ledger.note_planned(id, now, is_blind).await.unwrap();
    enqueue(ledger, id, jobs, now).await;
    let attended = now.after(Duration::from_hours(24));
    ledger.lease_campaign(id, attended).await.unwrap();
    id
}

/// Has its devices seen as often as the model has it.
async fn set_within(ledger: &Ledger, campaign: CampaignId, now: Timestamp) {
    let within = Duration::from_millis(WITHIN.unsigned_abs());
    let changes = ControlChanges {
        sighted_within: Change::Set(SightedWithin::Within(within)),
        ..ControlChanges::default()
    };
    let by = by();
    let setting = ledger.change_controls(campaign, &changes, &by, now);
    setting.await.unwrap();
}

/// Lists the tenant's devices as they are now.
pub(super) async fn list(ledger: &Ledger, devices: &[Device], now: Timestamp) -> Listing {
    let begun = ledger.begin_listing(&tenant(), "", now).await;
    let mut listing = begun.unwrap();
    let kept = ledger
        .keep_page(&mut listing, devices, None, (now, now))
        .await;
    kept.unwrap();
    listing
}

pub(super) async fn enqueue(
    ledger: &Ledger,
    campaign: CampaignId,
    jobs: &[NewJob],
    now: Timestamp,
) {
    let list = NewList {
        sha256: "00".repeat(32),
        name: "model.csv".to_owned(),
    };
    let by = by();
    ledger.begin_list(campaign, &list, &by, now).await.unwrap();
    ledger.enqueue(campaign, jobs, now).await.unwrap();
    let finished = ledger.finish_list(campaign, &list.sha256, &by, now);
    finished.await.unwrap();
}

/// Holds what succeeded against the inventory as it is now.
pub(super) async fn verify(
    ledger: &Ledger,
    campaign: CampaignId,
    devices: &[Device],
    now: Timestamp,
) {
    let listing = list(ledger, devices, now).await;
    let verified = ledger.verify(campaign, &listing, now, &by(), now).await;
    verified.unwrap();
}
