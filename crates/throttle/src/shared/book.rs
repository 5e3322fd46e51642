//! What the processes of a lane write down together, and how a batch of theirs changes it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::batch::{Batch, Decision, Settlement, Wait};
use super::holder::Holder;
use crate::CoreState;
use crate::core::{Core, Grant, Refusal};

/// A process that has not written for so long is gone, or frozen: its calls under way count as
/// answered at that moment.
pub(crate) const LEASE: Duration = Duration::from_secs(5);

/// Redis's clock may run ahead of a process's by this, and by a thousandth; by more it was set.
const CLOCK_TOLERANCE: Duration = Duration::from_millis(50);

/// Permits are taken in stock while at least this share of the window is free, and no larger share
/// of what is free: at the edge every permit goes to who waits for it.
const ROOMY_SHARE: u32 = 4;
const STOCK_SHARE: u32 = 8;

/// A lane, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Book {
    /// Drawn when the book is begun: another one means that Redis forgot.
    era: u64,
    /// What was forgotten before it began occupies the window.
    whole: bool,
    /// When the window was filled up for what was forgotten; none once that is known again.
    #[serde(default)]
    filled_at: Option<Duration>,
    /// How often it was written.
    writes: u64,
    /// When it was last written, in the lane's time.
    written_at: Duration,
    /// The lane's time less Redis's, in microseconds: where Redis's clock was set.
    ahead: i64,
    holders: Vec<Holder>,
    lane: CoreState,
}

impl Book {
    pub(crate) fn begin(lane: CoreState, era: u64, now: Duration) -> Self {
        Self {
            era,
            whole: false,
            filled_at: None,
            writes: 0,
            written_at: now,
            ahead: 0,
            holders: Vec::new(),
            lane,
        }
    }

    /// Goes on from what a process remembers of a book that Redis has lost.
    pub(crate) fn begin_again(&mut self, core: &mut Core, era: u64, now: Duration) {
        core.replace(self.lane.clone());
        for holder in std::mem::take(&mut self.holders) {
            holder.lapse(core, now);
        }
        self.lane = core.state().clone();
        self.fill_up(core, era, now);
    }

    /// What left lately nobody knows, so whatever is free counts as used just now.
    pub(crate) fn fill_up(&mut self, core: &mut Core, era: u64, now: Duration) {
        core.replace(self.lane.clone());
        core.fill(now);
        self.lane = core.state().clone();
        self.era = era;
        self.whole = true;
        self.filled_at = Some(now);
    }

    /// When a window that was filled up may be told anew from what is known elsewhere: no permit of
    /// before is valid any more, and each call that left with one is on record.
    pub(crate) fn retold_from(&self) -> Option<Duration> {
        self.filled_at.map(|at| at + LEASE)
    }

    pub(crate) fn is_written(&self) -> bool {
        self.writes > 0
    }

    pub(crate) fn is_of_the_era_of(&self, known: &Self) -> bool {
        self.era == known.era
    }

    /// Whether it is what `known` became, after that batch of a holder's.
    pub(crate) fn continues(&self, known: &Self, (holder, batch): (u64, u64)) -> bool {
        let mine = self.holders.iter().find(|held| held.id == holder);
        self.era == known.era
            && self.writes >= known.writes
            && mine.is_none_or(|held| held.batch >= batch)
    }

    /// Whether somebody else began it again and took for used what nobody knows.
    pub(crate) fn accounts_for(&self, known: &Self) -> bool {
        self.whole && self.era != known.era
    }

    /// The lane's time, where Redis's is `redis` and it cannot be later than `latest`.
    pub(crate) fn keep_time(&mut self, redis: Duration, latest: Option<Duration>) -> Duration {
        let now = self.time(redis);
        let now = latest.map_or(now, |latest| now.min(latest));
        let now = now.max(self.written_at);
        self.ahead = micros(now) - micros(redis);
        now
    }

    /// The lane's time, where Redis's is `redis`.
    pub(crate) fn time(&self, redis: Duration) -> Duration {
        let micros = micros(redis).saturating_add(self.ahead);
        Duration::from_micros(u64::try_from(micros).unwrap_or_default()).max(self.written_at)
    }

    pub(crate) fn lane(&self) -> &CoreState {
        &self.lane
    }

    pub(crate) fn knows(&self, holder: u64) -> bool {
        self.holders.iter().any(|held| held.id == holder)
    }

    pub(crate) fn has_written(&self, holder: u64, batch: u64) -> bool {
        self.holders
            .iter()
            .any(|held| held.id == holder && held.batch == batch)
    }

    /// Whether others hold or want something, so that asking again may find more.
    pub(crate) fn is_shared(&self, holder: u64) -> bool {
        self.holders.iter().any(|held| held.id != holder)
    }

    /// Carries out a holder's batch.
    pub(crate) fn carry_out(
        &mut self,
        core: &mut Core,
        (holder, number): (u64, u64),
        batch: &Batch,
        now: Duration,
    ) -> Decision {
        core.replace(self.lane.clone());
        self.lapse(core, now);
        if let Some(recent) = &batch.history
            && self.retold_from().is_some_and(|from| from <= now)
        {
            core.retell(recent, now);
            self.filled_at = None;
        }
        for settlement in &batch.settlements {
            self.settle(core, *settlement, now);
        }
        if let Some(hold) = batch.hold {
            core.hold(now, hold);
        }
        let mut mine = self.take(holder);
        mine.batch = number;
        mine.lease_until = now + LEASE;
        let longer = self.waiting_longer_than(mine.granted_at);
        let free = core.free(now);
        let rivals = self.rivals();
        let share = if batch.deferred {
            batch.wanted
        } else {
            share(free, rivals, longer).min(batch.wanted)
        };
        let mut wait = (share < batch.wanted).then_some(Wait::Deferring);
        let mut grants = Vec::new();
        while grants.len() < share as usize {
            match core.try_grant(now) {
                Ok(grant) => grants.push(grant),
                Err(refusal) => {
                    wait = Some(waiting(core, refusal, longer, now));
                    break;
                }
            }
        }
        if free == 0 && wait == Some(Wait::Deferring) {
            // Not even those who waited longer get any.
            wait = core
                .try_grant(now)
                .err()
                .map(|refusal| waiting(core, refusal, longer, now));
        }
        if wait.is_none() && rivals == 0 && core.is_roomy(ROOMY_SHARE) {
            let stock = batch.stock.min(core.free(now) / STOCK_SHARE);
            grants.extend((0..stock).map_while(|_| core.try_grant(now).ok()));
        }
        let granted = u32::try_from(grants.len()).unwrap_or(u32::MAX);
        let epoch = grants.first().map_or(0, |grant| grant.epoch());
        if granted > 0 {
            mine.add(epoch, granted);
            mine.granted_at = now;
        }
        mine.waiting = batch.wanted.saturating_sub(granted);
        // It stays until its lease ends, also with empty hands: it was served just now.
        self.holders.push(mine);
        self.writes += 1;
        self.written_at = now;
        self.lane = core.state().clone();
        Decision {
            granted,
            epoch,
            wait,
        }
    }

    /// Counts the calls of those who are gone as answered.
    fn lapse(&mut self, core: &mut Core, now: Duration) {
        let (held, lapsed) = std::mem::take(&mut self.holders)
            .into_iter()
            .partition(|holder: &Holder| holder.lease_until > now);
        self.holders = held;
        for holder in lapsed {
            holder.lapse(core, now);
        }
    }

    fn settle(&mut self, core: &mut Core, settlement: Settlement, now: Duration) {
        let Settlement {
            holder,
            epoch,
            took,
            answer,
        } = settlement;
        let mut holders = self.holders.iter_mut();
        let holder = holders.find(|held| held.id == holder);
        if holder.is_some_and(|holder| holder.remove(epoch)) {
            core.settle(Grant::of(epoch, now.saturating_sub(took)), answer, now);
        } else {
            core.settle_late(epoch, answer, now);
        }
    }

    /// Takes a holder out of the book.
    fn take(&mut self, id: u64) -> Holder {
        match self.holders.iter().position(|held| held.id == id) {
            Some(position) => self.holders.remove(position),
            None => Holder::new(id),
        }
    }

    fn rivals(&self) -> u32 {
        let rivals = self.holders.iter().filter(|held| held.waiting > 0).count();
        u32::try_from(rivals).unwrap_or(u32::MAX)
    }

    fn waiting_longer_than(&self, granted_at: Duration) -> u32 {
        let longer = |held: &&Holder| held.waiting > 0 && held.granted_at < granted_at;
        u32::try_from(self.holders.iter().filter(longer).count()).unwrap_or(u32::MAX)
    }
}

/// The latest instant that it can be, so long after it was `then`.
pub(crate) fn latest(then: Duration, elapsed: Duration) -> Duration {
    then + elapsed + elapsed / 1_000 + CLOCK_TOLERANCE
}

/// How many of the free slots a process takes while `rivals` wait, too, and `longer` of them have
/// waited longer than it has.
fn share(free: u32, rivals: u32, longer: u32) -> u32 {
    if rivals == 0 {
        return u32::MAX;
    }
    if longer >= free {
        return 0;
    }
    free.div_ceil(rivals + 1)
}

/// Each of those who wait asks for a slot of its own, so that they do not all come for the first.
fn waiting(core: &mut Core, refusal: Refusal, longer: u32, now: Duration) -> Wait {
    match refusal {
        Refusal::Until(at) if core.free(now) == 0 => {
            let own = core.free_at(longer + 1).unwrap_or(at);
            Wait::Until(at.max(own))
        }
        Refusal::Until(at) => Wait::Until(at),
        Refusal::UntilSettled => Wait::UntilSettled,
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;
    use crate::{Answer, LaneSeed, LaneSettings};

    const WINDOW: Duration = Duration::from_secs(20);
    /// A window, and what is added to it.
    const WHOLE_WINDOW: Duration = Duration::from_millis(20_060);
    const START: Duration = Duration::from_secs(1_000);

    /// A book and a core to carry out batches with.
    struct Lane {
        book: Book,
        core: Core,
        batches: u64,
    }

    impl Lane {
        fn of(limit: u32) -> Self {
            let settings = LaneSettings {
                limit,
                window: WINDOW,
                in_flight: Some(limit),
            };
            let seed = LaneSeed::default();
            let state = CoreState::new(&settings, &seed, START);
            Self {
                book: Book::begin(state.clone(), 1, START),
                core: Core::resume(settings, state, Box::new(StdRng::seed_from_u64(1))),
                batches: 0,
            }
        }

        fn carry_out(&mut self, holder: u64, batch: &Batch, now: Duration) -> Decision {
            self.batches += 1;
            let batch_of = (holder, self.batches);
            self.book.carry_out(&mut self.core, batch_of, batch, now)
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

    #[test]
    fn a_book_that_is_begun_again_leaves_nothing_free_that_others_may_have_used() {
        let mut lane = Lane::of(10);
        lane.ask(1, 3, START);
        lane.settle(1, &[Answer::Accepted; 2], START);
        let known = lane.book.clone();
        let later = START + Duration::from_secs(8);
        lane.book.begin_again(&mut lane.core, 2, later);
        assert!(lane.book.accounts_for(&known));
        assert!(!lane.book.continues(&known, (1, 2)));
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
        let replica = lane.book.clone();
        lane.ask(1, 1, START);
        assert!(lane.book.continues(&replica, (1, 1)));
        assert!(!replica.continues(&lane.book, (1, 2)));
        // Others may have brought it past the number of writes that is known.
        let mut failed_over = Lane {
            book: replica,
            ..lane
        };
        let known = failed_over.book.clone();
        for _ in 0..5 {
            failed_over.ask(2, 0, START);
        }
        assert!(!failed_over.book.continues(&known, (1, 2)));
    }

    #[test]
    fn the_lanes_time_neither_goes_back_nor_jumps_when_redis_clock_is_set() {
        let mut lane = Lane::of(10);
        lane.ask(1, 1, START);
        let hour = Duration::from_hours(1);
        let second = Duration::from_secs(1);
        let set_back = START + hour;
        lane.book.written_at = set_back;
        assert_eq!(lane.book.keep_time(START, None), set_back);
        assert_eq!(lane.book.keep_time(START + second, None), set_back + second);
        let known = lane.book.time(START + second);
        let no_later = latest(known, second);
        let jumped = lane.book.keep_time(START + hour, Some(no_later));
        assert_eq!(jumped, no_later);
        assert!(no_later <= known + second + CLOCK_TOLERANCE * 2);
    }

    #[test]
    fn stock_is_taken_while_the_window_is_roomy_and_nobody_else_waits() {
        let mut lane = Lane::of(100);
        let greedy = |wanted| Batch {
            wanted,
            stock: 10,
            ..Batch::default()
        };
        assert_eq!(lane.carry_out(1, &greedy(1), START).granted, 11);
        assert_eq!(lane.carry_out(1, &greedy(80), START).granted, 80);
        lane.ask(2, 20, START);
        lane.settle(2, &[Answer::NotSent; 9], START);
        assert_eq!(lane.carry_out(1, &greedy(1), START).granted, 1);
    }
}
