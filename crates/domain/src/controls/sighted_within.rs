//! How old a campaign's knowledge of who has a device may be when the device is called.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{ControlError, as_text};
use crate::Timestamp;

/// How old a look or a listing may be when a device is called: written `2min`, `30s`, `0s` or `never`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SightedWithin {
    /// Who has a device is not asked before its call.
    Never,
    /// The sighting is no older than this; each device is looked at right before its call where it is
    /// zero.
    Within(Duration),
}

as_text!(SightedWithin);

/// Longest time that a sighting may be good for: who means more than a day means `never`.
const LONGEST: Duration = Duration::from_hours(24);

const UNITS: &[(&str, u64)] = &[
    ("ms", 1),
    ("s", 1_000),
    ("sec", 1_000),
    ("m", 60_000),
    ("min", 60_000),
    ("h", 3_600_000),
];

impl Default for SightedWithin {
    fn default() -> Self {
        Self::Within(Duration::from_mins(2))
    }
}

impl SightedWithin {
    /// The longest time that a sighting is good for; none where nothing is asked.
    #[must_use]
    pub const fn limit(self) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::Within(limit) => Some(limit),
        }
    }
}

/// Whether something seen at `seen_at` is no older than `limit` now. What was seen later than now was
/// seen before a clock was set back, and is good for as long as it would have been.
#[must_use]
pub fn is_fresh(seen_at: Timestamp, limit: Duration, now: Timestamp) -> bool {
    now.since(seen_at) <= limit && seen_at.since(now) <= limit
}

impl fmt::Display for SightedWithin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Within(limit) = self else {
            return formatter.pad("never");
        };
        let millis = limit.as_millis();
        let text = match millis {
            0 => "0s".to_owned(),
            _ if millis % 3_600_000 == 0 => format!("{}h", millis / 3_600_000),
            _ if millis % 60_000 == 0 => format!("{}min", millis / 60_000),
            _ if millis % 1_000 == 0 => format!("{}s", millis / 1_000),
            _ => format!("{millis}ms"),
        };
        formatter.pad(&text)
    }
}

impl FromStr for SightedWithin {
    type Err = ControlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unclear = || {
            let why = "write 2min, 30s, 0s (a look right before each call) or never, 24h at most";
            ControlError::new("age of a sighting", text, why)
        };
        let word = text.trim().to_lowercase();
        if word == "never" {
            return Ok(Self::Never);
        }
        let unit_at = word
            .find(|c: char| !c.is_ascii_digit())
            .ok_or_else(unclear)?;
        let (count, unit) = word.split_at(unit_at);
        let count: u64 = count.parse().map_err(|_unclear| unclear())?;
        let unit = unit.trim();
        let (_, millis) = UNITS
            .iter()
            .find(|(known, _)| *known == unit)
            .ok_or_else(unclear)?;
        let limit = Duration::from_millis(count.saturating_mul(*millis));
        if limit > LONGEST {
            return Err(unclear());
        }
        Ok(Self::Within(limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_reads_back_as_it_is_said() {
        for (text, said) in [
            ("2m", "2min"),
            (" 120 s ", "2min"),
            ("90s", "90s"),
            ("0s", "0s"),
            ("0min", "0s"),
            ("1500ms", "1500ms"),
            ("1h", "1h"),
            ("Never", "never"),
        ] {
            let within: SightedWithin = text.parse().unwrap();
            assert_eq!(within.to_string(), said);
            assert_eq!(said.parse::<SightedWithin>(), Ok(within));
        }
        for bad in ["", "2", "s", "-1s", "25h", "always", "2 days"] {
            assert!(bad.parse::<SightedWithin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_sighting_is_good_no_longer_than_its_limit() {
        let (seen_at, limit) = (Timestamp::from_millis(100_000), Duration::from_secs(2));
        assert!(is_fresh(seen_at, limit, seen_at.after(limit)));
        let later = seen_at.after(limit + Duration::from_millis(1));
        assert!(!is_fresh(seen_at, limit, later));
        let long_before = seen_at.before(Duration::from_mins(1));
        assert!(
            !is_fresh(seen_at, limit, long_before),
            "the clock was set back"
        );
    }
}
