//! The lane's decisions, as pure functions of what it was told and when.

use std::time::Duration;

use rand::Rng;

use crate::budget::Budget;
use crate::estimate::Estimate;
use crate::gate::{Cause, Gate};
use crate::pacer::Pacer;
use crate::{GateState, LaneSeed, LaneSettings, LaneSnapshot};

/// What came of a call, as far as the quota is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It went through.
    Accepted,
    /// The server throttled it.
    Throttled {
        /// The server's `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// Anything else that may have reached the server: it counts against the quota.
    Failed,
    /// It never left: the slot is free again at once.
    NotSent,
}

/// Leave for one call; carries the epoch in which it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    epoch: u64,
}

/// No leave now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Ask again at this instant of the lane's time, or when a call is settled.
    Until(Duration),
    /// Ask again when a call is settled.
    UntilSettled,
}

/// Accepted calls nearer to the limit than this share prove it.
const PROVEN_SHARE: f64 = 0.9;

/// A lane without a clock: every instant is told, as the time since the lane was made.
pub struct Core {
    settings: LaneSettings,
    budget: Budget,
    gate: Gate,
    estimate: Estimate,
    pacer: Option<Pacer>,
    proven: bool,
    /// Calls that left before the gate last closed and are not answered yet: the event is measured
    /// when the last of them is.
    before_event: Option<u32>,
    rng: Box<dyn Rng + Send>,
    calls: u64,
    throttled: u64,
}

impl Core {
    /// A lane that knows what `seed` says; `rng` spreads its backoffs.
    #[must_use]
    pub fn new(settings: LaneSettings, seed: &LaneSeed, rng: Box<dyn Rng + Send>) -> Self {
        let window = settings.window;
        let mut budget = Budget::new(window);
        // The lane's time begins a window before it is made, so that the past fits into it.
        let now = window;
        let mut ages = seed.answered_ago.clone();
        ages.sort_unstable_by(|a, b| b.cmp(a));
        for age in ages {
            budget.occupy(now.saturating_sub(age), 1);
        }
        budget.expire(now);
        let mut gate = Gate::default();
        if let Some(remaining) = seed.gate_closed_for {
            gate.restore(now + remaining);
        }
        let estimate = Estimate::new(settings.limit, window, seed.learnt_limit);
        let pacer = seed
            .gate_closed_for
            .map(|_| Pacer::new(estimate.limit(), window));
        Self {
            proven: seed.learnt_limit.is_some(),
            settings,
            budget,
            gate,
            estimate,
            pacer,
            before_event: None,
            rng,
            calls: 0,
            throttled: 0,
        }
    }

    /// The instant at which a lane's time begins.
    #[must_use]
    pub fn start(&self) -> Duration {
        self.settings.window
    }

    /// Asks leave for one call.
    pub fn try_grant(&mut self, now: Duration) -> Result<Grant, Refusal> {
        self.budget.expire(now);
        if let Some((until, _)) = self.gate.closed_until(now) {
            return Err(Refusal::Until(until));
        }
        self.finish_event(now);
        if self.budget.used() >= self.estimate.limit() {
            let next_free = self.budget.free_below(self.estimate.limit());
            self.estimate.saturated(now, next_free);
        }
        let limit = self.estimate.limit();
        if self.budget.used() >= limit {
            return Err(self
                .budget
                .free_below(limit)
                .map_or(Refusal::UntilSettled, Refusal::Until));
        }
        if self.budget.in_flight() >= self.in_flight_cap() {
            return Err(Refusal::UntilSettled);
        }
        if let Some(pacer) = &self.pacer {
            pacer.check(now).map_err(Refusal::Until)?;
        }
        self.budget.take();
        Ok(Grant {
            epoch: self.gate.epoch(),
        })
    }

    fn in_flight_cap(&self) -> u32 {
        let limit = self.estimate.limit();
        let cap = if self.proven {
            u32::MAX
        } else {
            self.settings.in_flight_while_unproven(limit)
        };
        let paced = self.pacer.as_ref().map_or(u32::MAX, Pacer::in_flight_cap);
        cap.min(paced)
    }

    /// Tells what came of a call.
    pub fn settle(&mut self, grant: Grant, answer: Answer, now: Duration) {
        self.budget.expire(now);
        if answer == Answer::NotSent {
            self.budget.give_back();
            self.count_off(grant, now);
            return;
        }
        self.calls += 1;
        let current = grant.epoch == self.gate.epoch();
        match answer {
            Answer::Accepted | Answer::Failed | Answer::NotSent => {
                self.budget.answered(now, true);
                if current && answer == Answer::Accepted {
                    self.gate.accepted();
                    if self.pacer.as_mut().is_some_and(Pacer::accepted) {
                        self.pacer = None;
                    }
                }
                let enough = f64::from(self.estimate.limit()) * PROVEN_SHARE;
                if current && f64::from(self.budget.accepted()) >= enough {
                    self.proven = true;
                }
            }
            Answer::Throttled { retry_after } => {
                self.throttled += 1;
                self.budget.answered(now, false);
                if current {
                    self.gate.close(now, retry_after, self.rng.as_mut());
                    self.before_event = Some(self.budget.in_flight());
                    self.proven = false;
                    self.finish_event_if_answered(now);
                    return;
                }
                self.gate.extend(now, retry_after);
            }
        }
        self.count_off(grant, now);
    }

    /// One fewer of the calls that left before the gate closed.
    fn count_off(&mut self, grant: Grant, now: Duration) {
        if grant.epoch < self.gate.epoch()
            && let Some(left) = &mut self.before_event
        {
            *left = left.saturating_sub(1);
            self.finish_event_if_answered(now);
        }
    }

    fn finish_event_if_answered(&mut self, now: Duration) {
        if self.before_event == Some(0) {
            self.finish_event(now);
        }
    }

    /// Measures the event: at the last answer, or when the gate opens over a call that hangs.
    fn finish_event(&mut self, now: Duration) {
        if self.before_event.take().is_none() {
            return;
        }
        // Without a single accepted call since the last event, the window measures the past.
        let accepted = match self.gate.strikes() {
            0 => self.budget.accepted(),
            _ => 0,
        };
        self.estimate.throttled(accepted, now);
        self.pacer = Some(Pacer::new(self.estimate.limit(), self.settings.window));
    }

    /// How many calls could leave within that time, were nobody waiting.
    #[must_use]
    pub fn forecast(&mut self, now: Duration, within: Duration) -> u32 {
        self.budget.expire(now);
        let until = now + within;
        if self.gate.closed_until(until).is_some() {
            return 0;
        }
        let limit = self.estimate.limit();
        let free = (limit + self.budget.leaving_by(until)).saturating_sub(self.budget.used());
        let paced = self
            .pacer
            .as_ref()
            .map_or(u32::MAX, |pacer| pacer.forecast(within));
        free.min(limit).min(paced)
    }

    /// What the lane says of itself.
    #[must_use]
    pub fn snapshot(&mut self, now: Duration) -> LaneSnapshot {
        self.budget.expire(now);
        let gate = match self.gate.closed_until(now) {
            Some((until, cause)) => GateState::Closed {
                remaining: until.saturating_sub(now),
                asked_for: cause == Cause::RetryAfter,
            },
            None if self.pacer.is_some() => GateState::Reopening,
            None => GateState::Open,
        };
        let age = now.saturating_sub(self.start());
        let measured = self.settings.window.min(age).max(Duration::from_secs(1));
        LaneSnapshot {
            configured_limit: self.settings.limit,
            learnt_limit: self.estimate.learnt(),
            window: self.settings.window,
            used: self.budget.used(),
            in_flight: self.budget.in_flight(),
            gate,
            calls: self.calls,
            throttled: self.throttled,
            throttle_events: self.gate.epoch(),
            rate_per_second: f64::from(self.budget.accepted()) / measured.as_secs_f64(),
        }
    }
}
