//! The lane's decisions, as pure functions of what it was told and when.

use std::time::Duration;

use rand::Rng;

use crate::budget::Budget;
use crate::estimate::Estimate;
use crate::gate::Gate;
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

/// Leave for one call; carries the epoch in which it left, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    epoch: u64,
    at: Duration,
}

/// No leave now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Ask again at this instant of the lane's time, or when a call is settled.
    Until(Duration),
    /// Ask again when a call is settled.
    UntilSettled,
}

/// How much a new answer's latency counts in the running mean.
const LATENCY_WEIGHT: f64 = 0.05;

/// A lane without a clock: every instant is told, as the time since the lane was made.
pub struct Core {
    settings: LaneSettings,
    budget: Budget,
    gate: Gate,
    estimate: Estimate,
    pacer: Option<Pacer>,
    /// Calls of the current epoch that are under way: a call that hangs since before the last
    /// throttle says nothing of the lane as it is now.
    current_in_flight: u32,
    /// How long answers take, in the mean.
    latency: Duration,
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
        let mut recent = seed.recent.clone();
        recent.sort_unstable_by_key(|call| std::cmp::Reverse(call.answered_ago));
        for call in recent {
            let at = now.saturating_sub(call.answered_ago);
            budget.occupy(at, u32::from(!call.throttled));
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
            current_in_flight: 0,
            latency: Duration::ZERO,
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
        self.note_saturation(now);
        let limit = self.estimate.limit();
        if self.budget.used() >= limit {
            return Err(self
                .budget
                .free_below(limit)
                .map_or(Refusal::UntilSettled, Refusal::Until));
        }
        if self.in_flight_room() == 0 {
            return Err(Refusal::UntilSettled);
        }
        if let Some(pacer) = &self.pacer {
            pacer.check(now).map_err(Refusal::Until)?;
        }
        self.budget.take();
        self.current_in_flight += 1;
        Ok(Grant {
            epoch: self.gate.epoch(),
            at: now,
        })
    }

    /// Tells the estimate when the window is full.
    fn note_saturation(&mut self, now: Duration) {
        let limit = self.estimate.limit();
        if self.budget.used() >= limit {
            let next_free = self.budget.free_below(limit);
            self.estimate.saturated(now, next_free);
        }
    }

    /// How many more calls may be under way.
    fn in_flight_room(&self) -> u32 {
        let limit = self.estimate.limit();
        let cap = self.settings.in_flight_cap(limit, self.latency);
        let paced = self.pacer.as_ref().map_or(u32::MAX, Pacer::in_flight_cap);
        let room = cap.saturating_sub(self.budget.in_flight());
        room.min(paced.saturating_sub(self.current_in_flight))
    }

    /// Tells what came of a call.
    pub fn settle(&mut self, grant: Grant, answer: Answer, now: Duration) {
        self.budget.expire(now);
        let current = grant.epoch == self.gate.epoch();
        if current {
            self.current_in_flight = self.current_in_flight.saturating_sub(1);
        }
        if answer == Answer::NotSent {
            self.budget.give_back();
            self.count_off(grant, now);
            return;
        }
        self.calls += 1;
        match answer {
            Answer::Accepted | Answer::Failed | Answer::NotSent => {
                self.budget.answered(now, true);
                if answer == Answer::Accepted {
                    let took = now.saturating_sub(grant.at);
                    self.latency =
                        self.latency.mul_f64(1.0 - LATENCY_WEIGHT) + took.mul_f64(LATENCY_WEIGHT);
                }
                if current && answer == Answer::Accepted {
                    self.gate.accepted();
                    if self.pacer.as_mut().is_some_and(Pacer::accepted) {
                        self.pacer = None;
                    }
                }
            }
            Answer::Throttled { retry_after } => {
                self.throttled += 1;
                self.budget.answered(now, false);
                if current {
                    self.gate.close(now, retry_after, self.rng.as_mut());
                    self.before_event = Some(self.budget.in_flight());
                    self.current_in_flight = 0;
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

    /// Lets nothing leave for so long: the tenant throttled calls of its other budget.
    pub fn hold(&mut self, now: Duration, duration: Duration) {
        self.gate.hold(now + duration);
    }

    /// How many calls could leave within that time, were nobody waiting.
    #[must_use]
    pub fn forecast(&mut self, now: Duration, within: Duration) -> u32 {
        self.budget.expire(now);
        let until = now + within;
        if self.gate.closed_until(until).is_some() {
            return 0;
        }
        // Whoever goes by the forecast does not ask while the window is full, which is when the
        // moment to probe comes.
        self.note_saturation(now);
        let limit = self.estimate.limit();
        let free = (limit + self.budget.leaving_by(until)).saturating_sub(self.budget.used());
        let paced = self
            .pacer
            .as_ref()
            .map_or(u32::MAX, |pacer| pacer.forecast(within));
        free.min(limit).min(paced).min(self.turnover(within))
    }

    /// Calls that the cap on what is under way lets through: those it has room for, and as many
    /// again each time that answers make room.
    fn turnover(&self, within: Duration) -> u32 {
        if self.latency.is_zero() {
            return self.in_flight_room();
        }
        let cap = self
            .settings
            .in_flight_cap(self.estimate.limit(), self.latency);
        let turns = within.as_secs_f64() / self.latency.as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float that is too large becomes the largest u32"
        )]
        let answered = (f64::from(cap) * turns) as u32;
        self.in_flight_room().saturating_add(answered)
    }

    /// What the lane says of itself.
    #[must_use]
    pub fn snapshot(&mut self, now: Duration) -> LaneSnapshot {
        self.budget.expire(now);
        let gate = match self.gate.closed_until(now) {
            Some((until, cause)) => GateState::Closed {
                remaining: until.saturating_sub(now),
                cause,
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
