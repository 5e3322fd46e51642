//! Durations as people write them.

use std::time::Duration;

use repilot_domain::{DurationError, duration_of};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration that reads `20s`, `5m` or `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl std::str::FromStr for Span {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        duration_of(text).map(Self)
    }
}

/// An age: `90d`, `12w`, or any duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Age(pub(crate) Duration);

impl std::str::FromStr for Age {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        duration_of(text).map(Self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let duration = jiff::SignedDuration::try_from(self.0).map_err(serde::ser::Error::custom)?;
        serializer.collect_str(&format_args!("{duration:#}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_days_weeks_or_durations() {
        let hours = |text: &str| text.parse::<Age>().map(|age| age.0.as_secs() / 3_600);
        assert_eq!(hours("90d"), Ok(90 * 24));
        assert_eq!(hours("2w"), Ok(14 * 24));
        assert_eq!(hours("36h"), Ok(36));
        for bad in ["", "90", "d", "-1d", "99999999999999d"] {
            assert!(bad.parse::<Age>().is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_read_as_people_write_them() {
        let millis = |text: &str| text.parse::<Span>().map(|span| span.0.as_millis());
        assert_eq!(millis("250ms"), Ok(250));
        assert_eq!(millis("20s"), Ok(20_000));
        assert_eq!(millis("5m"), Ok(300_000));
        assert_eq!(millis("1h 30m"), Ok(5_400_000));
        for bad in ["", "20", "-5s", "soon"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }
}
