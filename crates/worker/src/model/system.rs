//! The same events, done to a ledger by what workers are made of.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use repilot_domain::{
    Actor, AttemptStep, CampaignId, Clock as _, DeviceId, JobAct, JobId, JobState, ManualClock,
    Stepped, Timestamp, WorkerId,
};
use repilot_graph::GraphError;
use repilot_ledger::{
    Advance, ClaimKey, ClaimedJob, DispatchToken, GroupCommit, Job, JobSelection, Ledger,
    LedgerLocation, NewAttempt, NewJob, Page, Settlement, Sighting, SightingRule, WaitReason,
};
use tokio::runtime::Runtime;

use super::campaigns::{self, by, tenant};
use super::event::{Answer, Event};
use super::reference::{ATTEMPTS, Model, WORKERS};
use super::world::{World, name_of};
use crate::handler::looked_at;
use crate::lease::{LEASE, Lease};
use crate::policy::{Precaution, Uncertainty, Users, after_act, after_look, precaution, seen_of};
use crate::settlement::settlement;
use crate::{Decision, RetrySettings};

pub(super) const START: Timestamp = Timestamp::from_millis(1_772_352_930_250);

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
    has_looked: bool,
    goes_on: bool,
    rule: SightingRule,
    looks_only: bool,
    looked_at: Option<Timestamp>,
    decision: Option<Decision>,
    attempts: Vec<NewAttempt>,
}

impl Hand {
    /// Notes what was decided: what is looked at alone goes back, and pauses nothing.
    fn decided(&mut self, decision: Decision) {
        match decision {
            Decision::Act if self.looks_only => self.decision = Some(looked_at()),
            Decision::Act => self.has_looked = true,
            Decision::Retry {
                delay,
                spent,
                uncertain,
                reason,
                pause: Some(_),
            } if self.looks_only => {
                self.decision = Some(Decision::Retry {
                    delay,
                    spent,
                    uncertain,
                    reason,
                    pause: None,
                });
            }
            decision => self.decision = Some(decision),
        }
    }
}

pub(super) struct System {
    pub(super) ledger: Ledger,
    _folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    pub(super) campaigns: Vec<CampaignId>,
    new_jobs: Vec<NewJob>,
    devices: Vec<DeviceId>,
    pub(super) world: World,
    processes: Vec<Process>,
    born: u32,
    hands: Vec<Hand>,
    /// Each job as it last went on the wire.
    wire: HashMap<JobId, ClaimKey>,
    /// What the newest dispatch of each job said of its sighting.
    rules: HashMap<JobId, SightingRule>,
    /// The jobs whose newest dispatch is to be looked at alone.
    looks_only: HashSet<JobId>,
    chance: StdRng,
    last_said: Option<(GroupCommit, Settlement)>,
    pub(super) runtime: Arc<Runtime>,
}

impl System {
    pub(super) fn of(model: &Model) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.db");
        let location = LedgerLocation::parse(file.to_str().unwrap()).unwrap();
        let devices = model.devices.iter().enumerate();
        let users = devices.map(|(place, device)| name_of(device.user, place));
        let world = World::of(users.collect());
        let devices = world.listed();
        let new_jobs = campaigns::first(model, &devices);
        let opened = async {
            let ledger = Ledger::open(&location).await.unwrap();
            let seen = (START, model.sighted[0].1);
            let opened = campaigns::open(&ledger, (model.action, None), &new_jobs, seen);
            let campaign = opened.await;
            (ledger, campaign)
        };
        let (ledger, campaign) = runtime.block_on(opened);
        let mut system = Self {
            runtime: Arc::new(runtime),
            ledger,
            _folder: folder,
            clock: Arc::new(ManualClock::at(START)),
            campaigns: vec![campaign],
            new_jobs,
            devices: devices.into_iter().map(|device| device.id).collect(),
            world,
            processes: Vec::new(),
            born: 0,
            hands: Vec::new(),
            wire: HashMap::new(),
            rules: HashMap::new(),
            looks_only: HashSet::new(),
            chance: StdRng::seed_from_u64(7),
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

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// All jobs, those of the first campaign first.
    pub(super) async fn rows(&self) -> Vec<Job> {
        let mut rows = Vec::new();
        for campaign in &self.campaigns {
            let page = Page {
                after: JobId(0),
                limit: 100,
            };
            rows.extend(self.ledger.jobs(*campaign, page).await.unwrap());
        }
        rows
    }

    /// A job as it last went on the wire.
    async fn queued(&self, place: usize) -> ClaimKey {
        let row = &self.rows().await[place];
        let never_sent = ClaimKey {
            campaign: row.campaign,
            job: row.id,
            dispatch: row.dispatch,
            token: DispatchToken::default(),
        };
        self.wire.get(&row.id).copied().unwrap_or(never_sent)
    }

    async fn claim(&mut self, worker: usize, place: usize, stale: bool) {
        let mut queued = self.queued(place).await;
        queued.dispatch -= i64::from(stale);
        let commit = &self.processes[worker].commit;
        if let Some(job) = commit.claim(queued).await.unwrap() {
            self.hands.push(Hand {
                worker,
                has_looked: false,
                goes_on: false,
                rule: self.rules[&job.key.job],
                looks_only: self.looks_only.contains(&job.key.job),
                looked_at: None,
                decision: None,
                attempts: Vec::new(),
                job,
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
        let job = &hand.job;
        let of_device = rows.iter().filter(|row| row.device_id == job.device);
        let running: Vec<_> = of_device
            .filter(|row| row.state == JobState::Running)
            .map(|row| (row.id, row.dispatch, &row.worker))
            .collect();
        assert_eq!(
            running,
            [(job.key.job, job.key.dispatch, &process.id.0)],
            "who calls a device alone holds it"
        );
        let mut devices = self.devices.iter();
        let device = devices.position(|id| *id == job.device).unwrap();
        let step = job.progress.next().unwrap();
        let rng = &mut StdRng::seed_from_u64(1);
        let expected = match &job.expected_user {
            Some(user) => user.clone(),
            None => self.ledger.expected_user(job.key.job).await.unwrap(),
        };
        hand.job.expected_user = Some(expected.clone());
        let job = &hand.job;
        let before = if hand.looks_only {
            Precaution::Look
        } else if job.uncertain && hand.has_looked {
            Precaution::Nothing
        } else {
            precaution(job, Some(&hand.rule), hand.looked_at, hand.goes_on, now)
        };
        let doubt = Uncertainty {
            look_first: job.uncertain,
            lost: job.lost,
        };
        let mut judge = |seen: &Result<String, GraphError>| {
            let users = Users {
                previous: &expected,
                new: &job.new_user,
                is_blind: hand.rule.is_blind,
            };
            after_look(seen, step, users, doubt, job.attempts, &RETRY, rng)
        };
        let seen = match before {
            Precaution::Nothing => None,
            Precaution::Judge(sighting) => Some((Ok(sighting.user.clone()), sighting.seen_at)),
            Precaution::Look => Some((self.world.look(device, answer), now)),
        };
        let looks = before == Precaution::Look;
        let mut decision = Decision::Act;
        if let Some((seen, seen_at)) = seen {
            decision = judge(&seen);
            if let Ok(user) = seen {
                let name = String::new();
                let sighting = Sighting {
                    user,
                    name,
                    seen_at,
                };
                if let Some(seen) = seen_of(job, sighting, &decision) {
                    assert!(process.commit.see(seen).await.unwrap(), "its claim holds");
                }
                if looks {
                    hand.looked_at = Some(now);
                }
            }
        }
        if !looks && decision != Decision::Act {
            hand.decision = Some(decision);
            return;
        }
        let job = &hand.job;
        let attempted = if looks {
            AttemptStep::Look
        } else {
            let heard = self.world.act(device, (step, job), answer);
            let rng = &mut StdRng::seed_from_u64(1);
            decision = after_act(&heard, doubt, job.attempts, &RETRY, rng);
            step.attempt()
        };
        hand.attempts.push(NewAttempt {
            outcome: decision.outcome(),
            ..NewAttempt::lost(attempted, now, now, "")
        });
        hand.decided(decision);
    }

    /// What a handler does where the lane closes before its call.
    fn withhold(&mut self, place: usize) {
        let Some(hand) = self.hands.get_mut(place) else {
            return;
        };
        if hand.decision.is_some() || hand.goes_on || hand.looks_only {
            return;
        }
        let job = &hand.job;
        let (uncertain, looked) = (job.uncertain, hand.has_looked || job.looked_at);
        hand.decision = Some(if uncertain && looked {
            looked_at()
        } else {
            Decision::Retry {
                delay: Duration::ZERO,
                spent: false,
                uncertain,
                reason: WaitReason::Throttled,
                pause: None,
            }
        });
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
                key: job.key,
                progress,
                attempts,
            };
            (job.progress, job.attempts, job.uncertain) = (progress, 0, false);
            (job.lost, hand.has_looked) = (false, false);
            (job.looked_at, hand.goes_on) = (false, true);
            let is_taken = commit.advance(advance).await.unwrap();
            if is_taken && !hand.looks_only {
                return;
            }
            let hand = self.hands.remove(place);
            if is_taken {
                let goes_back = Decision::Retry {
                    delay: Duration::ZERO,
                    spent: false,
                    uncertain: false,
                    reason: WaitReason::Throttled,
                    pause: None,
                };
                let said = settlement(&hand.job, goes_back, Vec::new(), now);
                assert!(commit.settle(said).await.unwrap(), "its claim holds");
            }
            return;
        }
        let said = settlement(job, decision, attempts, now);
        self.hands.remove(place);
        commit.settle(said.clone()).await.unwrap();
        self.last_said = Some((commit, said));
    }

    async fn act(&self, act: JobAct, place: usize) {
        let job = self.rows().await[place].id;
        let selection = JobSelection::These(vec![job]);
        let acted = self.ledger.act(act, &selection, &by(), self.now()).await;
        acted.unwrap();
    }

    async fn take_back(&mut self) {
        let (first, rows) = (self.campaigns[0], self.rows().await);
        let back = campaigns::way_back(&rows, &self.world.listed());
        if let Some(action) = back.first().map(|job| job.task.action) {
            let what = (action, Some(first));
            let is_blind = self.world.users.iter().all(String::is_empty);
            let seen = (self.now(), is_blind);
            let opened = campaigns::open(&self.ledger, what, &back, seen);
            self.campaigns.push(opened.await);
        }
    }

    pub(super) async fn happen(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Pass(seconds) => self
                .clock
                .advance(Duration::from_secs(seconds.unsigned_abs())),
            Event::Dispatch(worker) => {
                let id = &self.processes[worker].id;
                let (tenant, room) = (tenant(), 100.into());
                let until = now.after(LEASE);
                let by = (id, DispatchToken::random(&mut self.chance));
                let dispatched = self.ledger.dispatch(&tenant, by, &room, now, until);
                for sent in dispatched.await.unwrap() {
                    self.wire.insert(sent.key.job, sent.key);
                    self.rules.insert(sent.key.job, sent.sighting.unwrap());
                    if sent.looks_only {
                        self.looks_only.insert(sent.key.job);
                    } else {
                        self.looks_only.remove(&sent.key.job);
                    }
                }
            }
            Event::Claim { worker, job, stale } => self.claim(worker, job, stale).await,
            Event::Recall(place) => {
                let queued = self.queued(place).await;
                self.processes[0].commit.recall(vec![queued]).await.unwrap();
            }
            Event::Call(hand, answer) => self.call(hand, answer).await,
            Event::Withhold(hand) => self.withhold(hand),
            Event::Arrive(call) => self.world.arrive(call),
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
                let claimed = process.commit.claimed();
                let renewed = self.ledger.renew_leases(&process.id, &claimed, until);
                renewed.await.unwrap();
                process.lease.renewed(now, until);
            }
            Event::Crash(worker) => {
                self.hands.retain(|hand| hand.worker != worker);
                self.processes[worker] = self.process();
            }
            Event::Rescue => drop(self.ledger.rescue(&by(), now).await.unwrap()),
            Event::Pause(campaign) => {
                let campaign = self.campaigns[campaign];
                self.ledger.pause(campaign, "", &by(), now).await.unwrap();
            }
            Event::Resume(campaign) => {
                let campaign = self.campaigns[campaign];
                self.ledger.resume(campaign, &by(), now).await.unwrap();
            }
            Event::Cancel(campaign) => {
                let campaign = self.campaigns[campaign];
                self.ledger.cancel(campaign, &by(), now).await.unwrap();
            }
            Event::Requeue(job) => self.act(JobAct::Requeue, job).await,
            Event::Discard(job) => self.act(JobAct::Discard, job).await,
            Event::Skip(job) => self.act(JobAct::Skip, job).await,
            Event::EnqueueAgain => {
                campaigns::enqueue(&self.ledger, self.campaigns[0], &self.new_jobs, now).await;
            }
            Event::Meddle(place, user) => self.world.users[place] = name_of(user, place),
            Event::TakeBack => self.take_back().await,
            Event::List => {
                let devices = self.world.listed();
                campaigns::list(&self.ledger, &devices, now).await;
            }
            Event::Verify(campaign) => self.verify(campaign).await,
            Event::Reopen(campaign) => {
                let campaign = self.campaigns[campaign];
                self.ledger.reopen(campaign, &by(), now).await.unwrap();
            }
        }
    }

    pub(super) async fn verify(&self, campaign: usize) {
        let (now, devices) = (self.now(), self.world.listed());
        let campaign = self.campaigns[campaign];
        campaigns::verify(&self.ledger, campaign, &devices, now).await;
    }
}
