//! A time zone by its name.

use std::fmt;
use std::str::FromStr;

use jiff::civil;
use jiff::tz::{Offset, TimeZone};

use super::windows_zone::windows_zone;
use super::zones::Zones;
use super::{ControlError, as_text};
use crate::Timestamp;

/// A time zone, as in `Europe/Berlin` or `+01:00`, by the database that [`Zones`] names.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    name: String,
    pub(super) rules: TimeZone,
}

as_text!(Zone);

impl Default for Zone {
    fn default() -> Self {
        Self {
            name: "UTC".to_owned(),
            rules: TimeZone::UTC,
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.name)
    }
}

/// Short names that are no time zones, as they mean one half of the year or several places, and a zone
/// that whoever writes them may mean.
const SHORT_NAMES: [(&str, &str); 22] = [
    ("acst", "Australia/Darwin"),
    ("aedt", "Australia/Sydney"),
    ("aest", "Australia/Sydney"),
    ("awst", "Australia/Perth"),
    ("bst", "Europe/London"),
    ("cdt", "America/Chicago"),
    ("cest", "Europe/Berlin"),
    ("cst", "America/Chicago"),
    ("edt", "America/New_York"),
    ("eest", "Europe/Athens"),
    ("hkt", "Asia/Hong_Kong"),
    ("ist", "Asia/Kolkata"),
    ("jst", "Asia/Tokyo"),
    ("kst", "Asia/Seoul"),
    ("mdt", "America/Denver"),
    ("mesz", "Europe/Berlin"),
    ("mez", "Europe/Berlin"),
    ("msk", "Europe/Moscow"),
    ("nzst", "Pacific/Auckland"),
    ("pdt", "America/Los_Angeles"),
    ("pst", "America/Los_Angeles"),
    ("sgt", "Asia/Singapore"),
];

/// Farthest from UTC that any clock is.
const OFFSET_MAX_MINUTES: i32 = 14 * 60;

impl FromStr for Zone {
    type Err = ControlError;

    /// A name of the database, what Windows calls one, `local`, `UTC` or a fixed offset such as
    /// `+01:00` or `UTC+1`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("utc") || text.eq_ignore_ascii_case("z") {
            return Ok(Self::default());
        }
        if let Some(minutes) = offset(text) {
            return Ok(Self::fixed(minutes));
        }
        let zones = Zones::current();
        if text.eq_ignore_ascii_case("local") {
            return match &zones.local {
                Some(name) if !name.eq_ignore_ascii_case("local") => name.parse(),
                _ => Err(ControlError::new(
                    "time zone",
                    text,
                    "this machine does not say which zone it is in: write a name such as Europe/Berlin",
                )),
            };
        }
        let wanted = windows_zone(text).unwrap_or(text);
        let Ok(rules) = zones.database.get(wanted) else {
            return Err(ControlError::new("time zone", text, advice(&zones, text)));
        };
        let name = rules.iana_name().unwrap_or(wanted).to_owned();
        Ok(Self { name, rules })
    }
}

impl Zone {
    fn fixed(minutes: i32) -> Self {
        if minutes == 0 {
            return Self::default();
        }
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
        let rules = Offset::from_seconds(minutes * 60).map_or(TimeZone::UTC, TimeZone::fixed);
        Self {
            name: format!("{sign}{hours:02}:{rest:02}"),
            rules,
        }
    }

    /// Whether it is UTC, as it is where nobody named another.
    #[must_use]
    pub fn is_utc(&self) -> bool {
        self.name == "UTC"
    }

    /// The zone that this machine is in; UTC where it does not say.
    #[must_use]
    pub fn here() -> Self {
        "local".parse().unwrap_or_default()
    }

    /// What clocks there show.
    pub(super) fn local(&self, at: Timestamp) -> Option<civil::DateTime> {
        let instant = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
        Some(self.rules.to_datetime(instant))
    }

    /// An instant by the clocks there, as in `Tue 8 Dec 02:04 CET`; with the year where it is not that
    /// of `now`, and with seconds where it has some.
    #[must_use]
    pub fn shown(&self, at: Timestamp, now: Timestamp) -> String {
        let Ok(instant) = jiff::Timestamp::from_millisecond(at.as_millis()) else {
            return at.to_string();
        };
        let zoned = instant.to_zoned_datetime(self.rules.clone());
        let same_year = self
            .local(now)
            .is_some_and(|now| now.year() == zoned.year());
        let year = if same_year { "" } else { " %Y" };
        let seconds = if zoned.second() == 0 { "" } else { ":%S" };
        let date = format!("%a %-d %b{year} %H:%M{seconds}");
        format!(
            "{} {}",
            zoned.strftime(&date),
            self.abbreviated(zoned.strftime("%Z"))
        )
    }

    /// An instant by the clocks there to the second, so that texts sort as instants do within a zone:
    /// `2026-03-01 09:15:30 CET`, and `2026-03-01 08:15:30Z` in UTC.
    #[must_use]
    pub fn sortable(&self, at: Timestamp) -> String {
        let Ok(instant) = jiff::Timestamp::from_millisecond(at.as_millis()) else {
            return at.to_string();
        };
        let zoned = instant.to_zoned_datetime(self.rules.clone());
        let shown = zoned.strftime("%Y-%m-%d %H:%M:%S");
        if self.name == "UTC" {
            format!("{shown}Z")
        } else {
            format!("{shown} {}", self.abbreviated(zoned.strftime("%Z")))
        }
    }

    /// What its clocks are called: as they say themselves, where it has a name.
    fn abbreviated(&self, abbreviation: impl fmt::Display) -> String {
        match self.rules.iana_name() {
            Some(_) => abbreviation.to_string(),
            None => self.name.clone(),
        }
    }
}

/// Minutes of a fixed offset: `+01:00`, `-0330`, `+1`, `UTC+1`, `GMT-5`.
fn offset(text: &str) -> Option<i32> {
    let upper = text.to_uppercase().replace('\u{2212}', "-");
    let bare = upper
        .strip_prefix("UTC")
        .or_else(|| upper.strip_prefix("GMT"))
        .unwrap_or(&upper)
        .trim();
    let sign = match bare.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let digits = &bare[1..];
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 => digits.split_at(2),
        None => (digits, "00"),
    };
    let number = |text: &str, most: i32| {
        let plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let number: i32 = text.parse().ok()?;
        (plain && number <= most).then_some(number)
    };
    let total = number(hours, 14)? * 60 + number(minutes, 59).filter(|_| minutes.len() == 2)?;
    (total <= OFFSET_MAX_MINUTES).then_some(sign * total)
}

/// What to write in place of a name that is none.
fn advice(zones: &Zones, text: &str) -> String {
    let lower = text.to_lowercase();
    if let Ok(place) = SHORT_NAMES.binary_search_by_key(&lower.as_str(), |(name, _)| *name) {
        return format!(
            "it is a short name and not clear; write a name such as {}",
            SHORT_NAMES[place].1
        );
    }
    let city = format!("/{}", lower.replace(' ', "_"));
    let names = zones.database.available();
    let mut found = names.filter(|name| name.as_str().to_lowercase().ends_with(&city));
    match found.next() {
        Some(name) if !lower.is_empty() => format!("write {name}"),
        _ => "write a name such as Europe/Berlin, Windows' name for it, UTC, +01:00 or local"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_known_by_its_name_however_it_is_spelt() {
        let zone: Zone = "europe/berlin".parse().unwrap();
        assert_eq!(zone.to_string(), "Europe/Berlin");
        assert_eq!("utc".parse::<Zone>().unwrap(), Zone::default());
        for (text, name) in [
            ("W. Europe Standard Time", "Europe/Berlin"),
            ("+01:00", "+01:00"),
            ("UTC+1", "+01:00"),
            ("GMT-3:30", "-03:30"),
            ("-0330", "-03:30"),
            ("+00:00", "UTC"),
        ] {
            let read = text.parse::<Zone>().map(|zone| zone.to_string());
            assert_eq!(read.as_deref(), Ok(name), "{text}");
            assert_eq!(name.parse::<Zone>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn what_is_no_zone_is_answered_with_the_right_form() {
        for (text, part) in [
            ("", "write a name such as Europe/Berlin"),
            ("Berlin", "write Europe/Berlin"),
            ("new york", "write America/New_York"),
            ("MEZ", "write a name such as Europe/Berlin"),
            ("Europe/Atlantis", "write a name such as Europe/Berlin"),
            ("../etc/passwd", "write a name"),
            ("+15:00", "write a name"),
            ("+1:3", "write a name"),
            ("local", "does not say which zone"),
        ] {
            let error = text.parse::<Zone>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn a_moment_is_shown_by_the_clocks_of_its_zone() {
        let at = Timestamp::from_millis(1_796_691_840_000);
        let now = Timestamp::from_millis(1_796_000_000_000);
        let shown = |zone: &str, now| zone.parse::<Zone>().unwrap().shown(at, now);
        assert_eq!(shown("Europe/Berlin", now), "Tue 8 Dec 02:04 CET");
        assert_eq!(shown("UTC", now), "Tue 8 Dec 01:04 UTC");
        assert_eq!(shown("+05:30", now), "Tue 8 Dec 06:34 +05:30");
        let last_year = Timestamp::from_millis(1_764_000_000_000);
        assert_eq!(shown("UTC", last_year), "Tue 8 Dec 2026 01:04 UTC");
    }
}
