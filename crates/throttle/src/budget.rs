//! The sliding window: which calls still occupy it.

use std::collections::VecDeque;
use std::time::Duration;

/// Calls whose slots come free together: memory stays flat at a million calls a window. Rounded
/// up, so that no slot is free too early.
const BUCKET: Duration = Duration::from_millis(5);

/// Added to the window, since timers fire and servers count in milliseconds.
const MARGIN: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, Copy)]
struct Bucket {
    free_at: Duration,
    calls: u32,
    accepted: u32,
}

/// Calls that occupy the window: those under way and those answered less than a window ago.
#[derive(Debug)]
pub(crate) struct Budget {
    window: Duration,
    buckets: VecDeque<Bucket>,
    answered: u32,
    accepted: u32,
    in_flight: u32,
}

impl Budget {
    pub(crate) fn new(window: Duration) -> Self {
        Self {
            window,
            buckets: VecDeque::new(),
            answered: 0,
            accepted: 0,
            in_flight: 0,
        }
    }

    /// Forgets what has left the window.
    pub(crate) fn expire(&mut self, now: Duration) {
        while let Some(bucket) = self.buckets.front() {
            if bucket.free_at > now {
                break;
            }
            self.answered -= bucket.calls;
            self.accepted -= bucket.accepted;
            self.buckets.pop_front();
        }
    }

    pub(crate) fn take(&mut self) {
        self.in_flight += 1;
    }

    /// A call ended without having been sent.
    pub(crate) fn give_back(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    pub(crate) fn answered(&mut self, now: Duration, accepted: bool) {
        self.give_back();
        self.occupy(now, u32::from(accepted));
    }

    /// A call answered at `at` occupies the window, whoever made it.
    pub(crate) fn occupy(&mut self, at: Duration, accepted: u32) {
        let free_at = round_up(at + self.window + MARGIN);
        self.answered += 1;
        self.accepted += accepted;
        match self.buckets.back_mut() {
            Some(last) if last.free_at >= free_at => {
                last.calls += 1;
                last.accepted += accepted;
            }
            _ => self.buckets.push_back(Bucket {
                free_at,
                calls: 1,
                accepted,
            }),
        }
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Slots that are taken.
    pub(crate) fn used(&self) -> u32 {
        self.answered + self.in_flight
    }

    /// Calls that were accepted within the window.
    pub(crate) fn accepted(&self) -> u32 {
        self.accepted
    }

    /// When enough answered calls have left that fewer than `limit` slots are taken; none when
    /// calls under way must be answered first.
    pub(crate) fn free_below(&self, limit: u32) -> Option<Duration> {
        let mut to_leave = (self.used() + 1).saturating_sub(limit);
        for bucket in &self.buckets {
            if to_leave <= bucket.calls {
                return Some(bucket.free_at);
            }
            to_leave -= bucket.calls;
        }
        None
    }

    /// Slots that come free until then.
    pub(crate) fn leaving_by(&self, until: Duration) -> u32 {
        self.buckets
            .iter()
            .take_while(|bucket| bucket.free_at <= until)
            .map(|bucket| bucket.calls)
            .sum()
    }
}

fn round_up(instant: Duration) -> Duration {
    let bucket = BUCKET.as_nanos();
    let buckets = instant.as_nanos().div_ceil(bucket);
    Duration::from_nanos(u64::try_from(buckets * bucket).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_free_a_window_after_its_answer_and_not_before() {
        let window = Duration::from_secs(20);
        let mut budget = Budget::new(window);
        budget.take();
        let answer = Duration::from_millis(1_003);
        budget.answered(answer, true);
        assert_eq!((budget.used(), budget.in_flight()), (1, 0));
        let free_at = budget.free_below(1).unwrap();
        assert!(free_at >= answer + window && free_at <= answer + window + MARGIN + BUCKET);
        budget.expire(free_at.saturating_sub(Duration::from_nanos(1)));
        assert_eq!(budget.used(), 1);
        budget.expire(free_at);
        assert_eq!((budget.used(), budget.accepted()), (0, 0));
    }

    #[test]
    fn memory_stays_flat_however_many_calls_a_window_holds() {
        let mut budget = Budget::new(Duration::from_secs(20));
        for call in 0..1_000_000_u64 {
            let now = Duration::from_micros(call * 20);
            budget.expire(now);
            budget.take();
            budget.answered(now, true);
        }
        assert_eq!(budget.used(), 1_000_000);
        assert!(budget.buckets.len() <= 4_100, "{}", budget.buckets.len());
    }
}
