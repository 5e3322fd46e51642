//! What a lane is told when it is made.

use std::time::Duration;

/// What is known of a tenant's quota beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneSettings {
    /// Calls that the tenant grants in a window, at most. The lane never exceeds it.
    pub limit: u32,
    /// The window.
    pub window: Duration,
    /// Calls under way at once while nothing proves the limit; `None` chooses by the limit.
    pub unproven_in_flight: Option<u32>,
}

/// Without proof, this share of the limit may be under way: enough to fill a window within a
/// second, few enough that a tenant which grants less refuses only few.
const UNPROVEN_SHARE: u32 = 4;

/// Below this, a cap on what is under way would cost more than the calls it might waste.
const UNPROVEN_AT_LEAST: u32 = 16;

impl LaneSettings {
    pub(crate) fn in_flight_while_unproven(&self, limit: u32) -> u32 {
        self.unproven_in_flight
            .unwrap_or_else(|| (limit / UNPROVEN_SHARE).max(UNPROVEN_AT_LEAST))
            .max(1)
    }
}

/// What an earlier process learnt, so that a restart neither overruns the quota nor starts over.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LaneSeed {
    /// How long ago calls were answered that still occupy the window.
    pub answered_ago: Vec<Duration>,
    /// The limit that was learnt.
    pub learnt_limit: Option<u32>,
    /// How much longer the gate stays closed.
    pub gate_closed_for: Option<Duration>,
}
