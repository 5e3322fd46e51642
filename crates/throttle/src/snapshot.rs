//! What a lane says of itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What closed a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GateCause {
    /// The server named the time.
    RetryAfter,
    /// The server named none, or too little: a backoff of our own.
    Backoff,
    /// The tenant's other budget was throttled.
    OtherBudget,
}

/// Whether calls leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateState {
    /// As the budget allows.
    Open,
    /// Not at all, for so much longer.
    Closed {
        /// How much longer.
        remaining: Duration,
        /// What closed it.
        cause: GateCause,
    },
    /// At a gentle pace, until the estimate is proven.
    Reopening,
}

/// A lane at an instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LaneSnapshot {
    /// Calls a window, by the settings.
    pub configured_limit: u32,
    /// Calls a window, as learnt; none while nothing speaks against the settings.
    pub learnt_limit: Option<u32>,
    /// The window.
    pub window: Duration,
    /// Slots of the window that are taken.
    pub used: u32,
    /// Calls under way.
    pub in_flight: u32,
    /// Whether calls leave.
    pub gate: GateState,
    /// Calls that were answered since the lane was made.
    pub calls: u64,
    /// Those that were throttled.
    pub throttled: u64,
    /// Throttle events: calls throttled together are one.
    pub throttle_events: u64,
    /// Calls a second that went through, over the last window.
    pub rate_per_second: f64,
}
