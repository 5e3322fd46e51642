//! A large campaign, put into a ledger without a list or a Graph, and drained in part.

use std::sync::Arc;
use std::time::Duration;

use repilot_domain::{
    Action, Actor, AttemptOutcome, AttemptStep, CampaignId, Clock as _, DeadReason, Device,
    DeviceId, EnrollmentState, SystemClock, TenantName, WorkerId,
};
use repilot_ledger::{
    DispatchToken, GroupCommit, Ledger, NewAttempt, NewCampaign, NewJob, NewList, Settlement,
    Verdict, WaitReason,
};
use tokio::time::Instant;

/// What was made, and how fast.
#[derive(Debug, Clone, Copy)]
pub struct Seed {
    /// The campaign, called `million`, of tenant `contoso`.
    pub campaign: CampaignId,
    /// Jobs.
    pub enqueued_per_second: f64,
    /// Jobs: dispatched, claimed and settled.
    pub drained_per_second: f64,
}

const CHUNK: usize = 5_000;
const AT_ONCE: usize = 1_000;
const LEASE: Duration = Duration::from_secs(15);

/// Makes the campaign, and drains so many of its jobs: one in a hundred becomes a dead letter, one
/// in fifty waits for its next call.
pub async fn seed(ledger: &Ledger, jobs: usize, drained: usize) -> Seed {
    let clock = Arc::new(SystemClock);
    let by = Actor::new("bench", "here");
    let new = NewCampaign {
        name: "million".to_owned(),
        tenant: TenantName::new("contoso").unwrap(),
        action: Action::Unassign,
        rolls_back: None,
    };
    let list = NewList {
        sha256: "00".repeat(32),
        name: "devices.csv".to_owned(),
    };
    let opened = ledger.open_campaign(&new, &by, clock.now()).await.unwrap();
    ledger
        .begin_list(opened.id, &list, &by, clock.now())
        .await
        .unwrap();
    let begun = Instant::now();
    for first in (0..jobs).step_by(CHUNK) {
        let chunk: Vec<NewJob> = (first..jobs.min(first + CHUNK))
            .map(|number| NewJob {
                device: device(number),
                line: number as u64 + 1,
                task: repilot_ledger::Task::default(),
            })
            .collect();
        ledger
            .enqueue(opened.id, &chunk, clock.now())
            .await
            .unwrap();
    }
    let enqueued = begun.elapsed();
    ledger
        .finish_list(opened.id, &list.sha256, &by, clock.now())
        .await
        .unwrap();
    let begun = Instant::now();
    drain(ledger, &new.tenant, drained, clock).await;
    let rate = |count: usize, took: Duration| count as f64 / took.as_secs_f64();
    Seed {
        campaign: opened.id,
        enqueued_per_second: rate(jobs, enqueued),
        drained_per_second: rate(drained, begun.elapsed()),
    }
}

async fn drain(ledger: &Ledger, tenant: &TenantName, jobs: usize, clock: Arc<SystemClock>) {
    let worker = WorkerId("seed".to_owned());
    let by = Actor::worker(&worker, "here");
    let commit =
        GroupCommit::start(ledger.clone(), worker.clone(), by, clock.clone(), LEASE).unwrap();
    let mut settled = 0;
    while settled < jobs {
        let now = clock.now();
        let until = now.after(Duration::from_hours(1));
        ledger.lease_tenants([tenant], until).await.unwrap();
        let token = DispatchToken::random(&mut rand::rng());
        let wire = ledger
            .dispatch(
                tenant,
                (&worker, token),
                &AT_ONCE.into(),
                now,
                now.after(LEASE),
            )
            .await
            .unwrap();
        settled += wire.len();
        let handled = wire.into_iter().map(|delivery| {
            let (commit, clock) = (commit.clone(), clock.clone());
            tokio::spawn(async move {
                let job = commit.claim(delivery.key).await.unwrap().unwrap();
                let (verdict, outcome) = match job.key.job.0 % 100 {
                    1 => {
                        let reason = match job.key.job.0 % 300 {
                            1 => DeadReason::NotFound,
                            101 => DeadReason::Rejected,
                            _ => DeadReason::AttemptsSpent,
                        };
                        let verdict = Verdict::Dead {
                            reason,
                            uncertain: false,
                            message: "Graph said no".to_owned(),
                        };
                        (verdict, AttemptOutcome::Buried)
                    }
                    2 | 52 => {
                        let verdict = Verdict::Retry {
                            not_before: clock.now().after(Duration::from_hours(1)),
                            spent: true,
                            uncertain: false,
                            reason: WaitReason::Backoff,
                            message: "Graph stumbled".to_owned(),
                            pause: None,
                        };
                        (verdict, AttemptOutcome::Retried)
                    }
                    _ => (Verdict::Succeeded, AttemptOutcome::Succeeded),
                };
                let now = clock.now();
                let said = Settlement {
                    key: job.key,
                    verdict,
                    attempts: vec![NewAttempt {
                        step: AttemptStep::Act,
                        outcome,
                        started_at: now.before(Duration::from_millis(250)),
                        finished_at: now,
                        status: Some(204),
                        code: None,
                        message: None,
                        request_id: Some(format!("00000000-1111-2222-3333-{:012}", job.key.job.0)),
                        client_request_id: Some(format!(
                            "44444444-1111-2222-3333-{:012}",
                            job.key.job.0
                        )),
                        server_date: None,
                        diagnostic: None,
                    }],
                };
                assert!(commit.settle(said).await.unwrap());
            })
        });
        let handled: Vec<_> = handled.collect();
        for task in handled {
            task.await.unwrap();
        }
    }
}

/// As varied as a fleet is: forty group tags, ten models, a domain that one in ten thousand has.
fn device(number: usize) -> Device {
    let models = [
        "Surface Go",
        "Surface Pro 9",
        "ThinkPad T14",
        "ThinkPad X1",
        "Latitude 5440",
        "Latitude 7440",
        "EliteBook 840",
        "EliteBook 640",
        "VMware7,1",
        "Virtual Machine",
    ];
    let domain = match number % 10_000 {
        9_999 => "rare",
        _ => "contoso",
    };
    Device {
        id: DeviceId(format!("00000000-0000-0000-0000-{number:012}")),
        serial: format!("SN-{number:07}"),
        user_principal_name: format!("user{number}@{domain}.example"),
        addressable_user_name: format!("User {number}"),
        group_tag: format!("STORE-{}", number % 40),
        manufacturer: "Contoso".to_owned(),
        model: models[number / 7 % models.len()].to_owned(),
        display_name: String::new(),
        managed_device_id: String::new(),
        entra_device_id: String::new(),
        enrollment_state: EnrollmentState::Enrolled,
        last_contacted: None,
    }
}
