//! The same events, done to a ledger by what workers are made of.

use std::sync::Arc;
use std::time::Duration;

use proptest_state_machine::StateMachineTest;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use repilot_domain::{
    Action, Actor, AttemptStep, CampaignId, Clock as _, Device, DeviceId, EnrollmentState, JobAct,
    JobId, JobState, ManualClock, Step, Stepped, TenantName, Timestamp, WorkerId,
};
use repilot_graph::{GraphError, SystemicReason};
use repilot_ledger::{
    Advance, ClaimedJob, GroupCommit, Job, JobSelection, Ledger, LedgerLocation, NewAttempt,
    NewCampaign, NewJob, NewList, Page, QueuedJob, Settlement, Task,
};
use tokio::runtime::Runtime;

use super::reference::{ATTEMPTS, Answer, Event, Model, Status, User, WORKERS};
use crate::lease::{LEASE, Lease};
use crate::policy::{Users, after_act, after_look};
use crate::settlement::settlement;
use crate::{Decision, RetrySettings};

const START: Timestamp = Timestamp::from_millis(1_772_352_930_250);

/// Nothing waits: all that is pending is due.
const RETRY: RetrySettings = RetrySettings {
    attempts: ATTEMPTS,
    backoff: Duration::ZERO,
    backoff_max: Duration::ZERO,
    look_after: Duration::ZERO,
};

struct Process {
    id: WorkerId,
    commit: GroupCommit,
    lease: Lease,
}

/// A job that a process has claimed.
struct Hand {
    worker: usize,
    job: ClaimedJob,
    decision: Option<Decision>,
    attempts: Vec<NewAttempt>,
}

struct SimulatedDevice {
    user: String,
    /// Somebody else assigned it after the last call of ours that was done.
    is_astray: bool,
}

pub(super) struct System {
    ledger: Ledger,
    _folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    campaign: CampaignId,
    new_jobs: Vec<NewJob>,
    jobs: Vec<JobId>,
    devices: Vec<SimulatedDevice>,
    processes: Vec<Process>,
    born: u32,
    hands: Vec<Hand>,
    last_said: Option<(GroupCommit, Settlement)>,
    runtime: Arc<Runtime>,
}

fn before(place: usize) -> String {
    format!("before{place}@contoso.example")
}

fn new(place: usize) -> String {
    format!("new{place}@contoso.example")
}

fn other() -> String {
    "other@contoso.example".to_owned()
}

fn by() -> Actor {
    Actor::new("alice", "model")
}

fn device(place: usize, user: &str) -> Device {
    Device {
        id: DeviceId(format!("00000000-0000-0000-0000-{place:012}")),
        serial: format!("SN-{place}"),
        user_principal_name: user.to_owned(),
        addressable_user_name: String::new(),
        group_tag: String::new(),
        manufacturer: String::new(),
        model: String::new(),
        display_name: String::new(),
        managed_device_id: String::new(),
        entra_device_id: String::new(),
        enrollment_state: EnrollmentState::Enrolled,
        last_contacted: None,
    }
}

fn tenant() -> TenantName {
    TenantName::new("contoso").unwrap()
}

fn error(answer: Answer) -> GraphError {
    match answer {
        Answer::Done | Answer::DoneUnheard | Answer::LostUndone => GraphError::Ambiguous,
        Answer::Throttled => GraphError::Throttled { retry_after: None },
        Answer::Fault => GraphError::Transient { retry_after: None },
        Answer::Unreachable => GraphError::Unreachable,
        Answer::TokenRefused => GraphError::Unauthorized,
        Answer::TenantRefuses => {
            GraphError::Systemic(SystemicReason::Forbidden("Forbidden".to_owned()))
        }
        Answer::NotFound => GraphError::NotFound,
        Answer::Refused => GraphError::Rejected,
    }
}

impl System {
    fn of(model: &Model) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.db");
        let location = LedgerLocation::parse(file.to_str().unwrap()).unwrap();
        let user = |(place, job): (usize, &super::reference::Job)| {
            if job.had_user {
                before(place)
            } else {
                String::new()
            }
        };
        let users: Vec<String> = model.jobs.iter().enumerate().map(user).collect();
        let needs_user = model.action.needs_user();
        let new_jobs = users.iter().enumerate().map(|(place, user)| NewJob {
            device: device(place, user),
            line: place as u64 + 1,
            task: Task {
                action: model.action,
                new_user: if needs_user {
                    new(place)
                } else {
                    String::new()
                },
                ..Task::default()
            },
        });
        let new_jobs: Vec<NewJob> = new_jobs.collect();
        let (ledger, campaign, jobs) = runtime.block_on(opened(&location, model.action, &new_jobs));
        let devices = users.into_iter().map(|user| SimulatedDevice {
            user,
            is_astray: false,
        });
        let mut system = Self {
            runtime: Arc::new(runtime),
            ledger,
            _folder: folder,
            clock: Arc::new(ManualClock::at(START)),
            campaign,
            new_jobs,
            jobs,
            devices: devices.collect(),
            processes: Vec::new(),
            born: 0,
            hands: Vec::new(),
            last_said: None,
        };
        for _ in 0..WORKERS {
            let process = system.process();
            system.processes.push(process);
        }
        system
    }

    fn process(&mut self) -> Process {
        self.born += 1;
        let id = WorkerId(format!("w{}", self.born));
        let commit = GroupCommit::start(
            self.ledger.clone(),
            id.clone(),
            Actor::worker(&id, "model"),
            self.clock.clone(),
            LEASE,
        );
        Process {
            id,
            commit: commit.unwrap(),
            lease: Lease::default(),
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn rows(&self) -> Vec<Job> {
        let page = Page {
            after: JobId(0),
            limit: 100,
        };
        self.ledger.jobs(self.campaign, page).await.unwrap()
    }

    /// A job under its newest number.
    async fn queued(&self, place: usize) -> QueuedJob {
        QueuedJob {
            campaign: self.campaign,
            job: self.jobs[place],
            dispatch: self.rows().await[place].dispatch,
        }
    }

    async fn claim(&mut self, worker: usize, place: usize, stale: bool) {
        let mut queued = self.queued(place).await;
        queued.dispatch -= i64::from(stale);
        let commit = &self.processes[worker].commit;
        if let Some(job) = commit.claim(queued).await.unwrap() {
            self.hands.push(Hand {
                worker,
                job,
                decision: None,
                attempts: Vec::new(),
            });
        }
    }

    /// What a handler does between its claim and its word.
    async fn call(&mut self, place: usize, answer: Answer) {
        let now = self.now();
        let rows = self.rows().await;
        let Some(hand) = self.hands.get_mut(place) else {
            return;
        };
        let process = &self.processes[hand.worker];
        if hand.decision.is_some() || !process.lease.covers(hand.job.lease_until, now) {
            return;
        }
        let job = &mut hand.job;
        let number = self.jobs.iter().position(|id| *id == job.id).unwrap();
        let row = &rows[number];
        assert_eq!(
            (row.state, row.dispatch, &row.worker),
            (JobState::Running, job.dispatch, &process.id.0),
            "who calls a device alone holds its job"
        );
        let device = &mut self.devices[number];
        let step = job.progress.next().unwrap();
        let rng = &mut StdRng::seed_from_u64(1);
        let (attempted, decision) = if job.uncertain {
            let seen = match answer {
                Answer::Done => Ok(device.user.clone()),
                // A read that is lost is a passing fault.
                Answer::DoneUnheard | Answer::LostUndone => Err(error(Answer::Fault)),
                failed => Err(error(failed)),
            };
            let users = Users {
                previous: &job.previous_user,
                new: &job.new_user,
            };
            let decision = after_look(&seen, step, users, job.attempts, &RETRY, rng);
            (AttemptStep::Look, decision)
        } else {
            if matches!(answer, Answer::Done | Answer::DoneUnheard) {
                device.is_astray = false;
                device.user = match step {
                    Step::Unassign => String::new(),
                    Step::Assign => job.new_user.clone(),
                };
            }
            let heard = match answer {
                Answer::Done => Ok(()),
                failed => Err(error(failed)),
            };
            let decision = after_act(&heard, job.attempts, &RETRY, rng);
            (step.attempt(), decision)
        };
        hand.attempts.push(NewAttempt {
            outcome: decision.outcome(),
            ..NewAttempt::lost(attempted, now, now, "")
        });
        if decision == Decision::Act {
            job.uncertain = false;
        } else {
            hand.decision = Some(decision);
        }
    }

    async fn say(&mut self, place: usize) {
        let now = self.now();
        let Some(hand) = self.hands.get_mut(place) else {
            return;
        };
        let Some(decision) = hand.decision.take() else {
            return;
        };
        let commit = self.processes[hand.worker].commit.clone();
        let attempts = std::mem::take(&mut hand.attempts);
        let job = &mut hand.job;
        if decision == Decision::Succeed
            && let Stepped::On(progress) = job.progress.succeeded()
        {
            let advance = Advance {
                job: job.id,
                dispatch: job.dispatch,
                campaign: job.campaign,
                progress,
                attempts,
            };
            (job.progress, job.attempts, job.uncertain) = (progress, 0, false);
            if !commit.advance(advance).await.unwrap() {
                self.hands.remove(place);
            }
            return;
        }
        let said = settlement(job, decision, attempts, now);
        self.hands.remove(place);
        commit.settle(said.clone()).await.unwrap();
        self.last_said = Some((commit, said));
    }

    async fn act(&self, act: JobAct, place: usize) {
        let selection = JobSelection::These(vec![self.jobs[place]]);
        let acted = self.ledger.act(act, &selection, &by(), self.now()).await;
        acted.unwrap();
    }

    async fn happen(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Pass(seconds) => self
                .clock
                .advance(Duration::from_secs(seconds.unsigned_abs())),
            Event::Dispatch(worker) => {
                let id = &self.processes[worker].id;
                let (tenant, room) = (tenant(), 100.into());
                let until = now.after(LEASE);
                let dispatched = self.ledger.dispatch(&tenant, id, &room, now, until);
                dispatched.await.unwrap();
            }
            Event::Claim { worker, job, stale } => self.claim(worker, job, stale).await,
            Event::Recall(place) => {
                let queued = self.queued(place).await;
                self.processes[0].commit.recall(queued).await.unwrap();
            }
            Event::Call(hand, answer) => self.call(hand, answer).await,
            Event::Say(hand) => self.say(hand).await,
            Event::SayAgain => {
                if let Some((commit, said)) = &self.last_said {
                    let taken = commit.settle(said.clone()).await.unwrap();
                    assert!(!taken, "it was said before");
                }
            }
            Event::Renew(worker) => {
                let process = &self.processes[worker];
                let until = now.after(LEASE);
                self.ledger.renew_leases(&process.id, until).await.unwrap();
                process.lease.renewed(now, until);
            }
            Event::Crash(worker) => {
                self.hands.retain(|hand| hand.worker != worker);
                self.processes[worker] = self.process();
            }
            Event::Rescue => drop(self.ledger.rescue(&by(), now).await.unwrap()),
            Event::Pause => drop(
                self.ledger
                    .pause(self.campaign, "", &by(), now)
                    .await
                    .unwrap(),
            ),
            Event::Resume => drop(self.ledger.resume(self.campaign, &by(), now).await.unwrap()),
            Event::Cancel => drop(self.ledger.cancel(self.campaign, &by(), now).await.unwrap()),
            Event::Requeue(job) => self.act(JobAct::Requeue, job).await,
            Event::Discard(job) => self.act(JobAct::Discard, job).await,
            Event::Skip(job) => self.act(JobAct::Skip, job).await,
            Event::EnqueueAgain => {
                enqueue(&self.ledger, self.campaign, &self.new_jobs, now).await;
            }
            Event::Meddle(place) => {
                let device = &mut self.devices[place];
                (device.user, device.is_astray) = (other(), true);
            }
        }
    }

    /// What a job says of its device is so.
    fn assert_agreement(&self, place: usize, row: &Job) {
        let device = &self.devices[place];
        if device.is_astray {
            return;
        }
        let first = row.user_principal_name.clone();
        let wanted = row.new_user_principal_name.clone();
        let done = usize::try_from(row.steps_done).unwrap();
        let as_it_stands = if done == 0 { first } else { String::new() };
        let may_be = match row.state {
            // Of an unassignment it is nobody.
            JobState::Succeeded => vec![wanted],
            _ if row.uncertain || row.state == JobState::Running => {
                let step = row.action.steps()[done];
                let after = match step {
                    Step::Unassign => String::new(),
                    Step::Assign => wanted,
                };
                vec![as_it_stands, after]
            }
            _ => vec![as_it_stands],
        };
        assert!(
            may_be.contains(&device.user),
            "{} is {:?}, and its job says {may_be:?}: {row:?}",
            row.serial,
            device.user
        );
    }

    async fn assert_sound(&self) {
        let found = self.ledger.check().await.unwrap();
        assert!(found.is_sound(), "{found:?}");
        let campaign = self.ledger.campaign("model").await.unwrap().unwrap();
        let rows = self.rows().await;
        let count = |state| {
            let rows = rows.iter().filter(|row| row.state == state);
            i64::try_from(rows.count()).unwrap()
        };
        let counts = &campaign.counts;
        assert_eq!(
            [
                counts.pending,
                counts.queued,
                counts.running,
                counts.succeeded,
                counts.dead
            ],
            [
                count(JobState::Pending),
                count(JobState::Queued),
                count(JobState::Running),
                count(JobState::Succeeded),
                count(JobState::Dead)
            ]
        );
        assert_eq!(counts.open() == 0, campaign.has_ended());
    }
}

async fn opened(
    location: &LedgerLocation,
    action: Action,
    jobs: &[NewJob],
) -> (Ledger, CampaignId, Vec<JobId>) {
    let ledger = Ledger::open(location).await.unwrap();
    let campaign = NewCampaign {
        name: "model".to_owned(),
        tenant: tenant(),
        action,
        rolls_back: None,
    };
    let opened = ledger.open_campaign(&campaign, &by(), START).await;
    let id = opened.unwrap().id;
    enqueue(&ledger, id, jobs, START).await;
    let attended = START.after(Duration::from_hours(24));
    ledger.attend(id, attended).await.unwrap();
    let page = Page {
        after: JobId(0),
        limit: 100,
    };
    let rows = ledger.jobs(id, page).await.unwrap();
    let ids = rows.iter().map(|row| row.id).collect();
    (ledger, id, ids)
}

async fn enqueue(ledger: &Ledger, campaign: CampaignId, jobs: &[NewJob], now: Timestamp) {
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

impl StateMachineTest for System {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(model: &Model) -> Self {
        Self::of(model)
    }

    fn apply(mut system: Self, _: &Model, event: Event) -> Self {
        let runtime = Arc::clone(&system.runtime);
        runtime.block_on(system.happen(event));
        system
    }

    fn check_invariants(system: &Self, model: &Model) {
        let rows = system.runtime.block_on(system.rows());
        assert_eq!(rows.len(), model.jobs.len());
        for (place, (row, expected)) in rows.iter().zip(&model.jobs).enumerate() {
            system.assert_agreement(place, row);
            let recorded = (row.state, row.steps_done, row.uncertain, row.attempts);
            let steps = i64::try_from(expected.steps).unwrap();
            let spent = i64::from(expected.spent);
            assert_eq!(
                recorded,
                (expected.state, steps, expected.uncertain, spent),
                "{row:?}"
            );
            let user = match expected.device {
                User::Before => before(place),
                User::Nobody => String::new(),
                User::New => new(place),
                User::Other => other(),
            };
            assert_eq!(system.devices[place].user, user, "{row:?}");
        }
    }

    fn teardown(system: Self, model: Model) {
        system.runtime.block_on(system.assert_sound());
        let campaign = system.runtime.block_on(system.ledger.campaign("model"));
        let campaign = campaign.unwrap().unwrap();
        assert_eq!(
            campaign.status.as_str(),
            match model.status {
                Status::Active => "active",
                Status::Paused => "paused",
                Status::Cancelled => "cancelled",
            }
        );
        assert_eq!(campaign.has_ended(), model.has_ended());
    }
}
