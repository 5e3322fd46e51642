//! What a process remembers of a shared lane's shared state, and what it makes of what it finds.

use std::time::Duration;

use redis::{ErrorKind, RedisResult};
use tokio::time::Instant;

use super::shared_state::{LEASE, SharedState, latest};
use super::store::KEPT;
use crate::core::Core;
use crate::{CoreState, LaneSeed, LaneSettings};

/// A process that was the last to write decides on what it remembers, if that is so young, …
const REMEMBERED_FOR: Duration = Duration::from_secs(2);

/// … and Redis's clock is known so well. The budget's margin covers it.
const CLOCK_IS_KNOWN: Duration = Duration::from_millis(3);

/// A decision on an estimate of Redis's clock may be so old when it is written: some round trips,
/// and less than the budget's margin.
const ESTIMATE_MAY_BE_OLD: Duration = Duration::from_millis(5);

/// A decision on a clock that was just read may be older: its lease counts from then.
const READING_MAY_BE_OLD: Duration = Duration::from_millis(500);

/// A shared state as it was at an instant.
pub(super) struct Known {
    pub(super) shared_state: SharedState,
    /// Of the state in Redis; empty where there is none.
    pub(super) token: String,
    /// Redis's time, told between these instants of this process's.
    pub(super) redis: Duration,
    pub(super) sent: Instant,
    pub(super) received: Instant,
}

/// A moment at which to decide, and the shared state to decide on.
pub(super) struct Moment {
    pub(super) shared_state: SharedState,
    pub(super) lane: Duration,
    pub(super) redis: Duration,
    pub(super) may_be_old: Duration,
}

/// What Redis told, and when it was asked and had answered.
pub(super) struct Reply {
    /// The state, unless it is the one that was known.
    pub(super) state: Option<String>,
    pub(super) redis: Duration,
    pub(super) sent: Instant,
    pub(super) received: Instant,
}

pub(super) struct StateCache {
    settings: LaneSettings,
    seed: LaneSeed,
    made_at: Instant,
    known: Option<Known>,
    /// The holder and number of this process's last batch that is known to be written.
    written: (u64, u64),
}

impl StateCache {
    pub(super) fn new(settings: LaneSettings, seed: LaneSeed, now: Instant) -> Self {
        Self {
            settings,
            seed,
            made_at: now,
            known: None,
            written: (0, 0),
        }
    }

    /// The token of the state that is known.
    pub(super) fn token(&self) -> &str {
        self.known.as_ref().map_or("", |known| &known.token)
    }

    pub(super) fn known(&self) -> Option<&Known> {
        self.known.as_ref()
    }

    /// A moment without asking Redis, never later than Redis's own.
    pub(super) fn estimate(&self, now: Instant) -> Option<Moment> {
        let known = self.known.as_ref()?;
        let age = now.saturating_duration_since(known.received);
        let unclear = known.received.saturating_duration_since(known.sent);
        if known.token.is_empty() || age > REMEMBERED_FOR || unclear > CLOCK_IS_KNOWN {
            return None;
        }
        let redis = known.redis + age;
        Some(Moment {
            lane: known.shared_state.time(redis),
            shared_state: known.shared_state.clone(),
            redis,
            may_be_old: ESTIMATE_MAY_BE_OLD,
        })
    }

    /// Remembers what was written, and by which batch.
    pub(super) fn wrote(&mut self, known: Known, batch: (u64, u64)) {
        self.known = Some(known);
        self.written = batch;
    }

    /// Takes in what Redis told. A state that is begun, or begun again, is of that `generation`.
    pub(super) fn hear(&mut self, told: Reply, core: &mut Core, generation: u64) -> Moment {
        let age = |known: &Known| told.received.saturating_duration_since(known.sent);
        // One that was begun here and never written is no memory.
        let counts = |known: &Known| known.shared_state.is_written() && age(known) < KEPT;
        let known = self.known.take().filter(counts);
        let latest = known.as_ref().map(|known| latest(known.lane(), age(known)));
        let (token, found) = match (told.state, &known) {
            (Some(state), _) => read(&state),
            (None, Some(known)) => (known.token.clone(), Some(known.shared_state.clone())),
            (None, None) => (String::new(), None),
        };
        let (shared_state, lane) = match (found, known) {
            (Some(mut shared_state), None) => {
                let now = shared_state.keep_time(told.redis, None);
                (shared_state, now)
            }
            (Some(mut shared_state), Some(known)) => {
                let latest = latest.filter(|_| shared_state.is_of_the_era_of(&known.shared_state));
                let now = shared_state.keep_time(told.redis, latest);
                let is_older = !shared_state.continues(&known.shared_state, self.written);
                let matters = age(&known) <= self.settings.window + LEASE;
                if is_older && matters && !shared_state.accounts_for(&known.shared_state) {
                    shared_state.fill_up(core, generation, now);
                }
                (shared_state, now)
            }
            (None, Some(known)) => {
                let mut shared_state = known.shared_state;
                let now = shared_state.keep_time(told.redis, latest);
                shared_state.begin_again(core, generation, now);
                (shared_state, now)
            }
            (None, None) => {
                let seed = self.seed_at(told.received);
                let lane = CoreState::new(&self.settings, &seed, told.redis);
                (SharedState::begin(lane, generation, told.redis), told.redis)
            }
        };
        self.known = Some(Known {
            shared_state: shared_state.clone(),
            token,
            redis: told.redis,
            sent: told.sent,
            received: told.received,
        });
        Moment {
            shared_state,
            lane,
            redis: told.redis,
            may_be_old: READING_MAY_BE_OLD,
        }
    }

    /// The seed, as old as it is by now.
    fn seed_at(&self, now: Instant) -> LaneSeed {
        let age = now.saturating_duration_since(self.made_at);
        let mut seed = self.seed.clone();
        for call in &mut seed.recent {
            call.answered_ago += age;
        }
        seed.gate_closed_for = seed
            .gate_closed_for
            .and_then(|remaining| remaining.checked_sub(age));
        seed
    }
}

impl Known {
    /// The lane's time when Redis told its own.
    pub(super) fn lane(&self) -> Duration {
        self.shared_state.time(self.redis)
    }

    /// When it is that time of the lane, at the latest.
    pub(super) fn instant(&self, lane: Duration) -> Instant {
        self.received + lane.saturating_sub(self.lane())
    }
}

/// A shared state as it is stored.
pub(super) fn in_writing(token: &str, shared_state: &SharedState) -> RedisResult<String> {
    let shared_state = serde_json::to_string(shared_state)
        .map_err(|error| (ErrorKind::Client, "writing a lane", error.to_string()))?;
    Ok(format!("{token}\n{shared_state}"))
}

/// A token and its shared state. One that cannot be read, of another version, counts as lost.
fn read(state: &str) -> (String, Option<SharedState>) {
    let (token, shared_state) = state.split_once('\n').unwrap_or((state, ""));
    (token.to_owned(), serde_json::from_str(shared_state).ok())
}
