//! A Graph that cannot be reached: after many failures in a row the lane is held, not the jobs.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use repilot_domain::Timestamp;

/// So many calls in a row that never left are no accident.
const FAILURES_BEFORE_HOLDING: u32 = 5;

/// The first hold; it doubles while the trial call fails, too.
const HOLD: Duration = Duration::from_secs(5);

/// The longest hold: how late a network that is back is noticed.
const HOLD_MAX: Duration = Duration::from_mins(1);

#[derive(Debug, Default)]
pub(crate) struct Outage(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    held_until: Timestamp,
    hold: Duration,
    /// What the last failure said.
    why: String,
}

impl Outage {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call left, whatever came of it.
    pub(crate) fn reached(&self) {
        let mut state = self.state();
        if state.failures > 0 {
            *state = State::default();
        }
    }

    /// A call could not leave. How long the lane is held for it, if it is from now on.
    pub(crate) fn unreachable(&self, why: &str, now: Timestamp) -> Option<Duration> {
        let mut state = self.state();
        state.failures += 1;
        if state.why != why {
            why.clone_into(&mut state.why);
        }
        if state.failures < FAILURES_BEFORE_HOLDING || now < state.held_until {
            return None;
        }
        state.hold = (state.hold * 2).clamp(HOLD, HOLD_MAX);
        state.held_until = now.after(state.hold);
        Some(state.hold)
    }

    /// Until when the lane is held.
    pub(crate) fn held_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.state().held_until;
        (until > now).then_some(until)
    }

    /// What the last failure said: who was called, and what came of it.
    pub(crate) fn why(&self) -> String {
        self.state().why.clone()
    }

    /// How many calls may leave: one on trial while nothing has got through.
    pub(crate) fn cap(&self, now: Timestamp) -> usize {
        let state = self.state();
        if state.held_until > now {
            0
        } else if state.failures >= FAILURES_BEFORE_HOLDING {
            1
        } else {
            usize::MAX
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_failures_in_a_row_hold_the_lane_and_one_trial_call_opens_it() {
        let outage = Outage::default();
        let mut now = Timestamp::from_millis(1_000);
        for _ in 1..FAILURES_BEFORE_HOLDING {
            assert_eq!(outage.unreachable("no network", now), None);
        }
        assert_eq!(outage.unreachable("no network", now), Some(HOLD));
        assert_eq!(
            (outage.cap(now), outage.why()),
            (0, "no network".to_owned())
        );
        now = now.after(HOLD);
        assert_eq!(outage.cap(now), 1);
        assert_eq!(outage.unreachable("no network", now), Some(HOLD * 2));
        now = now.after(HOLD * 2);
        outage.reached();
        assert_eq!(outage.cap(now), usize::MAX);
    }

    #[test]
    fn a_hold_is_never_longer_than_its_limit() {
        let outage = Outage::default();
        let mut now = Timestamp::from_millis(1_000);
        for _ in 0..40 {
            if let Some(hold) = outage.unreachable("no network", now) {
                assert!(hold <= HOLD_MAX);
                now = now.after(hold);
            }
        }
    }
}
