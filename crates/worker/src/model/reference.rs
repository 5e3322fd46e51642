//! What must become of jobs and devices, in a model's words.

use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::ReferenceStateMachine;
use repilot_domain::{Action, JobState, Step};

/// In milliseconds, as a worker has it.
pub(super) const LEASE: i64 = 10_000;
const MARGIN: i64 = 1_000;
pub(super) const WORKERS: usize = 2;
/// So few that jobs run out of them.
pub(super) const ATTEMPTS: u32 = 2;

/// Who has a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    Before,
    Nobody,
    New,
    /// Somebody whom an admin assigned meanwhile.
    Other,
}

/// What Graph does with a call and what is heard of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    /// A timeout, a reset or a 504 after it was done.
    DoneUnheard,
    /// The same, but it was not done.
    LostUndone,
    Throttled,
    /// 500, 502, 503.
    Fault,
    Unreachable,
    TokenRefused,
    TenantRefuses,
    NotFound,
    Refused,
}

#[derive(Debug, Clone)]
pub(super) enum Event {
    /// So many seconds pass.
    Pass(i64),
    Dispatch(usize),
    /// A delivery, of the newest dispatch or of an earlier one.
    Claim {
        worker: usize,
        job: usize,
        stale: bool,
    },
    /// A job comes off the wire unclaimed.
    Recall(usize),
    /// The next call for what is claimed: an act, or a look where it is uncertain.
    Call(usize, Answer),
    /// What came of it is told to the ledger.
    Say(usize),
    /// The last that was told is told again.
    SayAgain,
    Renew(usize),
    /// A worker vanishes with all it holds; another takes its place.
    Crash(usize),
    Rescue,
    Pause,
    Resume,
    Cancel,
    Requeue(usize),
    Discard(usize),
    Skip(usize),
    /// The same list again.
    EnqueueAgain,
    /// An admin assigns somebody in the portal.
    Meddle(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Active,
    Paused,
    Cancelled,
}

#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) had_user: bool,
    pub(super) device: User,
    pub(super) state: JobState,
    pub(super) steps: usize,
    pub(super) uncertain: bool,
    pub(super) spent: u32,
    dispatch: i64,
    lease: i64,
    holder: (usize, u32),
    /// Died because somebody else had the device.
    is_taken: bool,
}

/// What a worker has claimed, as it knows it.
#[derive(Debug, Clone)]
struct Hand {
    worker: usize,
    job: usize,
    dispatch: i64,
    lease: i64,
    steps: usize,
    spent: u32,
    uncertain: bool,
    said: Option<Said>,
}

#[derive(Debug, Clone, Copy)]
enum Said {
    StepDone,
    AllDone,
    Again {
        spent: bool,
        uncertain: bool,
        pause: bool,
    },
    Dead {
        uncertain: bool,
        is_taken: bool,
    },
}

/// Renewed without a gap since, and until.
#[derive(Debug, Clone, Copy, Default)]
struct Renewals {
    since: i64,
    until: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) action: Action,
    pub(super) now: i64,
    pub(super) status: Status,
    pub(super) jobs: Vec<Job>,
    hands: Vec<Hand>,
    renewals: [Renewals; WORKERS],
    generations: [u32; WORKERS],
}

impl Model {
    fn begin(action: Action, had_user: &[bool]) -> Self {
        let jobs = had_user.iter().map(|had_user| Job {
            had_user: *had_user,
            device: if *had_user {
                User::Before
            } else {
                User::Nobody
            },
            state: JobState::Pending,
            steps: 0,
            uncertain: false,
            spent: 0,
            dispatch: 0,
            lease: 0,
            holder: (0, 0),
            is_taken: false,
        });
        Self {
            action,
            now: 0,
            status: Status::Active,
            jobs: jobs.collect(),
            hands: Vec::new(),
            renewals: [Renewals::default(); WORKERS],
            generations: [0; WORKERS],
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.jobs.iter().all(|job| job.state.is_terminal())
    }

    fn places(&self, state: JobState) -> Vec<usize> {
        let places = 0..self.jobs.len();
        places
            .filter(|place| self.jobs[*place].state == state)
            .collect()
    }

    fn is_late(&self, hand: &Hand) -> bool {
        let job = &self.jobs[hand.job];
        hand.said.is_some()
            && job.state == JobState::Running
            && (job.dispatch != hand.dispatch || job.holder.0 != hand.worker)
    }

    fn is_lost_any(&self) -> bool {
        let in_hand = |job: &&Job| matches!(job.state, JobState::Queued | JobState::Running);
        let mut in_hand = self.jobs.iter().filter(in_hand);
        in_hand.any(|job| job.lease < self.now)
    }

    fn covers(&self, hand: &Hand) -> bool {
        let renewals = self.renewals[hand.worker];
        let until = if hand.lease > renewals.since {
            hand.lease.max(renewals.until)
        } else {
            hand.lease
        };
        self.now + MARGIN < until
    }

    fn each(&mut self, state: JobState, change: impl Fn(&mut Job)) {
        self.jobs
            .iter_mut()
            .filter(|job| job.state == state)
            .for_each(change);
    }

    fn pause(&mut self) {
        if self.status == Status::Active && !self.has_ended() {
            self.status = Status::Paused;
            self.each(JobState::Queued, |job| job.state = JobState::Pending);
        }
    }

    fn cancel_returned(&mut self) {
        if self.status == Status::Cancelled {
            self.each(JobState::Pending, |job| job.state = JobState::Cancelled);
        }
    }

    fn call(&mut self, place: usize, answer: Answer) {
        let Some(hand) = self.hands.get(place) else {
            return;
        };
        if hand.said.is_some() || !self.covers(hand) {
            return;
        }
        let step = self.action.steps()[hand.steps];
        let job = &mut self.jobs[hand.job];
        let hand = &mut self.hands[place];
        let most = if hand.uncertain {
            ATTEMPTS * 2
        } else {
            ATTEMPTS
        };
        let unknown = hand.uncertain;
        let again = |spent| Said::Again {
            spent,
            uncertain: unknown,
            pause: false,
        };
        let dead = Said::Dead {
            uncertain: unknown,
            is_taken: false,
        };
        let fault = if hand.spent + 1 >= most {
            dead
        } else {
            again(true)
        };
        hand.said = match answer {
            Answer::Done if unknown => {
                let found = look(self.action, step, job, hand.spent);
                hand.uncertain = found.is_some();
                found
            }
            // A look changes nothing, so a lost one is a fault.
            Answer::DoneUnheard | Answer::LostUndone if unknown => Some(fault),
            Answer::Done | Answer::DoneUnheard => {
                job.device = match step {
                    Step::Unassign => User::Nobody,
                    Step::Assign => User::New,
                };
                Some(match answer {
                    Answer::Done => Said::StepDone,
                    _ => LOST,
                })
            }
            Answer::LostUndone => Some(LOST),
            Answer::Fault => Some(fault),
            Answer::Throttled | Answer::Unreachable | Answer::TokenRefused => Some(again(false)),
            Answer::TenantRefuses => Some(Said::Again {
                spent: false,
                uncertain: unknown,
                pause: true,
            }),
            Answer::NotFound | Answer::Refused => Some(dead),
        };
    }

    fn say(&mut self, place: usize) {
        let Some(hand) = self.hands.get(place).cloned() else {
            return;
        };
        let Some(said) = hand.said else {
            return;
        };
        let holder = (hand.worker, self.generations[hand.worker]);
        let job = &mut self.jobs[hand.job];
        let holds =
            job.state == JobState::Running && job.dispatch == hand.dispatch && job.holder == holder;
        let goes_on = matches!(said, Said::StepDone) && hand.steps + 1 < self.action.steps().len();
        if holds && goes_on {
            (job.steps, job.spent, job.uncertain) = (hand.steps + 1, 0, false);
            let hand = &mut self.hands[place];
            (hand.steps, hand.spent, hand.uncertain) = (job.steps, 0, false);
            hand.said = None;
            return;
        }
        self.hands.remove(place);
        if !holds {
            return;
        }
        match said {
            Said::StepDone | Said::AllDone => {
                job.state = JobState::Succeeded;
                (job.steps, job.uncertain) = (0, false);
                job.spent += 1;
            }
            Said::Again {
                spent,
                uncertain,
                pause,
            } => {
                job.state = JobState::Pending;
                job.uncertain = uncertain;
                job.spent += u32::from(spent);
                if pause {
                    self.pause();
                }
                self.cancel_returned();
            }
            Said::Dead {
                uncertain,
                is_taken,
            } => {
                job.state = JobState::Dead;
                (job.uncertain, job.is_taken) = (uncertain, is_taken);
                job.spent += 1;
            }
        }
    }

    fn rescue(&mut self) {
        let now = self.now;
        for job in self.jobs.iter_mut().filter(|job| job.lease < now) {
            match job.state {
                JobState::Queued => job.state = JobState::Pending,
                JobState::Running => (job.state, job.uncertain) = (JobState::Pending, true),
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
}

const LOST: Said = Said::Again {
    spent: true,
    uncertain: true,
    pause: false,
};

/// What a look says; nothing where the act may follow.
fn look(action: Action, step: Step, job: &Job, spent: u32) -> Option<Said> {
    let is_as_before = match job.device {
        User::Before => true,
        User::Nobody => !job.had_user,
        User::New | User::Other => false,
    };
    if job.device == User::New && action.needs_user() {
        return Some(Said::AllDone);
    }
    match (step, job.device) {
        (Step::Unassign, User::Nobody) if job.had_user => return Some(Said::StepDone),
        (Step::Assign, User::Nobody) => {}
        _ if is_as_before => {}
        _ => {
            return Some(Said::Dead {
                uncertain: false,
                is_taken: true,
            });
        }
    }
    (spent >= ATTEMPTS).then_some(Said::Dead {
        uncertain: false,
        is_taken: false,
    })
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Event;

    fn init_state() -> BoxedStrategy<Self> {
        let devices = prop::collection::vec(prop::bool::weighted(0.8), 1..4);
        (select(Action::ALL), devices)
            .prop_map(|(action, had_user)| Self::begin(action, &had_user))
            .boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Event> {
        let job = 0..state.jobs.len();
        let worker = 0..WORKERS;
        let hand = 0..state.hands.len().max(1);
        // What can be done is done more often than what cannot.
        let queued = state.places(JobState::Queued);
        let (claims, claimed) = if queued.is_empty() {
            (2, job.clone().boxed())
        } else {
            (24, select(queued).boxed())
        };
        let dispatches = if state.places(JobState::Pending).is_empty() {
            2
        } else {
            16
        };
        let unsaid = state
            .hands
            .iter()
            .filter(|hand| hand.said.is_none())
            .count();
        let calls = if unsaid > 0 { 32 } else { 1 };
        // Where a lease ran out, its owner seldom comes first.
        let is_overtaken = state.hands.iter().any(|hand| !state.covers(hand));
        let words = match state.hands.len() > unsaid {
            true if is_overtaken => 3,
            true => 24,
            false => 1,
        };
        let waits = if state.hands.len() > unsaid { 14 } else { 6 };
        // A claim that was taken over, and still has its word to say.
        let late: Vec<usize> = (0..state.hands.len())
            .filter(|place| state.is_late(&state.hands[*place]))
            .collect();
        let (late_words, late) = if late.is_empty() {
            (1, hand.clone().boxed())
        } else {
            (24, select(late).boxed())
        };
        let rescues = if state.is_lost_any() { 24 } else { 2 };
        let dead = state.places(JobState::Dead);
        let (again, dead) = if dead.is_empty() {
            (1, job.clone().boxed())
        } else {
            (12, select(dead).boxed())
        };
        let answer = prop_oneof![
            6 => Just(Answer::Done),
            2 => Just(Answer::DoneUnheard),
            2 => Just(Answer::LostUndone),
            1 => Just(Answer::Throttled),
            2 => Just(Answer::Fault),
            1 => select(vec![
                Answer::Unreachable,
                Answer::TokenRefused,
                Answer::TenantRefuses,
                Answer::NotFound,
                Answer::Refused,
            ]),
        ];
        prop_oneof![
            dispatches => worker.clone().prop_map(Event::Dispatch),
            claims => (worker.clone(), claimed, prop::bool::weighted(0.1))
                .prop_map(|(worker, job, stale)| Event::Claim { worker, job, stale }),
            calls => (hand.clone(), answer).prop_map(|(hand, answer)| Event::Call(hand, answer)),
            words => hand.prop_map(Event::Say),
            late_words => late.prop_map(Event::Say),
            3 => Just(Event::SayAgain),
            waits => select(vec![2_i64, 12, 12]).prop_map(Event::Pass),
            4 => worker.clone().prop_map(Event::Renew),
            2 => worker.prop_map(Event::Crash),
            rescues => Just(Event::Rescue),
            2 => job.clone().prop_map(Event::Recall),
            1 => Just(Event::Pause),
            4 => Just(Event::Resume),
            again => dead.prop_map(Event::Requeue),
            1 => select(vec![
                Event::Discard(0),
                Event::Skip(state.jobs.len() - 1),
                Event::EnqueueAgain,
                // It ends most of what could come after it.
                if state.now > 40_000 { Event::Cancel } else { Event::Pause },
            ]),
            2 => job.prop_map(Event::Meddle),
        ]
        .boxed()
    }

    fn preconditions(state: &Self, event: &Event) -> bool {
        match event {
            // To enqueue opens a campaign again that has ended, which is another promise.
            Event::EnqueueAgain => state.status == Status::Active && !state.has_ended(),
            _ => true,
        }
    }

    fn apply(mut state: Self, event: &Event) -> Self {
        match *event {
            Event::Pass(seconds) => state.now += seconds * 1_000,
            Event::Dispatch(worker) => {
                let holder = (worker, state.generations[worker]);
                let lease = state.now + LEASE;
                if state.status == Status::Active {
                    state.each(JobState::Pending, |job| {
                        job.state = JobState::Queued;
                        job.dispatch += 1;
                        (job.lease, job.holder) = (lease, holder);
                    });
                }
            }
            Event::Claim { worker, job, stale } => {
                let place = job;
                let job = &mut state.jobs[place];
                if job.state == JobState::Queued && !stale {
                    job.state = JobState::Running;
                    job.lease = state.now + LEASE;
                    job.holder = (worker, state.generations[worker]);
                    state.hands.push(Hand {
                        worker,
                        job: place,
                        dispatch: job.dispatch,
                        lease: job.lease,
                        steps: job.steps,
                        spent: job.spent,
                        uncertain: job.uncertain,
                        said: None,
                    });
                }
            }
            Event::Recall(job) => {
                let job = &mut state.jobs[job];
                if job.state == JobState::Queued {
                    job.state = JobState::Pending;
                }
            }
            Event::Call(hand, answer) => state.call(hand, answer),
            Event::Say(hand) => state.say(hand),
            Event::SayAgain | Event::EnqueueAgain => {}
            Event::Renew(worker) => state.renew(worker),
            Event::Crash(worker) => {
                state.hands.retain(|hand| hand.worker != worker);
                state.generations[worker] += 1;
                state.renewals[worker] = Renewals::default();
            }
            Event::Rescue => state.rescue(),
            Event::Pause => state.pause(),
            Event::Resume => {
                if state.status == Status::Paused {
                    state.status = Status::Active;
                }
            }
            Event::Cancel => {
                if !state.has_ended() {
                    state.status = Status::Cancelled;
                    state.each(JobState::Queued, |job| job.state = JobState::Cancelled);
                    state.cancel_returned();
                }
            }
            Event::Requeue(job) => {
                let is_cancelled = state.status == Status::Cancelled;
                let job = &mut state.jobs[job];
                if job.state == JobState::Dead && !is_cancelled {
                    (job.state, job.spent) = (JobState::Pending, 0);
                    if std::mem::take(&mut job.is_taken) {
                        (job.steps, job.uncertain) = (0, false);
                    }
                }
            }
            Event::Discard(job) => {
                let job = &mut state.jobs[job];
                if job.state == JobState::Dead {
                    job.state = JobState::Skipped;
                }
            }
            Event::Skip(job) => {
                let job = &mut state.jobs[job];
                if matches!(job.state, JobState::Pending | JobState::Queued) {
                    job.state = JobState::Skipped;
                }
            }
            Event::Meddle(job) => state.jobs[job].device = User::Other,
        }
        state
    }
}
