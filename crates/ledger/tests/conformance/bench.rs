//! A ledger of its own with a campaign, and a clock that is set by hand.

use std::sync::Arc;
use std::time::Duration;

use repilot_domain::{
    Action, Actor, AttemptOutcome, AttemptStep, CampaignId, Clock as _, DeadReason, Device,
    DeviceId, EnrollmentState, JobId, JobState, LaneKind, ManualClock, PauseCause, TenantName,
    Timestamp, WorkerId,
};
use repilot_ledger::{
    Campaign, ClaimedJob, DispatchRoom, DispatchToken, Dispatched, Enqueued, Gate, GroupCommit,
    LaneState, Ledger, NewAttempt, NewCampaign, NewJob, NewList, Page, Pause, Settlement, Verdict,
    WaitReason,
};

pub(crate) use crate::database::{Database, Place};

pub(crate) const LEASE: Duration = Duration::from_secs(10);
pub(crate) const START: Timestamp = Timestamp::from_millis(1_772_352_930_250);

pub(crate) struct Bench {
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) place: Place,
    pub(crate) campaign: CampaignId,
}

impl Bench {
    pub(crate) async fn new(database: Database) -> Self {
        Self::at(Place::of(database)).await
    }

    pub(crate) async fn doing(database: Database, action: Action) -> Self {
        Self::doing_at(Place::of(database), action).await
    }

    pub(crate) async fn at(place: Place) -> Self {
        Self::doing_at(place, Action::Unassign).await
    }

    async fn doing_at(place: Place, action: Action) -> Self {
        let ledger = place.open().await;
        let clock = Arc::new(ManualClock::at(START));
        let campaign = ledger
            .open_campaign(
                &NewCampaign {
                    action,
                    ..campaign("spring")
                },
                &alice(),
                START,
            )
            .await
            .unwrap()
            .id;
        ledger
            .begin_list(campaign, &list(), &alice(), START)
            .await
            .unwrap();
        Self {
            ledger,
            clock,
            place,
            campaign,
        }
    }

    pub(crate) async fn with_jobs(database: Database, count: usize) -> Self {
        let bench = Self::new(database).await;
        bench.enqueue(0..count).await;
        bench.finish().await;
        bench.attend().await;
        bench
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn attend(&self) {
        let until = self.now().after(Duration::from_hours(1));
        self.ledger.lease_tenants([&tenant()], until).await.unwrap();
    }

    /// The whole list is in.
    pub(crate) async fn finish(&self) {
        self.ledger
            .finish_list(self.campaign, &list().sha256, &alice(), self.now())
            .await
            .unwrap();
    }

    pub(crate) async fn spring(&self) -> Campaign {
        self.ledger.campaign("spring").await.unwrap().unwrap()
    }

    pub(crate) async fn has_ended(&self) -> bool {
        self.spring().await.has_ended()
    }

    pub(crate) async fn enqueue(&self, range: std::ops::Range<usize>) -> Enqueued {
        let jobs: Vec<NewJob> = range
            .map(|number| NewJob {
                device: device(number),
                line: number as u64 + 1,
                task: repilot_ledger::Task::default(),
            })
            .collect();
        self.ledger
            .enqueue(self.campaign, &jobs, self.now())
            .await
            .unwrap()
    }

    /// Changes the ledger behind its back.
    pub(crate) async fn execute(&self, sql: &'static str) {
        let pool = sqlx::AnyPool::connect(&self.place.url()).await.unwrap();
        sqlx::query(sql).execute(&pool).await.unwrap();
    }

    /// One device's job into another campaign.
    pub(crate) async fn enqueue_into(&self, campaign: CampaignId, number: usize) -> Enqueued {
        let job = NewJob {
            device: device(number),
            line: number as u64 + 1,
            task: repilot_ledger::Task::default(),
        };
        let enqueued = self.ledger.enqueue(campaign, &[job], self.now()).await;
        enqueued.unwrap()
    }

    pub(crate) async fn dispatch(&self, worker: &str, limit: usize) -> Vec<Dispatched> {
        let until = self.now().after(LEASE);
        self.ledger
            .dispatch(
                &tenant(),
                (&WorkerId(worker.to_owned()), token()),
                &limit.into(),
                self.now(),
                until,
            )
            .await
            .unwrap()
    }

    pub(crate) fn commit_as(&self, worker: &str) -> GroupCommit {
        let id = WorkerId(worker.to_owned());
        let (ledger, clock) = (self.ledger.clone(), self.clock.clone());
        GroupCommit::start(ledger, id, as_worker(worker), clock, LEASE).unwrap()
    }

    /// Works as one more process would, until the campaign has ended: every fifth job waits and is
    /// called again, every seventh becomes a dead letter. What it claimed and settled.
    pub(crate) async fn drain(&self, worker: &str) -> Vec<(JobId, i64)> {
        let (ledger, clock) = (self.place.open().await, self.clock.clone());
        let name = WorkerId(worker.to_owned());
        let commit = GroupCommit::start(
            ledger.clone(),
            name.clone(),
            as_worker(worker),
            clock,
            LEASE,
        )
        .unwrap();
        let mut settled = Vec::new();
        let mut turn = 0;
        while !self.has_ended().await {
            let until = self.now().after(LEASE);
            turn += 1;
            let room = DispatchRoom { turn, ..25.into() };
            let wire = ledger
                .dispatch(&tenant(), (&name, token()), &room, self.now(), until)
                .await
                .unwrap();
            let handled = wire.iter().map(|delivery| async {
                let job = commit.claim(delivery.key).await.unwrap()?;
                assert_eq!(job.key, delivery.key);
                let said = match job.key.job.0 {
                    id if id % 5 == 0 && job.attempts == 0 => retry(&job, START, true, None),
                    id if id % 7 == 0 => dead(&job),
                    _ => succeeded(&job),
                };
                assert!(commit.settle(said).await.unwrap());
                Some((job.key.job, job.key.dispatch))
            });
            settled.extend(
                futures::future::join_all(handled)
                    .await
                    .into_iter()
                    .flatten(),
            );
        }
        settled
    }

    pub(crate) async fn claim_one(&self, commit: &GroupCommit, worker: &str) -> ClaimedJob {
        let dispatched = self.dispatch(worker, 1).await;
        commit.claim(dispatched[0].key).await.unwrap().unwrap()
    }

    pub(crate) async fn state_of(&self, job: JobId) -> JobState {
        self.ledger.job(job).await.unwrap().unwrap().0.state
    }

    /// The counters, and what finds jobs by their state, say what the jobs themselves say.
    pub(crate) async fn assert_counters_agree(&self) {
        let found = self.ledger.check().await.unwrap();
        assert!(found.is_sound(), "{found:?}");
        let campaign = self.spring().await;
        let page = Page {
            after: JobId(0),
            limit: 100_000,
        };
        let jobs = self.ledger.jobs(self.campaign, page).await.unwrap();
        let count = |state| jobs.iter().filter(|job| job.state == state).count() as i64;
        let counts = &campaign.counts;
        assert_eq!(
            [
                counts.pending,
                counts.queued,
                counts.running,
                counts.succeeded,
                counts.dead,
                counts.cancelled,
                counts.skipped,
            ],
            [
                count(JobState::Pending),
                count(JobState::Queued),
                count(JobState::Running),
                count(JobState::Succeeded),
                count(JobState::Dead),
                count(JobState::Cancelled),
                count(JobState::Skipped),
            ]
        );
        assert_eq!(counts.total, jobs.len() as i64);
        assert_eq!(counts.dead_by_reason.values().sum::<i64>(), counts.dead);
    }
}

pub(crate) fn lane_state(tenant: &str) -> LaneState {
    LaneState {
        tenant: TenantName::new(tenant).unwrap(),
        kind: LaneKind::Writes,
        configured_limit: 100,
        learnt_limit: Some(87.3),
        window_ms: 20_000,
        used: 3,
        in_flight: 1,
        gate: Gate::Open,
        gate_until: None,
        gate_reason: String::new(),
        calls: 12,
        throttled: 1,
        throttle_events: 1,
        rate_per_second: 0.1 + 0.2,
        updated_at: START,
    }
}

pub(crate) fn alice() -> Actor {
    Actor::new("alice", "cli at desk")
}

pub(crate) fn as_worker(id: &str) -> Actor {
    Actor::worker(&WorkerId(id.to_owned()), "engine-room")
}

pub(crate) fn tenant() -> TenantName {
    TenantName::new("contoso").unwrap()
}

pub(crate) fn campaign(name: &str) -> NewCampaign {
    NewCampaign {
        name: name.to_owned(),
        tenant: tenant(),
        action: Action::Unassign,
        rolls_back: None,
    }
}

pub(crate) fn list() -> NewList {
    NewList {
        sha256: "00".repeat(32),
        name: "devices.csv".to_owned(),
    }
}

pub(crate) fn device(number: usize) -> Device {
    Device {
        id: DeviceId(format!("00000000-0000-0000-0000-{number:012}")),
        serial: format!("SN-{number:06}"),
        user_principal_name: format!("user{number}@contoso.example"),
        addressable_user_name: format!("User {number}"),
        group_tag: "Sales".to_owned(),
        manufacturer: "Contoso".to_owned(),
        model: "Model 1".to_owned(),
        display_name: String::new(),
        managed_device_id: String::new(),
        entra_device_id: String::new(),
        enrollment_state: EnrollmentState::Enrolled,
        last_contacted: None,
    }
}

pub(crate) fn attempt(outcome: AttemptOutcome, at: Timestamp) -> NewAttempt {
    NewAttempt {
        step: AttemptStep::Act,
        outcome,
        started_at: at,
        finished_at: at,
        status: Some(204),
        code: None,
        message: None,
        request_id: Some("r-1".to_owned()),
        client_request_id: Some("c-1".to_owned()),
        server_date: None,
        diagnostic: None,
    }
}

/// A token that no other dispatch has.
pub(crate) fn token() -> DispatchToken {
    DispatchToken::random(&mut rand::rng())
}

pub(crate) fn settlement(
    job: &ClaimedJob,
    verdict: Verdict,
    outcome: AttemptOutcome,
) -> Settlement {
    Settlement {
        key: job.key,
        verdict,
        attempts: vec![attempt(outcome, START)],
    }
}

pub(crate) fn succeeded(job: &ClaimedJob) -> Settlement {
    settlement(job, Verdict::Succeeded, AttemptOutcome::Succeeded)
}

pub(crate) fn dead(job: &ClaimedJob) -> Settlement {
    let verdict = Verdict::Dead {
        reason: DeadReason::NotFound,
        uncertain: false,
        message: "gone".to_owned(),
    };
    settlement(job, verdict, AttemptOutcome::Buried)
}

pub(crate) fn retry(
    job: &ClaimedJob,
    not_before: Timestamp,
    spent: bool,
    pause: Option<&str>,
) -> Settlement {
    let verdict = Verdict::Retry {
        not_before,
        spent,
        uncertain: false,
        reason: if spent {
            WaitReason::Backoff
        } else {
            WaitReason::Throttled
        },
        message: "later".to_owned(),
        pause: pause.map(|reason| Pause {
            cause: PauseCause::Tenant,
            reason: reason.to_owned(),
        }),
    };
    settlement(
        job,
        verdict,
        if spent {
            AttemptOutcome::Retried
        } else {
            AttemptOutcome::Throttled
        },
    )
}
