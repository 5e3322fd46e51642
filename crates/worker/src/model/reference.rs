//! What must become of jobs and devices, in a model's words.

use repilot_domain::{Action, JobState, Verification};

use super::event::{Event, Status, User};
use super::job::{Device, Hand, Job, NEVER, UnderWay};

/// In milliseconds, as a worker has it.
pub(super) const LEASE: i64 = repilot_ledger::LEASE.as_secs().cast_signed() * 1_000;
const MARGIN: i64 = 1_000;
/// How old a sighting may be, in milliseconds.
pub(super) const WITHIN: i64 = 20_000;
pub(super) const WORKERS: usize = 2;
/// So few that jobs run out of them.
pub(super) const ATTEMPTS: u32 = 2;

/// Renewed without a gap since, and until.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Renewals {
    since: i64,
    until: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) action: Action,
    pub(super) now: i64,
    pub(super) campaigns: Vec<Status>,
    /// Since when all devices of each campaign have been seen, and whether none showed a user then.
    pub(super) sighted: Vec<(i64, bool)>,
    pub(super) devices: Vec<Device>,
    pub(super) jobs: Vec<Job>,
    pub(super) hands: Vec<Hand>,
    pub(super) under_way: Vec<UnderWay>,
    pub(super) renewals: [Renewals; WORKERS],
    pub(super) generations: [u32; WORKERS],
}

impl Model {
    pub(super) fn begin(action: Action, had_user: &[bool]) -> Self {
        let devices = had_user.iter().enumerate().map(|(place, had_user)| Device {
            user: if *had_user {
                User::Before
            } else {
                User::Nobody
            },
            speaker: place,
            is_astray: false,
            changes: 0,
            meddled_at: None,
        });
        let devices: Vec<Device> = devices.collect();
        let wanted = if action.needs_user() {
            User::New
        } else {
            User::Nobody
        };
        let jobs = devices.iter().enumerate().map(|(place, device)| Job {
            previous: device.user,
            wanted,
            ..Job::planned(0, place, 0, action)
        });
        Self {
            action,
            now: 0,
            campaigns: vec![Status::Active],
            sighted: vec![(0, had_user.iter().all(|had_user| !had_user))],
            jobs: jobs.collect(),
            devices,
            hands: Vec::new(),
            under_way: Vec::new(),
            renewals: [Renewals::default(); WORKERS],
            generations: [0; WORKERS],
        }
    }

    fn of(&self, campaign: usize) -> impl Iterator<Item = &Job> {
        let jobs = self.jobs.iter();
        jobs.filter(move |job| job.campaign == campaign)
    }

    pub(super) fn has_ended(&self, campaign: usize) -> bool {
        !self.of(campaign).any(Job::is_open)
    }

    pub(super) fn is_late(&self, hand: &Hand) -> bool {
        let job = &self.jobs[hand.job];
        hand.said.is_some()
            && job.state == JobState::Running
            && (job.dispatch != hand.dispatch || job.holder.0 != hand.worker)
    }

    pub(super) fn is_lost_any(&self) -> bool {
        let in_hand = |job: &&Job| matches!(job.state, JobState::Queued | JobState::Running);
        let mut in_hand = self.jobs.iter().filter(in_hand);
        in_hand.any(|job| job.lease < self.now)
    }

    pub(super) fn covers(&self, hand: &Hand) -> bool {
        let renewals = self.renewals[hand.worker];
        let until = if hand.lease > renewals.since {
            hand.lease.max(renewals.until)
        } else {
            hand.lease
        };
        self.now + MARGIN < until
    }

    /// Whether another job's campaign has this one's device to do.
    pub(super) fn is_elsewhere(&self, job: &Job) -> bool {
        let others = self
            .jobs
            .iter()
            .filter(|other| other.campaign != job.campaign);
        let mut same = others.filter(|other| other.device == job.device);
        same.any(Job::is_open)
    }

    fn each(&mut self, campaign: usize, state: JobState, change: impl Fn(&mut Job)) {
        self.jobs
            .iter_mut()
            .filter(|job| job.campaign == campaign && job.state == state)
            .for_each(change);
    }

    /// Stops a campaign that is active: a person pauses it, or its tenant refuses it.
    pub(super) fn stop(&mut self, campaign: usize, status: Status) {
        if self.campaigns[campaign] == Status::Active && !self.has_ended(campaign) {
            self.campaigns[campaign] = status;
            self.each(campaign, JobState::Queued, |job| {
                job.state = JobState::Pending;
            });
        }
    }

    fn cancel(&mut self, campaign: usize) {
        if !self.has_ended(campaign) {
            self.campaigns[campaign] = Status::Cancelled;
            self.each(campaign, JobState::Queued, |job| {
                job.state = JobState::Pending;
            });
            self.cancel_returned();
        }
    }

    pub(super) fn cancel_returned(&mut self) {
        for job in &mut self.jobs {
            let is_cancelled = self.campaigns[job.campaign] == Status::Cancelled;
            if is_cancelled && job.state == JobState::Pending && !job.is_in_doubt() {
                job.state = JobState::Cancelled;
            }
        }
    }

    fn dispatch(&mut self, worker: usize) {
        let holder = (worker, self.generations[worker]);
        for job in &mut self.jobs {
            let looks_only = match self.campaigns[job.campaign] {
                Status::Active => false,
                Status::Paused | Status::Cancelled if job.is_in_doubt() => true,
                Status::Paused | Status::Refused | Status::Cancelled => continue,
            };
            if job.state == JobState::Pending {
                job.looks_only = looks_only;
                job.state = JobState::Queued;
                job.dispatch += 1;
                job.rule = self.sighted[job.campaign];
                (job.lease, job.holder) = (self.now + LEASE, holder);
            }
        }
    }

    fn rescue(&mut self) {
        let now = self.now;
        for job in self.jobs.iter_mut().filter(|job| job.lease < now) {
            match job.state {
                JobState::Queued => job.state = JobState::Pending,
                JobState::Running => {
                    job.state = JobState::Pending;
                    (job.uncertain, job.was_lost) = (true, true);
                    (job.was_called, job.is_looked_at) = (true, false);
                }
                _ => {}
            }
        }
        self.cancel_returned();
    }

    fn renew(&mut self, worker: usize) {
        let holder = (worker, self.generations[worker]);
        let until = self.now + LEASE;
        for job in self.jobs.iter_mut().filter(|job| job.holder == holder) {
            if matches!(job.state, JobState::Queued | JobState::Running) {
                job.lease = until;
            }
        }
        let renewals = &mut self.renewals[worker];
        if self.now >= renewals.until {
            renewals.since = self.now;
        }
        renewals.until = until;
    }

    fn crash(&mut self, worker: usize) {
        self.hands.retain(|hand| hand.worker != worker);
        self.generations[worker] += 1;
        self.renewals[worker] = Renewals::default();
    }

    fn requeue(&mut self, place: usize) {
        let is_elsewhere = self.is_elsewhere(&self.jobs[place]);
        let job = &mut self.jobs[place];
        let is_cancelled = self.campaigns[job.campaign] == Status::Cancelled;
        if job.state != JobState::Dead || is_cancelled || is_elsewhere {
            return;
        }
        (job.state, job.spent) = (JobState::Pending, 0);
        job.seen.get_or_insert((User::Nobody, NEVER));
        if std::mem::take(&mut job.is_taken) {
            if let Some((user, at)) = job.found.take() {
                (job.accepted, job.seen) = (Some(user), Some((user, at)));
            }
            (job.steps, job.uncertain) = (0, false);
            job.round += 1;
        }
    }

    fn meddle(&mut self, place: usize, user: User) {
        let device = &mut self.devices[place];
        if device.user != user {
            (device.user, device.is_astray) = (user, true);
            device.changes += 1;
            device.meddled_at = Some(self.now);
        }
    }

    /// Whether the way back does anything to its device.
    pub(super) fn is_to_be_taken_back(&self, job: &Job) -> bool {
        let shown = self.devices[job.device].user;
        self.campaigns.len() == 1 && job.way_back(shown).is_some()
    }

    /// Whether its device is not as it left it, and nobody has seen that.
    pub(super) fn is_to_be_verified(&self, job: &Job) -> bool {
        let judged = job.judged(self.devices[job.device].user);
        judged != job.verification && judged != Some(Verification::Verified)
    }

    fn take_back(&mut self) {
        let mut back = Vec::new();
        for job in self.of(0) {
            let device = &self.devices[job.device];
            if let Some(action) = job.way_back(device.user) {
                back.push(Job {
                    previous: device.user,
                    wanted: job.had(),
                    ..Job::planned(1, job.device, device.changes, action)
                });
            }
        }
        if !back.is_empty() {
            self.campaigns.push(Status::Active);
            self.sighted.push((self.now, self.shows_nobody()));
            self.jobs.extend(back);
        }
    }

    fn shows_nobody(&self) -> bool {
        let mut devices = self.devices.iter();
        devices.all(|device| device.user == User::Nobody)
    }

    /// What a listing says of each device that waits for its call, and of all of them.
    fn list(&mut self) {
        let now = self.now;
        for job in &mut self.jobs {
            let waits = matches!(job.state, JobState::Pending | JobState::Queued);
            let runs = job.state == JobState::Running;
            // Whatever may have been called already is looked at anyway.
            if !(waits || runs) || job.uncertain || job.steps > 0 {
                continue;
            }
            let shown = self.devices[job.device].user;
            let differs = shown != job.expected();
            if runs {
                if differs {
                    job.seen.get_or_insert((User::Nobody, NEVER));
                }
            } else if job.seen.map_or(differs, |(_, at)| at < now) {
                job.seen = Some((shown, now));
            }
        }
        let blind = self.shows_nobody();
        for campaign in 0..self.campaigns.len() {
            let is_open = !self.has_ended(campaign);
            let sighted = &mut self.sighted[campaign];
            if is_open && sighted.0 < now {
                *sighted = (now, blind);
            }
        }
    }

    fn verify(&mut self, campaign: usize) {
        self.list();
        let devices = &self.devices;
        for job in self.jobs.iter_mut().filter(|job| job.campaign == campaign) {
            job.verification = job.judged(devices[job.device].user);
        }
    }

    /// Whether it goes round again, because a verification found it as if nothing had been done.
    pub(super) fn is_to_be_reopened(&self, place: usize) -> bool {
        let job = &self.jobs[place];
        // What was taken back, or is going to be, is not done again.
        let others = self
            .jobs
            .iter()
            .filter(|other| other.campaign > job.campaign);
        let mut backs = others.filter(|other| other.device == job.device);
        let is_taken_back = backs.any(|back| back.state == JobState::Succeeded);
        job.verification
            .is_some_and(Verification::may_be_done_again)
            && !self.is_elsewhere(job)
            && !is_taken_back
    }

    fn reopen(&mut self, campaign: usize) {
        for place in 0..self.jobs.len() {
            if self.jobs[place].campaign == campaign && self.is_to_be_reopened(place) {
                let job = &mut self.jobs[place];
                (job.state, job.spent) = (JobState::Pending, 0);
                (job.uncertain, job.verification) = (true, None);
                job.is_looked_at = false;
                job.seen.get_or_insert((User::Nobody, NEVER));
                job.round += 1;
            }
        }
    }

    pub(super) fn happen(&mut self, event: &Event) {
        match *event {
            Event::Pass(seconds) => self.now += seconds * 1_000,
            Event::Dispatch(worker) => self.dispatch(worker),
            Event::Claim { worker, job, stale } => self.claim(worker, job, stale),
            Event::Recall(job) => {
                let job = &mut self.jobs[job];
                if job.state == JobState::Queued {
                    job.state = JobState::Pending;
                }
            }
            Event::Call(hand, answer) => self.call(hand, answer),
            Event::Withhold(hand) => self.withhold(hand),
            Event::Arrive(call) => self.arrive(call),
            Event::Say(hand) => self.say(hand),
            Event::SayAgain | Event::EnqueueAgain => {}
            Event::Renew(worker) => self.renew(worker),
            Event::Crash(worker) => self.crash(worker),
            Event::Rescue => self.rescue(),
            Event::Pause(campaign) => self.stop(campaign, Status::Paused),
            Event::Resume(campaign) => {
                if matches!(self.campaigns[campaign], Status::Paused | Status::Refused) {
                    self.campaigns[campaign] = Status::Active;
                }
            }
            Event::Cancel(campaign) => self.cancel(campaign),
            Event::Requeue(job) => self.requeue(job),
            Event::Discard(job) => {
                let job = &mut self.jobs[job];
                if job.state == JobState::Dead {
                    job.state = JobState::Skipped;
                }
            }
            Event::Skip(job) => {
                let job = &mut self.jobs[job];
                if matches!(job.state, JobState::Pending | JobState::Queued) {
                    job.state = JobState::Skipped;
                }
            }
            Event::Meddle(device, user) => self.meddle(device, user),
            Event::TakeBack => self.take_back(),
            Event::List => self.list(),
            Event::Verify(campaign) => self.verify(campaign),
            Event::Reopen(campaign) => self.reopen(campaign),
        }
    }
}
