//! `Retry-After`: an integer, a decimal or a date.

use std::time::{Duration, SystemTime};

/// Longer than any throttle that was ever seen; a longer demand is asked about again after it.
const LONGEST: Duration = Duration::from_hours(1);

/// Reads the header. A date counts from the answer's own `Date`, so that clocks need not agree.
pub(crate) fn parse(value: &str, answered_at: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds)
            .ok()
            .map(|wait| wait.min(LONGEST));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now: SystemTime = httpdate::parse_http_date(answered_at?).ok()?;
    let wait = until.duration_since(now).unwrap_or_default();
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: Option<&str> = Some("Mon, 02 Mar 2026 08:15:30 GMT");

    #[test]
    fn integers_decimals_and_dates_are_read() {
        assert_eq!(parse("10", None), Some(Duration::from_secs(10)));
        assert_eq!(parse(" 2.128 ", None), Some(Duration::from_millis(2_128)));
        let date = parse("Mon, 02 Mar 2026 08:15:42 GMT", DATE);
        assert_eq!(date, Some(Duration::from_secs(12)));
        assert_eq!(
            parse("Mon, 02 Mar 2026 08:15:00 GMT", DATE),
            Some(Duration::ZERO)
        );
        assert_eq!(parse("999999", None), Some(LONGEST));
        for bad in [
            "",
            "soon",
            "-1",
            "NaN",
            "inf",
            "Mon, 99 Mar 2026 08:15:42 GMT",
        ] {
            assert_eq!(parse(bad, DATE), None, "{bad}");
        }
    }
}
