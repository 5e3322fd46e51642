//! What a lane is told when it is made.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// What is known of a tenant's quota beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneSettings {
    /// Calls that the tenant grants in a window, at most. The lane never exceeds it.
    pub limit: u32,
    /// The window.
    pub window: Duration,
    /// Calls under way at once; `None` chooses by the limit and by how long answers take.
    pub in_flight: Option<u32>,
}

/// This share of the limit may be under way at once: enough to fill a window within a second, few
/// enough that a tenant which grants less all of a sudden refuses only few.
const IN_FLIGHT_SHARE: u32 = 4;

/// Below this, a cap on what is under way would cost more than the calls it might waste.
const IN_FLIGHT_AT_LEAST: u32 = 16;

/// Answers that take longer than the share foresees keep more calls under way, and some to spare.
const IN_FLIGHT_SPARE: f64 = 1.25;

impl LaneSettings {
    /// What is left for reads of a limit on requests of any kind, beside these writes, which count
    /// against it, too: a tenth of it at least. A limit below that of the writes alone can only be
    /// meant for reads.
    #[must_use]
    pub fn beside(self, writes: &Self) -> Self {
        let windows = self
            .window
            .as_micros()
            .div_ceil(writes.window.as_micros().max(1));
        let windows = u32::try_from(windows).unwrap_or(u32::MAX);
        let taken = writes.limit.saturating_mul(windows);
        let limit = if taken > self.limit {
            self.limit
        } else {
            (self.limit - taken).max(self.limit / 10).max(1)
        };
        Self { limit, ..self }
    }

    /// Calls under way at once, where an answer takes `latency`.
    pub(crate) fn in_flight_cap(&self, limit: u32, latency: Duration) -> u32 {
        let chosen = || {
            // A slot is taken from the sending until a window after the answer.
            let taken = (self.window + latency).as_secs_f64().max(f64::MIN_POSITIVE);
            let needed = f64::from(limit) * latency.as_secs_f64() / taken * IN_FLIGHT_SPARE;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a u32, a little more"
            )]
            let needed = needed.ceil() as u32;
            (limit / IN_FLIGHT_SHARE)
                .max(IN_FLIGHT_AT_LEAST)
                .max(needed)
        };
        self.in_flight.unwrap_or_else(chosen).max(1)
    }
}

/// A call of an earlier process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeededCall {
    /// How long ago it was answered.
    pub answered_ago: Duration,
    /// Whether it was throttled.
    pub throttled: bool,
}

/// Where the calls of all processes of a lane are on record, those under way among them: read when
/// Redis forgot them. None where the record cannot be read.
pub type CallHistory =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Option<Vec<SeededCall>>> + Send>> + Send + Sync>;

/// What an earlier process learnt, so that a restart neither overruns the quota nor starts over.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LaneSeed {
    /// Calls that still occupy the window.
    pub recent: Vec<SeededCall>,
    /// The limit that was learnt.
    pub learnt_limit: Option<u32>,
    /// How much longer the gate stays closed.
    pub gate_closed_for: Option<Duration>,
}
