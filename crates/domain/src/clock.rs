//! Instants in UTC milliseconds, and the clock that gives them.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The instant `duration` later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis_of(duration)))
    }

    /// The instant `duration` earlier.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis_of(duration)))
    }

    /// How long since `earlier`; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.0.saturating_sub(earlier.0).max(0);
        Duration::from_millis(millis.unsigned_abs())
    }
}

fn millis_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl std::fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds, as in `2026-03-01T08:15:30.250Z`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => formatter.pad(&format!("{instant:.3}")),
            Err(_) => formatter.pad(&format!("{} ms", self.0)),
        }
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The instant that it is.
    fn now(&self) -> Timestamp;

    /// Told what all machines agree on. One that goes by itself takes no notice.
    fn agree(&self, _shared: Timestamp) {}
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine"
    )]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(millis_of(since_epoch))
    }
}

/// A clock that many machines agree on: each sets it by what all of them share, and it goes on by
/// itself from there. Until it is set it is the machine's own.
///
/// Between two settings it may run ahead, when the machine's clock is put forward, and never falls
/// behind, when the machine slept: whoever holds a lease lets go of it too early rather than too
/// late.
#[derive(Debug, Default)]
pub struct SyncedClock(RwLock<Option<Anchor>>);

/// What was true at once.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    /// What all agree on.
    shared: Timestamp,
    /// What this machine's clock said.
    machine: Timestamp,
    /// What its monotonic clock said.
    monotonic: Instant,
}

impl Clock for SyncedClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "a clock is made of the machine's clocks"
    )]
    fn agree(&self, shared: Timestamp) {
        let anchor = Anchor {
            shared,
            machine: SystemClock.now(),
            monotonic: Instant::now(),
        };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(anchor);
    }

    fn now(&self) -> Timestamp {
        let anchor = *self.0.read().unwrap_or_else(PoisonError::into_inner);
        let machine = SystemClock.now();
        match anchor {
            Some(anchor) => {
                let slept = machine.since(anchor.machine);
                anchor.shared.after(anchor.monotonic.elapsed().max(slept))
            }
            None => machine,
        }
    }
}

/// A clock that is set by hand, for tests.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub const fn at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.0))
    }

    /// Moves the clock on.
    pub fn advance(&self, duration: Duration) {
        self.0.fetch_add(millis_of(duration), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_as_rfc_3339_in_utc() {
        let instant = Timestamp::from_millis(1_772_352_930_250);
        assert_eq!(instant.to_string(), "2026-03-01T08:15:30.250Z");
    }

    #[test]
    fn a_clock_that_was_set_goes_on_from_there() {
        let clock = SyncedClock::default();
        assert!(clock.now().since(SystemClock.now()) < Duration::from_secs(5));
        let shared = Timestamp::from_millis(1_772_352_930_250);
        clock.agree(shared);
        let now = clock.now();
        assert!(now >= shared && now.since(shared) < Duration::from_secs(5));
    }

    #[test]
    fn time_since_a_later_instant_is_none() {
        let earlier = Timestamp::from_millis(1_000);
        let later = earlier.after(Duration::from_secs(2));
        assert_eq!(later.since(earlier), Duration::from_secs(2));
        assert_eq!(earlier.since(later), Duration::ZERO);
    }
}
