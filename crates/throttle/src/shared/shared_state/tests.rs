//! What a batch of one process does to a shared state that others write, too.

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::{Answer, LaneSeed, LaneSettings};

const WINDOW: Duration = Duration::from_secs(20);
/// A window, and what is added to it.
const WHOLE_WINDOW: Duration = Duration::from_millis(20_060);
const START: Duration = Duration::from_secs(1_000);

/// A shared state and a core to carry out batches with.
struct Lane {
    shared_state: SharedState,
    core: Core,
    batches: u64,
}

impl Lane {
    fn of(limit: u32) -> Self {
        Self::that_learnt(limit, None)
    }

    fn that_learnt(limit: u32, learnt_limit: Option<u32>) -> Self {
        let settings = LaneSettings {
            limit,
            window: WINDOW,
            in_flight: Some(limit),
        };
        let seed = LaneSeed {
            learnt_limit,
            ..LaneSeed::default()
        };
        let state = CoreState::new(&settings, &seed, START);
        Self {
            shared_state: SharedState::begin(state.clone(), 1, START),
            core: Core::resume(settings, state, Box::new(StdRng::seed_from_u64(1))),
            batches: 0,
        }
    }

    fn carry_out(&mut self, holder: u64, batch: &Batch, now: Duration) -> Decision {
        self.batches += 1;
        let batch_of = (holder, self.batches);
        let decision = self
            .shared_state
            .carry_out(&mut self.core, batch_of, batch, now);
        // Whatever is under way somebody holds, who settles it or is gone one day.
        let held = self
            .shared_state
            .holders
            .iter()
            .flat_map(|held| &held.permits);
        let held: u32 = held.map(|(_, permits)| permits).sum();
        assert_eq!(self.core.snapshot(now).in_flight, held);
        decision
    }

    fn ask(&mut self, holder: u64, wanted: u32, now: Duration) -> Decision {
        let batch = Batch {
            wanted,
            ..Batch::default()
        };
        self.carry_out(holder, &batch, now)
    }

    fn settle(&mut self, holder: u64, answers: &[Answer], now: Duration) {
        let settlement = |answer: &Answer| Settlement {
            holder,
            epoch: 0,
            took: Duration::ZERO,
            answer: *answer,
        };
        let batch = Batch {
            settlements: answers.iter().map(settlement).collect(),
            ..Batch::default()
        };
        self.carry_out(holder, &batch, now);
    }
}

#[test]
fn a_holder_that_is_gone_occupies_the_window_from_the_end_of_its_lease() {
    let mut lane = Lane::of(10);
    assert_eq!(lane.ask(1, 10, START).granted, 10);
    let lapsed = START + LEASE;
    let before = lapsed.saturating_sub(Duration::from_millis(1));
    assert_eq!(lane.ask(2, 1, before).wait, Some(Wait::UntilSettled));
    let Some(Wait::Until(free_at)) = lane.ask(2, 1, lapsed).wait else {
        panic!("its calls count as answered");
    };
    assert!(free_at >= lapsed + WINDOW && free_at <= lapsed + WHOLE_WINDOW);
    assert_eq!(lane.ask(2, 10, free_at).granted, 10);
}

#[test]
fn what_a_holder_says_after_its_lease_is_not_counted_twice_but_a_throttle_is_heard() {
    let mut lane = Lane::of(10);
    lane.ask(1, 4, START);
    let after = START + LEASE * 2;
    assert_eq!(lane.ask(2, 1, after).granted, 1);
    lane.settle(
        1,
        &[Answer::NotSent, Answer::Accepted, Answer::Failed],
        after,
    );
    assert_eq!(lane.core.snapshot(after).used, 5);
    let retry_after = Some(Duration::from_secs(3));
    lane.settle(1, &[Answer::Throttled { retry_after }], after);
    let snapshot = lane.core.snapshot(after);
    assert_eq!((snapshot.used, snapshot.throttle_events), (5, 1));
    assert_eq!(
        lane.ask(2, 1, after).wait,
        Some(Wait::Until(after + Duration::from_secs(3)))
    );
}

#[test]
fn while_others_wait_nobody_takes_more_than_a_share() {
    let mut lane = Lane::of(12);
    assert_eq!(lane.ask(1, 12, START).granted, 12);
    for holder in [2, 3] {
        assert_eq!(lane.ask(holder, 12, START).granted, 0);
    }
    lane.settle(1, &[Answer::NotSent; 12], START);
    // The one that was served last comes after those who wait.
    let decision = lane.ask(2, 12, START);
    assert_eq!(
        (decision.granted, decision.wait),
        (6, Some(Wait::Deferring))
    );
    assert_eq!(lane.ask(3, 12, START).granted, 3);
    assert_eq!(lane.ask(2, 6, START).granted, 2);
    let patient = Batch {
        wanted: 12,
        deferred: true,
        ..Batch::default()
    };
    assert_eq!(lane.carry_out(3, &patient, START).granted, 1);
}

#[test]
fn the_last_slot_is_left_to_who_has_waited_longer_but_not_for_ever() {
    let mut lane = Lane::of(2);
    let later = START + Duration::from_millis(10);
    lane.ask(1, 1, START);
    lane.ask(2, 1, later);
    assert_eq!(lane.ask(1, 1, later).granted, 0);
    lane.settle(2, &[Answer::NotSent], later);
    let decision = lane.ask(2, 1, later);
    assert_eq!(
        (decision.granted, decision.wait),
        (0, Some(Wait::Deferring))
    );
    let patient = Batch {
        wanted: 1,
        deferred: true,
        ..Batch::default()
    };
    assert_eq!(lane.carry_out(2, &patient, later).granted, 1);
}

/// Whoever only asks how long to wait may begin the probe: its slot is not lost.
#[test]
fn a_probe_that_begins_while_others_wait_is_whose_question_began_it() {
    let mut lane = Lane::that_learnt(20, Some(10));
    let after = |seconds| START + Duration::from_secs(seconds);
    assert_eq!(lane.ask(1, 10, after(15)).granted, 10);
    lane.settle(1, &[Answer::Accepted; 10], after(15));
    assert_eq!(lane.ask(2, 1, after(16)).granted, 0);
    // A limit that was known from the start is probed a window later.
    let decision = lane.ask(3, 1, after(20));
    assert_eq!((decision.granted, decision.wait), (1, None));
    assert_eq!(lane.ask(2, 1, after(20)).granted, 0);
    assert_eq!(lane.core.snapshot(after(20)).used, 11);
}

#[test]
fn a_book_that_is_begun_again_leaves_nothing_free_that_others_may_have_used() {
    let mut lane = Lane::of(10);
    lane.ask(1, 3, START);
    lane.settle(1, &[Answer::Accepted; 2], START);
    let known = lane.shared_state.clone();
    let later = START + Duration::from_secs(8);
    lane.shared_state.begin_again(&mut lane.core, 2, later);
    assert!(lane.shared_state.accounts_for(&known));
    assert!(!lane.shared_state.continues(&known, (1, 2)));
    // The two that were answered long ago come free first; the rest with the forgotten.
    let Some(Wait::Until(free_at)) = lane.ask(2, 10, later).wait else {
        panic!("the window is full");
    };
    assert!(free_at >= START + WINDOW && free_at <= START + WHOLE_WINDOW);
    assert_eq!(lane.ask(2, 10, free_at).granted, 2);
    assert_eq!(lane.ask(2, 10, later + WHOLE_WINDOW).granted, 8);
}

#[test]
fn a_book_that_is_older_than_it_was_does_not_continue() {
    let mut lane = Lane::of(10);
    lane.ask(1, 1, START);
    let replica = lane.shared_state.clone();
    lane.ask(1, 1, START);
    assert!(lane.shared_state.continues(&replica, (1, 1)));
    assert!(!replica.continues(&lane.shared_state, (1, 2)));
    // Others may have brought it past the number of writes that is known.
    let mut failed_over = Lane {
        shared_state: replica,
        ..lane
    };
    let known = failed_over.shared_state.clone();
    for _ in 0..5 {
        failed_over.ask(2, 0, START);
    }
    assert!(!failed_over.shared_state.continues(&known, (1, 2)));
}

#[test]
fn the_lanes_time_neither_goes_back_nor_jumps_when_redis_clock_is_set() {
    let mut lane = Lane::of(10);
    lane.ask(1, 1, START);
    let hour = Duration::from_hours(1);
    let second = Duration::from_secs(1);
    let set_back = START + hour;
    lane.shared_state.written_at = set_back;
    assert_eq!(lane.shared_state.keep_time(START, None), set_back);
    assert_eq!(
        lane.shared_state.keep_time(START + second, None),
        set_back + second
    );
    let known = lane.shared_state.time(START + second);
    let no_later = latest(known, second);
    let jumped = lane.shared_state.keep_time(START + hour, Some(no_later));
    assert_eq!(jumped, no_later);
    assert!(no_later <= known + second + CLOCK_TOLERANCE * 2);
}

#[test]
fn stock_is_taken_while_the_window_is_roomy_and_nobody_else_waits() {
    let mut lane = Lane::of(100);
    let greedy = |wanted| Batch {
        wanted,
        prefetched: 10,
        ..Batch::default()
    };
    assert_eq!(lane.carry_out(1, &greedy(1), START).granted, 11);
    assert_eq!(lane.carry_out(1, &greedy(80), START).granted, 80);
    lane.ask(2, 20, START);
    lane.settle(2, &[Answer::NotSent; 9], START);
    assert_eq!(lane.carry_out(1, &greedy(1), START).granted, 1);
}
