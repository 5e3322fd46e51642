//! What the tenant really grants: learnt from throttles, probed upwards.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A limit that was reached in full, and throttled all the same, shrinks by this factor: three
/// events reach two fifths.
const SHRINK: f64 = 0.75;

/// One measurement never lowers the limit below this share: a window in which another
/// application used the quota says little.
const FLOOR_SHARE: u32 = 5;

/// The first probe waits so many windows after a throttle.
const PROBE_AFTER_WINDOWS: u32 = 2;

/// A failed probe doubles the wait, up to so many windows: at 20 s, one probe in 160 s.
const PROBE_AFTER_WINDOWS_MAX: u32 = 8;

/// A probe leaves when no slot comes free for this share of the window: where calls go out in
/// bursts, a refused probe at the end of a burst leaves the window with it and costs nothing.
const QUIET_SHARE: u32 = 8;

/// A confirmed probe makes the next so many times larger.
const STEP_FACTOR: u32 = 3;

/// No probe goes further than this share of the limit.
const STEP_SHARE: u32 = 4;

/// The first probe's share of the limit.
const PROBE_SHARE: u32 = 20;

/// Learns how many calls a window the tenant grants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Estimate {
    #[serde(skip)]
    configured: u32,
    #[serde(skip)]
    window: Duration,
    learnt: Option<Learnt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Learnt {
    limit: u32,
    probe: Option<Probe>,
    step: u32,
    wait_windows: u32,
    next_probe_at: Duration,
}

/// A raised limit that is not confirmed yet.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Probe {
    since: Duration,
    raised: u32,
    /// When the raised limit was first used to the full.
    saturated_at: Option<Duration>,
}

impl Estimate {
    pub(crate) fn new(
        configured: u32,
        window: Duration,
        learnt: Option<u32>,
        now: Duration,
    ) -> Self {
        let configured = configured.max(1);
        let mut estimate = Self {
            configured,
            window,
            learnt: None,
        };
        if let Some(limit) = learnt.filter(|limit| *limit < configured) {
            estimate.learn(limit.max(1), now);
        }
        estimate
    }

    /// Fits what was stored to these settings, which may be others than they were.
    pub(crate) fn fit(&mut self, configured: u32, window: Duration) {
        self.configured = configured.max(1);
        self.window = window;
        self.learnt = self
            .learnt
            .filter(|learnt| learnt.limit < self.configured)
            .map(|mut learnt| {
                learnt.probe = learnt.probe.filter(|probe| probe.raised <= self.configured);
                learnt
            });
    }

    /// Calls a window, as of now.
    pub(crate) fn limit(&self) -> u32 {
        match &self.learnt {
            None => self.configured,
            Some(learnt) => learnt.probe.map_or(learnt.limit, |probe| probe.raised),
        }
    }

    /// What was learnt, if anything speaks against the settings.
    pub(crate) fn learnt(&self) -> Option<u32> {
        self.learnt.map(|learnt| learnt.limit)
    }

    fn learn(&mut self, limit: u32, now: Duration) {
        self.learnt = Some(Learnt {
            limit,
            probe: None,
            step: (limit / PROBE_SHARE).max(1),
            wait_windows: PROBE_AFTER_WINDOWS,
            next_probe_at: now + self.window * PROBE_AFTER_WINDOWS,
        });
    }

    /// A throttle event is over: `accepted` calls went through in the window before it.
    pub(crate) fn throttled(&mut self, accepted: u32, now: Duration) {
        if accepted == 0 {
            // Nothing was granted at all, which says nothing of what will be.
            self.put_probes_off(now);
            return;
        }
        if let Some(learnt) = &mut self.learnt
            && learnt.probe.take().is_some()
        {
            // The probe failed; what was confirmed before still holds, so far as anybody knows.
            if learnt.step > 1 {
                learnt.step /= 2;
                learnt.wait_windows = 1;
            } else {
                learnt.wait_windows =
                    (learnt.wait_windows.max(PROBE_AFTER_WINDOWS) * 2).min(PROBE_AFTER_WINDOWS_MAX);
            }
            learnt.next_probe_at = now + self.window * learnt.wait_windows;
            return;
        }
        let limit = self.limit();
        let measured = if accepted >= limit {
            shrunk(limit)
        } else {
            accepted.max(limit / FLOOR_SHARE)
        };
        self.learn(measured.clamp(1, self.configured), now);
    }

    fn put_probes_off(&mut self, now: Duration) {
        let window = self.window;
        if let Some(learnt) = &mut self.learnt {
            learnt.probe = None;
            learnt.next_probe_at = now + window * learnt.wait_windows;
        }
    }

    /// Told whenever the budget is used to the full, and when its next slot comes free: only then
    /// does silence prove anything.
    pub(crate) fn saturated(&mut self, now: Duration, next_free: Option<Duration>) {
        let window = self.window;
        let configured = self.configured;
        let Some(learnt) = &mut self.learnt else {
            return;
        };
        let Some(probe) = &mut learnt.probe else {
            let quiet = next_free.is_some_and(|at| at.saturating_sub(now) >= window / QUIET_SHARE);
            // Where calls go out evenly there is no quiet moment to wait for.
            let overdue = now >= learnt.next_probe_at + window;
            if (quiet && now >= learnt.next_probe_at) || overdue {
                let step = learnt.step.min((learnt.limit / STEP_SHARE).max(1));
                let raised = learnt.limit.saturating_add(step).min(configured);
                learnt.probe = Some(Probe {
                    since: now,
                    raised,
                    saturated_at: None,
                });
            }
            return;
        };
        let saturated_at = *probe.saturated_at.get_or_insert(now);
        // A window at the raised limit without a throttle confirms it; the next goes further.
        if now > probe.since && now.saturating_sub(saturated_at) >= window {
            let raised = probe.raised;
            if raised >= configured {
                self.learnt = None;
                return;
            }
            learnt.limit = raised;
            learnt.probe = None;
            learnt.step = learnt.step.saturating_mul(STEP_FACTOR);
            learnt.wait_windows = PROBE_AFTER_WINDOWS;
            learnt.next_probe_at = now;
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a u32 fits"
)]
fn shrunk(limit: u32) -> u32 {
    (f64::from(limit) * SHRINK) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(20);

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn what_went_through_before_the_first_throttle_is_the_estimate() {
        let mut estimate = Estimate::new(100, WINDOW, None, Duration::ZERO);
        estimate.throttled(60, seconds(1));
        assert_eq!(estimate.limit(), 60);
    }

    #[test]
    fn a_throttle_at_the_estimate_shrinks_it_and_an_empty_window_says_nothing() {
        let mut estimate = Estimate::new(100, WINDOW, Some(60), Duration::ZERO);
        estimate.throttled(60, seconds(1));
        assert_eq!(estimate.limit(), 45);
        estimate.throttled(0, seconds(2));
        assert_eq!(estimate.limit(), 45);
        estimate.throttled(43, seconds(3));
        assert_eq!(estimate.limit(), 43);
    }

    /// Tells that the budget is full, in the quiet after a burst.
    fn full(estimate: &mut Estimate, second: u64) {
        estimate.saturated(seconds(second), Some(seconds(second + 10)));
    }

    #[test]
    fn a_failed_probe_falls_back_to_what_was_confirmed_and_waits_longer() {
        let mut estimate = Estimate::new(100, WINDOW, Some(60), Duration::ZERO);
        full(&mut estimate, 39);
        assert_eq!(estimate.limit(), 60);
        full(&mut estimate, 40);
        assert_eq!(estimate.limit(), 63);
        estimate.throttled(60, seconds(41));
        assert_eq!(estimate.limit(), 60);
        full(&mut estimate, 61);
        assert_eq!(estimate.limit(), 61);
        estimate.throttled(60, seconds(62));
        full(&mut estimate, 62 + 79);
        assert_eq!(estimate.limit(), 60);
        full(&mut estimate, 62 + 80);
        assert_eq!(estimate.limit(), 61);
    }

    #[test]
    fn a_probe_waits_for_a_quiet_moment_but_not_for_ever() {
        let mut estimate = Estimate::new(100, WINDOW, Some(60), Duration::ZERO);
        let busy = |second| Some(seconds(second) + Duration::from_millis(300));
        estimate.saturated(seconds(41), busy(41));
        assert_eq!(estimate.limit(), 60);
        estimate.saturated(seconds(60), busy(60));
        assert_eq!(estimate.limit(), 63);
    }

    #[test]
    fn confirmed_probes_go_further_until_the_settings_hold_again() {
        let mut estimate = Estimate::new(100, WINDOW, Some(30), Duration::ZERO);
        let mut limits = Vec::new();
        for second in 0..400 {
            full(&mut estimate, second);
            if limits.last() != Some(&estimate.limit()) {
                limits.push(estimate.limit());
            }
        }
        assert_eq!(limits, [30, 31, 34, 42, 52, 65, 81, 100]);
        assert_eq!(estimate.learnt(), None);
    }

    #[test]
    fn it_never_exceeds_the_settings() {
        let mut estimate = Estimate::new(100, WINDOW, Some(99), Duration::ZERO);
        for second in 0..1_000 {
            full(&mut estimate, second);
            assert!(estimate.limit() <= 100);
        }
    }
}
