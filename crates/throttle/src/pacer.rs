//! The gentle pace after a throttle: governor's cell algorithm on the lane's own time, over a
//! number that can be stored.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use serde::{Deserialize, Serialize};

/// The lane's time, as governor asks for it: one instant.
#[derive(Debug, Clone, Copy)]
struct Still(Duration);

impl Clock for Still {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0
    }
}

/// governor's whole state, as the lane's time: a number that can be stored. governor counts from
/// the instant at which it is made, which here is the one at which it is asked.
struct NextArrival<'cell> {
    at: &'cell Cell<Option<Duration>>,
    now: Duration,
}

impl StateStore for NextArrival<'_> {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _key: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let known = self.at.get().map(|at| at.saturating_sub(self.now).into());
        let (decision, next) = decide(known)?;
        self.at.set(Some(self.now + Duration::from(next)));
        Ok(decision)
    }
}

/// After a throttle, calls leave at this multiple of the learnt rate: faster, so that what the
/// closed gate left unused is caught up; slower than a burst, so that a wrong estimate costs few.
const PACE_FACTOR: u32 = 2;

/// The share of the limit that may leave at once.
const BURST_SHARE: u32 = 10;

/// The share of the limit that must be accepted before calls leave unpaced again.
const PROOF_SHARE: u32 = 4;

/// Paces the calls after a throttle until enough of them were accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pacer {
    period: Duration,
    burst: NonZeroU32,
    next_arrival: Option<Duration>,
    /// Accepted calls that are still to prove the estimate.
    unproven: u32,
    /// Nothing was accepted yet: one call at a time.
    half_open: bool,
}

impl Pacer {
    pub(crate) fn new(limit: u32, window: Duration) -> Self {
        let paced = limit.saturating_mul(PACE_FACTOR).max(1);
        Self {
            period: (window / paced).max(Duration::from_nanos(1)),
            burst: NonZeroU32::new(limit / BURST_SHARE).unwrap_or(NonZeroU32::MIN),
            next_arrival: None,
            unproven: (limit / PROOF_SHARE).max(1),
            half_open: true,
        }
    }

    /// Whether one more call may leave, or when.
    pub(crate) fn check(&mut self, now: Duration) -> Result<(), Duration> {
        let quota = Quota::with_period(self.period)
            .unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN))
            .allow_burst(self.burst);
        let at = Cell::new(self.next_arrival);
        let state = NextArrival { at: &at, now };
        let limiter: RateLimiter<_, _, _, NoOpMiddleware<Duration>> =
            RateLimiter::new(quota, state, Still(now));
        let checked = limiter.check();
        self.next_arrival = at.get();
        checked.map_err(|refused| {
            let wait = refused.wait_time_from(now);
            // At least a step, so that nobody asks again at the same instant.
            now + wait.max(Duration::from_millis(1))
        })
    }

    /// Calls that may be under way at once.
    pub(crate) fn in_flight_cap(&self) -> u32 {
        if self.half_open { 1 } else { u32::MAX }
    }

    /// Calls that may leave within so long.
    pub(crate) fn forecast(&self, within: Duration) -> u32 {
        if self.half_open {
            return 1;
        }
        let paced = within.as_secs_f64() / self.period.as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate times a short time, bounded by the limit elsewhere"
        )]
        let paced = paced as u32;
        self.burst.get().saturating_add(paced)
    }

    /// An accepted call; whether the estimate is proven by now.
    pub(crate) fn accepted(&mut self) -> bool {
        self.half_open = false;
        self.unproven = self.unproven.saturating_sub(1);
        self.unproven == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_leave_at_twice_the_rate_after_a_tenth_at_once() {
        let window = Duration::from_secs(20);
        let mut pacer = Pacer::new(60, window);
        let mut now = Duration::ZERO;
        let mut left = Vec::new();
        while now < Duration::from_secs(10) {
            match pacer.check(now) {
                Ok(()) => left.push(now),
                Err(at) => now = at,
            }
        }
        assert_eq!(left.iter().filter(|at| at.is_zero()).count(), 6);
        assert!((64..=67).contains(&left.len()), "{}", left.len());
    }
}
