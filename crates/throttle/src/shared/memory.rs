//! What a process remembers of a shared lane's book, and what it makes of what it finds.

use std::time::Duration;

use redis::{ErrorKind, RedisResult};
use tokio::time::Instant;

use super::book::{Book, LEASE, latest};
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

/// A book as it was at an instant.
pub(super) struct Known {
    pub(super) book: Book,
    /// Of the state in Redis; empty where there is none.
    pub(super) token: String,
    /// Redis's time, told between these instants of this process's.
    pub(super) redis: Duration,
    pub(super) sent: Instant,
    pub(super) received: Instant,
}

/// A moment at which to decide, and the book to decide on.
pub(super) struct Moment {
    pub(super) book: Book,
    pub(super) lane: Duration,
    pub(super) redis: Duration,
    pub(super) may_be_old: Duration,
}

/// What Redis told, and when it was asked and had answered.
pub(super) struct Told {
    /// The state, unless it is the one that was known.
    pub(super) state: Option<String>,
    pub(super) redis: Duration,
    pub(super) sent: Instant,
    pub(super) received: Instant,
}

pub(super) struct Memory {
    settings: LaneSettings,
    seed: LaneSeed,
    made_at: Instant,
    known: Option<Known>,
    /// The holder and number of this process's last batch that is known to be written.
    written: (u64, u64),
}

impl Memory {
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
            lane: known.book.time(redis),
            book: known.book.clone(),
            redis,
            may_be_old: ESTIMATE_MAY_BE_OLD,
        })
    }

    /// Remembers what was written, and by which batch.
    pub(super) fn wrote(&mut self, known: Known, batch: (u64, u64)) {
        self.known = Some(known);
        self.written = batch;
    }

    /// Takes in what Redis told. A book that is begun, or begun again, is of that `era`.
    pub(super) fn hear(&mut self, told: Told, core: &mut Core, era: u64) -> Moment {
        let age = |known: &Known| told.received.saturating_duration_since(known.sent);
        // One that was begun here and never written is no memory.
        let counts = |known: &Known| known.book.is_written() && age(known) < KEPT;
        let known = self.known.take().filter(counts);
        let latest = known.as_ref().map(|known| latest(known.lane(), age(known)));
        let (token, found) = match (told.state, &known) {
            (Some(state), _) => read(&state),
            (None, Some(known)) => (known.token.clone(), Some(known.book.clone())),
            (None, None) => (String::new(), None),
        };
        let (book, lane) = match (found, known) {
            (Some(mut book), None) => {
                let now = book.keep_time(told.redis, None);
                (book, now)
            }
            (Some(mut book), Some(known)) => {
                let latest = latest.filter(|_| book.is_of_the_era_of(&known.book));
                let now = book.keep_time(told.redis, latest);
                let is_older = !book.continues(&known.book, self.written);
                let matters = age(&known) <= self.settings.window + LEASE;
                if is_older && matters && !book.accounts_for(&known.book) {
                    book.fill_up(core, era, now);
                }
                (book, now)
            }
            (None, Some(known)) => {
                let mut book = known.book;
                let now = book.keep_time(told.redis, latest);
                book.begin_again(core, era, now);
                (book, now)
            }
            (None, None) => {
                let seed = self.seed_at(told.received);
                let lane = CoreState::new(&self.settings, &seed, told.redis);
                (Book::begin(lane, era, told.redis), told.redis)
            }
        };
        self.known = Some(Known {
            book: book.clone(),
            token,
            redis: told.redis,
            sent: told.sent,
            received: told.received,
        });
        Moment {
            book,
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
        self.book.time(self.redis)
    }

    /// When it is that time of the lane, at the latest.
    pub(super) fn instant(&self, lane: Duration) -> Instant {
        self.received + lane.saturating_sub(self.lane())
    }
}

/// A book as it is stored.
pub(super) fn in_writing(token: &str, book: &Book) -> RedisResult<String> {
    let book = serde_json::to_string(book)
        .map_err(|error| (ErrorKind::Client, "writing a lane", error.to_string()))?;
    Ok(format!("{token}\n{book}"))
}

/// A token and its book. One that cannot be read, of another version, counts as lost.
fn read(state: &str) -> (String, Option<Book>) {
    let (token, book) = state.split_once('\n').unwrap_or((state, ""));
    (token.to_owned(), serde_json::from_str(book).ok())
}
