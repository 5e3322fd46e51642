//! The lane's decisions, as pure functions of what it was told and when.

use std::time::Duration;

use rand::Rng;

use crate::pacer::Pacer;
use crate::{CoreState, GateState, LaneSeed, LaneSettings, LaneSnapshot, SeededCall};

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

impl Grant {
    /// A call that left in that epoch, at `at`.
    pub(crate) fn of(epoch: u64, at: Duration) -> Self {
        Self { epoch, at }
    }

    pub(crate) fn epoch(self) -> u64 {
        self.epoch
    }
}

/// How much a new answer's latency counts in the running mean.
const LATENCY_WEIGHT: f64 = 0.05;

/// A lane without a clock: every instant is told, as the time since the lane was made.
pub struct Core {
    settings: LaneSettings,
    state: CoreState,
    rng: Box<dyn Rng + Send>,
}

impl Core {
    /// A lane that knows what `seed` says; `rng` spreads its backoffs.
    #[must_use]
    pub fn new(settings: LaneSettings, seed: &LaneSeed, rng: Box<dyn Rng + Send>) -> Self {
        // The lane's time begins a window before it is made, so that the past fits into it.
        let state = CoreState::new(&settings, seed, settings.window);
        Self {
            settings,
            state,
            rng,
        }
    }

    /// A lane that goes on where `state` was left, under settings that may be others by now.
    #[must_use]
    pub fn resume(settings: LaneSettings, mut state: CoreState, rng: Box<dyn Rng + Send>) -> Self {
        state.fit(&settings);
        Self {
            settings,
            state,
            rng,
        }
    }

    /// Goes on from another state.
    pub(crate) fn replace(&mut self, mut state: CoreState) {
        state.fit(&self.settings);
        self.state = state;
    }

    /// What it remembers.
    #[must_use]
    pub fn state(&self) -> &CoreState {
        &self.state
    }

    /// The instant at which the lane was made.
    #[must_use]
    pub fn start(&self) -> Duration {
        self.state.made_at
    }

    /// Asks leave for one call.
    pub fn try_grant(&mut self, now: Duration) -> Result<Grant, Refusal> {
        self.state.budget.expire(now);
        if let Some((until, _)) = self.state.gate.closed_until(now) {
            return Err(Refusal::Until(until));
        }
        self.finish_event(now);
        self.note_saturation(now);
        let limit = self.state.estimate.limit();
        if self.state.budget.used() >= limit {
            return Err(self
                .state
                .budget
                .free_below(limit)
                .map_or(Refusal::UntilSettled, Refusal::Until));
        }
        if self.in_flight_room() == 0 {
            return Err(Refusal::UntilSettled);
        }
        if let Some(pacer) = &mut self.state.pacer {
            pacer.check(now).map_err(Refusal::Until)?;
        }
        self.state.budget.take();
        self.state.current_in_flight += 1;
        Ok(Grant {
            epoch: self.state.gate.epoch(),
            at: now,
        })
    }

    /// Tells the estimate when the window is full.
    fn note_saturation(&mut self, now: Duration) {
        let limit = self.state.estimate.limit();
        if self.state.budget.used() >= limit {
            let next_free = self.state.budget.free_below(limit);
            self.state.estimate.saturated(now, next_free);
        }
    }

    /// How many more calls may be under way.
    fn in_flight_room(&self) -> u32 {
        let limit = self.state.estimate.limit();
        let cap = self.settings.in_flight_cap(limit, self.state.latency);
        let paced = self
            .state
            .pacer
            .as_ref()
            .map_or(u32::MAX, Pacer::in_flight_cap);
        let room = cap.saturating_sub(self.state.budget.in_flight());
        room.min(paced.saturating_sub(self.state.current_in_flight))
    }

    /// Tells what came of a call.
    pub fn settle(&mut self, grant: Grant, answer: Answer, now: Duration) {
        self.state.budget.expire(now);
        let current = grant.epoch == self.state.gate.epoch();
        if current {
            self.state.current_in_flight = self.state.current_in_flight.saturating_sub(1);
        }
        if answer == Answer::NotSent {
            self.state.budget.give_back();
            self.count_off(grant, now);
            return;
        }
        self.state.calls += 1;
        match answer {
            Answer::Accepted | Answer::Failed | Answer::NotSent => {
                self.state.budget.answered(now, true);
                if answer == Answer::Accepted {
                    let took = now.saturating_sub(grant.at);
                    self.state.latency = self.state.latency.mul_f64(1.0 - LATENCY_WEIGHT)
                        + took.mul_f64(LATENCY_WEIGHT);
                }
                if current && answer == Answer::Accepted {
                    self.state.gate.accepted();
                    if self.state.pacer.as_mut().is_some_and(Pacer::accepted) {
                        self.state.pacer = None;
                    }
                }
            }
            Answer::Throttled { retry_after } => {
                self.state.throttled += 1;
                self.state.budget.answered(now, false);
                self.heard_throttle(grant.epoch, retry_after, now);
                if current {
                    return;
                }
            }
        }
        self.count_off(grant, now);
    }

    /// A throttle of a call that left in that epoch: a new event, or one that is known.
    fn heard_throttle(&mut self, epoch: u64, retry_after: Option<Duration>, now: Duration) {
        if epoch != self.state.gate.epoch() {
            self.state.gate.extend(now, retry_after);
            return;
        }
        self.state.gate.close(now, retry_after, self.rng.as_mut());
        self.state.before_event = Some(self.state.budget.in_flight());
        self.state.current_in_flight = 0;
        self.finish_event_if_answered(now);
    }

    /// What came of a call that counts as answered already: only a throttle says anything new.
    pub(crate) fn settle_late(&mut self, epoch: u64, answer: Answer, now: Duration) {
        if let Answer::Throttled { retry_after } = answer {
            self.state.budget.expire(now);
            self.state.throttled += 1;
            self.heard_throttle(epoch, retry_after, now);
        }
    }

    /// Takes the rest of the window for used: nobody knows what left lately.
    pub(crate) fn fill(&mut self, now: Duration) {
        while self.free(now) > 0 {
            self.state.budget.occupy(now, 1);
        }
    }

    /// Takes these for the calls that occupy the window beside those under way.
    pub(crate) fn retell(&mut self, recent: &[SeededCall], now: Duration) {
        self.state.budget.retell(recent, now);
    }

    /// Slots of the window that are free.
    pub(crate) fn free(&mut self, now: Duration) -> u32 {
        self.state.budget.expire(now);
        let limit = self.state.estimate.limit();
        limit.saturating_sub(self.state.budget.used())
    }

    /// Whether calls leave unpaced, and at least one in so many slots is free.
    pub(crate) fn is_roomy(&self, share: u32) -> bool {
        let limit = self.state.estimate.limit();
        self.state.pacer.is_none() && self.state.budget.used() <= limit - limit / share
    }

    /// When so many slots are free; none when calls under way must be answered first.
    pub(crate) fn free_at(&self, slots: u32) -> Option<Duration> {
        let limit = self.state.estimate.limit();
        self.state
            .budget
            .free_below((limit + 1).saturating_sub(slots))
    }

    /// One fewer of the calls that left before the gate closed.
    fn count_off(&mut self, grant: Grant, now: Duration) {
        if grant.epoch < self.state.gate.epoch()
            && let Some(left) = &mut self.state.before_event
        {
            *left = left.saturating_sub(1);
            self.finish_event_if_answered(now);
        }
    }

    fn finish_event_if_answered(&mut self, now: Duration) {
        if self.state.before_event == Some(0) {
            self.finish_event(now);
        }
    }

    /// Measures the event: at the last answer, or when the gate opens over a call that hangs.
    fn finish_event(&mut self, now: Duration) {
        if self.state.before_event.take().is_none() {
            return;
        }
        // Without a single accepted call since the last event, the window measures the past.
        let accepted = match self.state.gate.strikes() {
            0 => self.state.budget.accepted(),
            _ => 0,
        };
        self.state.estimate.throttled(accepted, now);
        self.state.pacer = Some(Pacer::new(
            self.state.estimate.limit(),
            self.settings.window,
        ));
    }

    /// Lets nothing leave for so long: the tenant throttled calls of its other budget.
    pub fn hold(&mut self, now: Duration, duration: Duration) {
        self.state.gate.hold(now + duration);
    }

    /// How many calls could leave within that time, were nobody waiting.
    #[must_use]
    pub fn forecast(&mut self, now: Duration, within: Duration) -> u32 {
        self.state.budget.expire(now);
        let until = now + within;
        if self.state.gate.closed_until(until).is_some() {
            return 0;
        }
        // Whoever goes by the forecast does not ask while the window is full, which is when the
        // moment to probe comes.
        self.note_saturation(now);
        let limit = self.state.estimate.limit();
        let free =
            (limit + self.state.budget.leaving_by(until)).saturating_sub(self.state.budget.used());
        let paced = self
            .state
            .pacer
            .as_ref()
            .map_or(u32::MAX, |pacer| pacer.forecast(within));
        free.min(limit).min(paced).min(self.turnover(within))
    }

    /// Calls that the cap on what is under way lets through: those it has room for, and as many
    /// again each time that answers make room.
    fn turnover(&self, within: Duration) -> u32 {
        if self.state.latency.is_zero() {
            return self.in_flight_room();
        }
        let cap = self
            .settings
            .in_flight_cap(self.state.estimate.limit(), self.state.latency);
        let turns = within.as_secs_f64() / self.state.latency.as_secs_f64();
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
        self.state.budget.expire(now);
        let gate = match self.state.gate.closed_until(now) {
            Some((until, cause)) => GateState::Closed {
                remaining: until.saturating_sub(now),
                cause,
            },
            None if self.state.pacer.is_some() => GateState::Reopening,
            None => GateState::Open,
        };
        let age = now.saturating_sub(self.start());
        let measured = self.settings.window.min(age).max(Duration::from_secs(1));
        LaneSnapshot {
            configured_limit: self.settings.limit,
            learnt_limit: self.state.estimate.learnt(),
            window: self.settings.window,
            used: self.state.budget.used(),
            in_flight: self.state.budget.in_flight(),
            gate,
            calls: self.state.calls,
            throttled: self.state.throttled,
            throttle_events: self.state.gate.epoch(),
            rate_per_second: f64::from(self.state.budget.accepted()) / measured.as_secs_f64(),
        }
    }
}
