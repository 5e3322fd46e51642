//! What a lane remembers, apart from what it decides.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::budget::Budget;
use crate::estimate::Estimate;
use crate::gate::Gate;
use crate::pacer::Pacer;
use crate::{LaneSeed, LaneSettings};

/// All that a lane remembers: plain data, which can be stored and taken up elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CoreState {
    pub(crate) budget: Budget,
    pub(crate) gate: Gate,
    pub(crate) estimate: Estimate,
    pub(crate) pacer: Option<Pacer>,
    /// Calls of the current epoch that are under way: a call that hangs since before the last
    /// throttle says nothing of the lane as it is now.
    pub(crate) current_in_flight: u32,
    /// How long answers take, in the mean.
    pub(crate) latency: Duration,
    /// Calls that left before the gate last closed and are not answered yet: the event is measured
    /// when the last of them is.
    pub(crate) before_event: Option<u32>,
    pub(crate) calls: u64,
    pub(crate) throttled: u64,
    /// When the lane was made.
    pub(crate) made_at: Duration,
}

impl CoreState {
    /// The state of a lane that is made `now`, at least a window after its time began.
    pub(crate) fn new(settings: &LaneSettings, seed: &LaneSeed, now: Duration) -> Self {
        let window = settings.window;
        let mut budget = Budget::new(window);
        budget.retell(&seed.recent, now);
        let mut gate = Gate::default();
        if let Some(remaining) = seed.gate_closed_for {
            gate.restore(now + remaining);
        }
        // What an earlier process learnt may be probed a window sooner than what was learnt here.
        let learnt_at = now.saturating_sub(window);
        let estimate = Estimate::new(settings.limit, window, seed.learnt_limit, learnt_at);
        let pacer = seed
            .gate_closed_for
            .map(|_| Pacer::new(estimate.limit(), window));
        Self {
            budget,
            gate,
            estimate,
            pacer,
            current_in_flight: 0,
            latency: Duration::ZERO,
            before_event: None,
            calls: 0,
            throttled: 0,
            made_at: now,
        }
    }

    /// Fits what was stored to these settings, which may be others than they were.
    pub(crate) fn fit(&mut self, settings: &LaneSettings) {
        self.budget.fit(settings.window);
        self.estimate.fit(settings.limit, settings.window);
    }
}
