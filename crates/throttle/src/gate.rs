//! The gate: one throttle closes it for everybody.

use std::time::Duration;

use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

use crate::GateCause;

/// The first backoff where the server names no time, or less: the answers of what had left before
/// the throttle are in by then, and the event can be measured.
const BACKOFF: Duration = Duration::from_secs(1);

/// The longest backoff of our own; a longer `Retry-After` is honoured.
const BACKOFF_MAX: Duration = Duration::from_mins(1);

#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Gate {
    closed_until: Option<(Duration, GateCause)>,
    /// Grows with each throttle event; calls carry the one they left in.
    epoch: u64,
    /// Events in a row in which nothing was accepted between reopening and the next throttle.
    strikes: u32,
    accepted_since_reopening: bool,
}

impl Gate {
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn strikes(&self) -> u32 {
        self.strikes
    }

    /// Until when nothing leaves.
    pub(crate) fn closed_until(&self, now: Duration) -> Option<(Duration, GateCause)> {
        self.closed_until.filter(|(until, _)| *until > now)
    }

    pub(crate) fn accepted(&mut self) {
        self.strikes = 0;
        self.accepted_since_reopening = true;
    }

    /// A throttle that no closed gate explains: a new event.
    pub(crate) fn close(
        &mut self,
        now: Duration,
        retry_after: Option<Duration>,
        rng: &mut dyn Rng,
    ) {
        let again = self.epoch > 0 && !self.accepted_since_reopening;
        self.epoch += 1;
        self.strikes = if again { self.strikes + 1 } else { 0 };
        self.accepted_since_reopening = false;
        // Retry-After is a floor, not the truth: some services answer `1` every time.
        let too_little = retry_after.is_none_or(|asked| asked < BACKOFF);
        let own = if too_little || self.strikes > 0 {
            jittered(
                BACKOFF
                    .saturating_mul(2_u32.saturating_pow(self.strikes))
                    .min(BACKOFF_MAX),
                rng,
            )
        } else {
            Duration::ZERO
        };
        let asked = retry_after.unwrap_or_default();
        let cause = if own > asked {
            GateCause::Backoff
        } else {
            GateCause::RetryAfter
        };
        self.closed_until = Some((now + own.max(asked), cause));
    }

    /// A throttled call that had left before the gate closed: the same event, which may last longer.
    pub(crate) fn extend(&mut self, now: Duration, retry_after: Option<Duration>) {
        let Some(asked) = retry_after else { return };
        let until = now + asked;
        if self.closed_until.is_none_or(|(current, _)| until > current) {
            self.closed_until = Some((until, GateCause::RetryAfter));
        }
    }

    /// Keeps the gate closed, without an event: the throttle was of other calls.
    pub(crate) fn hold(&mut self, until: Duration) {
        if self.closed_until.is_none_or(|(current, _)| until > current) {
            self.closed_until = Some((until, GateCause::OtherBudget));
        }
    }

    /// As an earlier process left it.
    pub(crate) fn restore(&mut self, until: Duration) {
        self.epoch = 1;
        self.closed_until = Some((until, GateCause::RetryAfter));
    }
}

/// Between the whole and half of it again, so that processes do not come back together.
fn jittered(backoff: Duration, rng: &mut dyn Rng) -> Duration {
    backoff.mul_f64(1.0 + rng.random::<f64>() / 2.0)
}
