//! The gentle pace after a throttle: governor's cell algorithm on the lane's own time.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

/// The lane's time, as governor asks for it.
#[derive(Debug, Clone, Default)]
struct LaneClock(Arc<AtomicU64>);

impl LaneClock {
    fn set(&self, now: Duration) {
        let nanos = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        self.0.store(nanos, Ordering::Relaxed);
    }
}

impl Clock for LaneClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// After a throttle, calls leave at this multiple of the learnt rate: faster, so that what the
/// closed gate left unused is caught up; slower than a burst, so that a wrong estimate costs few.
const PACE_FACTOR: u32 = 2;

/// The share of the limit that may leave at once.
const BURST_SHARE: u32 = 10;

/// The share of the limit that must be accepted before calls leave unpaced again.
const PROOF_SHARE: u32 = 4;

type Cell = RateLimiter<NotKeyed, InMemoryState, LaneClock, NoOpMiddleware<Duration>>;

/// Paces the calls after a throttle until enough of them were accepted.
#[derive(Debug)]
pub(crate) struct Pacer {
    clock: LaneClock,
    cell: Cell,
    burst: u32,
    per_second: f64,
    /// Accepted calls that are still to prove the estimate.
    unproven: u32,
    /// Nothing was accepted yet: one call at a time.
    half_open: bool,
}

impl Pacer {
    pub(crate) fn new(limit: u32, window: Duration) -> Self {
        let paced = limit.saturating_mul(PACE_FACTOR).max(1);
        let period = (window / paced).max(Duration::from_nanos(1));
        let burst = (limit / BURST_SHARE).max(1);
        let quota = Quota::with_period(period)
            .unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN))
            .allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN));
        let clock = LaneClock::default();
        Self {
            cell: RateLimiter::direct_with_clock(quota, clock.clone()),
            clock,
            burst,
            per_second: 1.0 / period.as_secs_f64(),
            unproven: (limit / PROOF_SHARE).max(1),
            half_open: true,
        }
    }

    /// Whether one more call may leave, or when.
    pub(crate) fn check(&self, now: Duration) -> Result<(), Duration> {
        self.clock.set(now);
        self.cell.check().map_err(|refused| {
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
        let paced = self.per_second * within.as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate times a short time, bounded by the limit elsewhere"
        )]
        let paced = paced as u32;
        self.burst.saturating_add(paced)
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
        let pacer = Pacer::new(60, window);
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
