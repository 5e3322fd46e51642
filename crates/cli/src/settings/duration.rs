//! Durations as people write them.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration that reads `20s`, `5m` or `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let complaint = || format!("`{text}` is no duration: write 250ms, 20s, 5m or 1h 30m");
        let parsed: jiff::SignedDuration = text.parse().map_err(|_unclear| complaint())?;
        Duration::try_from(parsed)
            .map(Self)
            .map_err(|_negative| complaint())
    }
}

/// An age: `90d`, `12w`, or a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Age(pub(crate) Duration);

const DAY: Duration = Duration::from_hours(24);

impl std::str::FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let days = |count: &str, days: u32| {
            let count: u32 = count.trim().parse().ok()?;
            DAY.checked_mul(count)?.checked_mul(days)
        };
        let age = text
            .strip_suffix('d')
            .and_then(|count| days(count, 1))
            .or_else(|| text.strip_suffix('w').and_then(|count| days(count, 7)));
        match age {
            Some(age) => Ok(Self(age)),
            None => Ok(Self(
                text.parse::<Span>()
                    .map_err(|_unclear| format!("`{text}` is no age: write 90d, 12w or 36h"))?
                    .0,
            )),
        }
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
