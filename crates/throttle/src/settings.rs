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

/// Reads keep this share of a limit on requests of any kind, however many writes are granted.
const READS_SHARE: u32 = 10;

/// Answers that take longer than the share foresees keep more calls under way, and some to spare.
const IN_FLIGHT_SPARE: f64 = 1.25;

impl LaneSettings {
    /// Shares a limit on requests of any kind among the lanes of writes and of reads, which both count
    /// against it. Writes get what they are granted, up to nine tenths of it; reads get the rest. As
    /// each lane keeps its share in every window, both together keep the limit, and neither waits for
    /// the other. One request of each kind is the least, whatever the limit.
    #[must_use]
    pub fn share(self, writes: u32) -> (Self, Self) {
        let kept_for_reads = (self.limit / READS_SHARE).max(1);
        let most_writes = self.limit.saturating_sub(kept_for_reads).max(1);
        let writes = writes.clamp(1, most_writes);
        let reads = self.limit.saturating_sub(writes).max(1);
        let of = |limit| Self { limit, ..self };
        (of(writes), of(reads))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(writes: u32, any_kind: u32) -> (u32, u32) {
        let all = LaneSettings {
            limit: any_kind,
            window: Duration::from_secs(20),
            in_flight: None,
        };
        let (writes, reads) = all.share(writes);
        assert_eq!((writes.window, reads.window), (all.window, all.window));
        (writes.limit, reads.limit)
    }

    #[test]
    fn reads_get_what_writes_leave_of_the_limit_on_any_kind() {
        assert_eq!(shared(100, 1_000), (100, 900));
        assert_eq!(shared(500, 1_000), (500, 500));
        assert_eq!(shared(900, 1_000), (900, 100));
    }

    #[test]
    fn more_writes_than_requests_of_any_kind_leave_a_tenth_to_reads() {
        assert_eq!(shared(901, 1_000), (900, 100));
        assert_eq!(shared(1_000, 1_000), (900, 100));
        assert_eq!(shared(100_000, 1_000), (900, 100));
        assert_eq!(shared(100, 12), (11, 1));
    }

    #[test]
    fn both_lanes_together_keep_every_limit_and_neither_starves() {
        for any_kind in 2..400 {
            for granted in 1..500 {
                let (writes, reads) = shared(granted, any_kind);
                assert!(writes + reads <= any_kind, "{granted} of {any_kind}");
                assert!(writes >= 1 && reads >= 1, "{granted} of {any_kind}");
                assert!(writes <= granted, "{granted} of {any_kind}");
                let is_all_used = writes == granted || writes + reads == any_kind;
                assert!(is_all_used, "{granted} of {any_kind}");
            }
        }
    }
}
