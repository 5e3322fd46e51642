//! The sliding window: which calls still occupy it.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::SeededCall;

/// Calls whose slots come free together: this share of the window, or less. Rounded up, so that no
/// slot is free too early.
const BUCKETS: u32 = 500;

/// The longest of those times while there are few buckets: small limits are kept exactly.
const FINE: Duration = Duration::from_millis(5);

/// Few buckets. With [`BUCKETS`] this bounds memory, and what is stored, at any limit.
const FEW: usize = 128;

/// Added to the window, since timers fire and servers count in milliseconds.
const MARGIN: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    /// A whole number of microseconds.
    free_at: Duration,
    calls: u32,
    accepted: u32,
}

/// Buckets as they are stored, for there may be hundreds: the microseconds since the one before,
/// the calls, and how many of them were not accepted.
mod rows {
    use super::{Bucket, Duration, VecDeque};
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        buckets: &VecDeque<Bucket>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut before = Duration::ZERO;
        serializer.collect_seq(buckets.iter().map(|bucket| {
            let micros = bucket.free_at.saturating_sub(before).as_micros();
            before = bucket.free_at;
            let micros = u64::try_from(micros).unwrap_or(u64::MAX);
            (micros, bucket.calls, bucket.calls - bucket.accepted)
        }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<VecDeque<Bucket>, D::Error> {
        let rows = Vec::<(u64, u32, u32)>::deserialize(deserializer)?;
        let mut before = Duration::ZERO;
        let buckets = rows.into_iter().map(|(micros, calls, refused)| {
            before += Duration::from_micros(micros);
            Bucket {
                free_at: before,
                calls,
                accepted: calls.saturating_sub(refused),
            }
        });
        Ok(buckets.collect())
    }
}

/// Calls that occupy the window: those under way and those answered less than a window ago.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Budget {
    #[serde(skip)]
    window: Duration,
    #[serde(with = "rows")]
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

    /// Fits what was stored to these settings.
    pub(crate) fn fit(&mut self, window: Duration) {
        self.window = window;
    }

    /// Takes these for the answered calls, whatever was known of them.
    pub(crate) fn retell(&mut self, recent: &[SeededCall], now: Duration) {
        self.buckets.clear();
        self.answered = 0;
        self.accepted = 0;
        let mut recent = recent.to_vec();
        recent.sort_unstable_by_key(|call| std::cmp::Reverse(call.answered_ago));
        for call in recent {
            let at = now.saturating_sub(call.answered_ago);
            self.occupy(at, u32::from(!call.throttled));
        }
        self.expire(now);
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
        let free_at = self.round_up(at + self.window + MARGIN);
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

    fn round_up(&self, instant: Duration) -> Duration {
        let coarse = self.window / BUCKETS;
        let step = if self.buckets.len() < FEW {
            coarse.min(FINE)
        } else {
            coarse
        };
        let step = step.as_micros().max(1);
        let micros = instant.as_nanos().div_ceil(step * 1_000) * step;
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
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
        assert!(free_at >= answer + window && free_at <= answer + window + MARGIN + FINE);
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
        assert!(budget.buckets.len() <= 640, "{}", budget.buckets.len());
    }
}
