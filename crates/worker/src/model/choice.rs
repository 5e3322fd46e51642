//! Which events come how often: what can be done is done more often than what cannot.

use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::ReferenceStateMachine;
use repilot_domain::{Action, JobState};

use super::event::{Answer, Event, Status, User};
use super::reference::{Model, WORKERS};

/// A weight, and one of these places; where there are none a small weight, and any of so many.
fn one_of(slots: Vec<usize>, weight: u32, seldom: u32, all: usize) -> (u32, BoxedStrategy<usize>) {
    if slots.is_empty() {
        (seldom, (0..all.max(1)).boxed())
    } else {
        (weight, select(slots).boxed())
    }
}

impl Model {
    fn places(&self, is_meant: impl Fn(usize) -> bool) -> Vec<usize> {
        (0..self.jobs.len())
            .filter(|place| is_meant(*place))
            .collect()
    }

    fn in_state(&self, state: JobState) -> Vec<usize> {
        self.places(|place| self.jobs[place].state == state)
    }

    /// What happens to what is in workers' hands.
    fn turns(&self) -> BoxedStrategy<Event> {
        let hands = 0..self.hands.len();
        let (said, unsaid): (Vec<usize>, Vec<usize>) =
            hands.partition(|place| self.hands[*place].said.is_some());
        // A claim that was taken over, and still has its word to say.
        let late = said.iter().copied();
        let late = late.filter(|place| self.is_late(&self.hands[*place]));
        // Where a lease ran out, its owner seldom comes first.
        let is_overtaken = self.hands.iter().any(|hand| !self.covers(hand));
        let said_weight = if is_overtaken { 3 } else { 24 };
        let all = self.hands.len();
        let (late_words, late) = one_of(late.collect(), 24, 1, all);
        let (words, said) = one_of(said, said_weight, 1, all);
        let (calls, unsaid) = one_of(unsaid, 32, 1, all);
        let withheld = unsaid.clone();
        let calls_under_way = 0..self.under_way.len();
        let overlooked = calls_under_way.clone();
        let overlooked = overlooked.filter(|call| self.under_way[*call].is_overlooked);
        let (surprises, surprise) = one_of(overlooked.collect(), 8, 1, 1);
        let (arrivals, arrival) = one_of(calls_under_way.collect(), 2, 1, 1);
        prop_oneof![
            calls => (unsaid, answer()).prop_map(|(hand, answer)| Event::Call(hand, answer)),
            1 => withheld.prop_map(Event::Withhold),
            words => said.prop_map(Event::Say),
            late_words => late.prop_map(Event::Say),
            3 => Just(Event::SayAgain),
            surprises => surprise.prop_map(Event::Arrive),
            arrivals => arrival.prop_map(Event::Arrive),
        ]
        .boxed()
    }

    /// What happens to workers, and between them and the wire.
    fn wire(&self) -> BoxedStrategy<Event> {
        let jobs = self.jobs.len();
        let worker = 0..WORKERS;
        let (claims, claimed) = one_of(self.in_state(JobState::Queued), 24, 2, jobs);
        let is_pending_any = !self.in_state(JobState::Pending).is_empty();
        let dispatches = if is_pending_any { 16 } else { 2 };
        let is_said_any = self.hands.iter().any(|hand| hand.said.is_some());
        let waits = if is_said_any { 10 } else { 4 };
        let rescues = if self.is_lost_any() { 24 } else { 2 };
        prop_oneof![
            dispatches => worker.clone().prop_map(Event::Dispatch),
            claims => (worker.clone(), claimed, prop::bool::weighted(0.1))
                .prop_map(|(worker, job, stale)| Event::Claim { worker, job, stale }),
            waits => select(vec![2_i64, 12, 12]).prop_map(Event::Pass),
            4 => worker.clone().prop_map(Event::Renew),
            1 => worker.prop_map(Event::Crash),
            rescues => Just(Event::Rescue),
            1 => (0..jobs).prop_map(Event::Recall),
        ]
        .boxed()
    }

    /// What people do.
    fn acts(&self) -> BoxedStrategy<Event> {
        let jobs = self.jobs.len();
        let campaign = 0..self.campaigns.len();
        let (requeues, dead) = one_of(self.in_state(JobState::Dead), 12, 1, jobs);
        let back = self.jobs.iter().filter(|job| self.is_to_be_taken_back(job));
        let backs = if back.count() > 0 { 16 } else { 1 };
        let unseen = self.jobs.iter().filter(|job| self.is_to_be_verified(job));
        let unseen = unseen.map(|job| job.campaign).collect();
        let (verifications, verified) = one_of(unseen, 20, 1, self.campaigns.len());
        let to_reopen = self.places(|place| self.is_to_be_reopened(place));
        let reopened = to_reopen.into_iter().map(|place| self.jobs[place].campaign);
        let (reopenings, reopened) = one_of(reopened.collect(), 24, 1, self.campaigns.len());
        let is_paused = |campaign: &usize| {
            matches!(self.campaigns[*campaign], Status::Paused | Status::Refused)
        };
        let paused = (0..self.campaigns.len()).filter(is_paused);
        let (resumptions, paused) = one_of(paused.collect(), 16, 1, self.campaigns.len());
        // It ends most of what could come after it.
        let end = if self.now > 100_000 {
            Event::Cancel(0)
        } else {
            Event::Rescue
        };
        prop_oneof![
            resumptions => paused.prop_map(Event::Resume),
            requeues => dead.prop_map(Event::Requeue),
            1 => (campaign, 0..jobs).prop_flat_map(move |(campaign, job)| select(vec![
                Event::Pause(campaign),
                Event::Skip(job),
                Event::Discard(job),
                Event::EnqueueAgain,
                end.clone(),
            ])),
            2 => (0..self.devices.len(), whom())
                .prop_map(|(device, user)| Event::Meddle(device, user)),
            2 => Just(Event::List),
            backs => Just(Event::TakeBack),
            verifications => verified.prop_map(Event::Verify),
            reopenings => reopened.prop_map(Event::Reopen),
        ]
        .boxed()
    }
}

/// Whom an admin leaves a device with.
fn whom() -> impl Strategy<Value = User> {
    prop_oneof![
        3 => Just(User::Other),
        1 => Just(User::Before),
        1 => Just(User::Nobody),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        8 => Just(Answer::Done),
        2 => Just(Answer::DoneUnheard),
        2 => Just(Answer::LostUndone),
        3 => Just(Answer::LostUnderWay),
        2 => prop::bool::weighted(0.3).prop_map(|repeats| Answer::StrangeDone { repeats }),
        2 => prop::bool::weighted(0.3).prop_map(|repeats| Answer::StrangeUndone { repeats }),
        1 => Just(Answer::Throttled),
        3 => Just(Answer::Fault),
        1 => select(vec![
            Answer::Unreachable,
            Answer::TokenRefused,
            Answer::TenantRefuses,
            Answer::NotFound,
            Answer::Refused,
        ]),
    ]
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Event;

    fn init_state() -> BoxedStrategy<Self> {
        let devices = prop::collection::vec(prop::bool::weighted(0.8), 1..3);
        (select(Action::ALL), devices)
            .prop_map(|(action, had_user)| Self::begin(action, &had_user))
            .boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Event> {
        let turns = match state.hands.is_empty() {
            true if state.under_way.is_empty() => 1,
            true => 3,
            false => 8,
        };
        prop_oneof![
            turns => state.turns(),
            5 => state.wire(),
            2 => state.acts(),
        ]
        .boxed()
    }

    fn preconditions(state: &Self, event: &Event) -> bool {
        match *event {
            // To enqueue opens a campaign again that has ended, which is another promise.
            Event::EnqueueAgain => state.campaigns[0] == Status::Active && !state.has_ended(0),
            Event::TakeBack => state.campaigns.len() == 1,
            // One that was cancelled takes no more.
            Event::Reopen(campaign) => {
                let status = state.campaigns.get(campaign);
                status.is_some_and(|status| *status != Status::Cancelled)
            }
            Event::Pause(campaign)
            | Event::Resume(campaign)
            | Event::Cancel(campaign)
            | Event::Verify(campaign) => campaign < state.campaigns.len(),
            Event::Claim { job, .. }
            | Event::Recall(job)
            | Event::Requeue(job)
            | Event::Discard(job)
            | Event::Skip(job) => job < state.jobs.len(),
            _ => true,
        }
    }

    fn apply(mut state: Self, event: &Event) -> Self {
        state.happen(event);
        state
    }
}
