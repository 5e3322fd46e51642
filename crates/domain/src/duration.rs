//! Durations as people write them: one reader for moments, ages, settings and tokens.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

/// A text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no duration: {why}")]
pub struct DurationError {
    text: String,
    why: &'static str,
}

/// Longest duration: what lasts longer is a mistake in writing, and moments end with the year 2100.
const LONGEST: Duration = Duration::from_hours(100 * 366 * 24);

/// Reads `250ms`, `20s`, `5m`, `1h 30m`, `90d`, `12w`, also in ISO 8601 (`PT2H`); a day has 24 hours.
pub fn duration_of(text: &str) -> Result<Duration, DurationError> {
    let bad = |why| DurationError {
        text: text.to_owned(),
        why,
    };
    let unclear = "write 250ms, 20s, 5m, 1h 30m, 90d or 12w";
    let span: Span = text.trim().parse().map_err(|_unclear| bad(unclear))?;
    let relative = SpanRelativeTo::days_are_24_hours();
    let signed = span
        .to_duration(relative)
        .map_err(|_calendar| bad("months and years differ in length; write days, as in 90d"))?;
    let duration = Duration::try_from(signed).map_err(|_negative| bad(unclear))?;
    if duration > LONGEST {
        return Err(bad("it is longer than 100 years"));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        let minute = 60_000;
        for (text, millis) in [
            ("250ms", 250),
            ("20s", 20_000),
            ("5m", 5 * minute),
            ("5 min", 5 * minute),
            ("1h 30m", 90 * minute),
            ("36h", 36 * 60 * minute),
            ("1d", 24 * 60 * minute),
            ("90d", 90 * 24 * 60 * minute),
            ("1d 12h", 36 * 60 * minute),
            ("12w", 84 * 24 * 60 * minute),
            ("PT2H", 120 * minute),
        ] {
            let read = duration_of(text).map(|duration| duration.as_millis());
            assert_eq!(read, Ok(millis), "{text}");
        }
        for bad in [
            "",
            "20",
            "d",
            "-5s",
            "-1d",
            "soon",
            "1mo",
            "1y",
            "2562047788015h",
            "99999999999999d",
            "1000000h",
        ] {
            let error = duration_of(bad).unwrap_err().to_string();
            assert!(error.contains(&format!("`{bad}`")), "{error}");
        }
    }
}
