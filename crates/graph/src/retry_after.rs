//! `Retry-After`: an integer, a decimal or a date.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use repilot_domain::Timestamp;

/// Longer than any throttle that was ever seen; a longer demand is asked about again after it.
const LONGEST: Duration = Duration::from_hours(1);

/// Reads the header. A date counts from the answer's own `Date`, so that clocks need not agree,
/// and from `now` where the answer has none.
pub(crate) fn parse(value: &str, answered_at: Option<&str>, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        if seconds.is_nan() || seconds < 0.0 {
            return None;
        }
        // What no Duration holds is longer than the longest, too.
        let wait = Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST);
        return Some(wait.min(LONGEST));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let answered_at = answered_at
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .unwrap_or_else(|| system_time(now));
    let wait = until.duration_since(answered_at).unwrap_or_default();
    Some(wait.min(LONGEST))
}

/// Reads the `RetryAfter` of an error body, which may also be a time of the clock: `00:00:30`.
pub(crate) fn parse_in_body(value: &str, now: Timestamp) -> Option<Duration> {
    let parts: Vec<&str> = value.trim().split(':').collect();
    let [hours, minutes, seconds] = parts[..] else {
        return parse(value, None, now);
    };
    let (Ok(hours), Ok(minutes)) = (hours.parse::<u32>(), minutes.parse::<u32>()) else {
        // A date has colons, too.
        return parse(value, None, now);
    };
    let whole = f64::from(hours) * 3_600.0 + f64::from(minutes) * 60.0;
    let seconds = seconds.parse::<f64>().ok()?;
    parse(&(whole + seconds).to_string(), None, now)
}

fn system_time(instant: Timestamp) -> SystemTime {
    UNIX_EPOCH + instant.since(Timestamp::from_millis(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DATE: Option<&str> = Some("Mon, 02 Mar 2026 08:15:30 GMT");

    /// A machine whose clock is an hour behind.
    const NOW: Timestamp = Timestamp::from_millis(1_772_435_730_000);

    fn of(value: &str) -> Option<Duration> {
        parse(value, DATE, NOW)
    }

    #[test]
    fn integers_and_decimals_are_seconds() {
        assert_eq!(of("10"), Some(Duration::from_secs(10)));
        assert_eq!(of("0"), Some(Duration::ZERO));
        assert_eq!(of(" 2.128 "), Some(Duration::from_millis(2_128)));
    }

    #[test]
    fn a_date_counts_from_the_answers_own_date() {
        let date = "Mon, 02 Mar 2026 08:15:42 GMT";
        assert_eq!(of(date), Some(Duration::from_secs(12)));
        assert_eq!(of("Mon, 02 Mar 2026 08:15:00 GMT"), Some(Duration::ZERO));
    }

    #[test]
    fn a_date_counts_from_the_clock_where_the_answer_has_none() {
        let date = "Mon, 02 Mar 2026 07:15:42 GMT";
        assert_eq!(parse(date, None, NOW), Some(Duration::from_secs(12)));
        assert_eq!(
            parse(date, Some("today"), NOW),
            Some(Duration::from_secs(12))
        );
    }

    #[test]
    fn no_demand_is_longer_than_an_hour() {
        for long in ["999999", "1e300", "inf", "Tue, 02 Mar 2027 08:15:42 GMT"] {
            assert_eq!(of(long), Some(LONGEST), "{long}");
        }
    }

    #[test]
    fn garbage_and_negative_numbers_are_no_demand() {
        for bad in [
            "",
            "soon",
            "-1",
            "NaN",
            "-inf",
            "Mon, 99 Mar 2026 08:15:42 GMT",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_body_may_name_hours_minutes_and_seconds() {
        for (value, millis) in [
            ("00:01:02.5", 62_500),
            ("7", 7_000),
            ("99:00:00", 3_600_000),
        ] {
            let wait = parse_in_body(value, NOW);
            assert_eq!(wait, Some(Duration::from_millis(millis)), "{value}");
        }
        assert_eq!(parse_in_body("1:2:x", NOW), None);
        let date = "Mon, 02 Mar 2026 07:15:42 GMT";
        assert_eq!(parse_in_body(date, NOW), Some(Duration::from_secs(12)));
    }

    proptest! {
        #[test]
        fn whatever_comes_the_wait_is_bounded(value: String, date: Option<String>) {
            let wait = parse(&value, date.as_deref(), NOW);
            prop_assert!(wait.is_none_or(|wait| wait <= LONGEST));
        }
    }
}
