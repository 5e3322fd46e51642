//! A moment as people write it: one reader for the command line, the API and the pages.

use jiff::civil;

use super::{ControlError, Zone};
use crate::{Timestamp, duration_of};

/// Years that moments are of: what is earlier or later is a mistake in writing, or stands for "never".
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2100;

/// Reads a moment: RFC 3339 (`2026-03-01T20:00:00+01:00`), local to the zone (`2026-03-01 20:00`),
/// the next time that its clocks show `20:00`, or so long from now (`+2h`, `+1d`). A zone may follow
/// the moment, in brackets or not, and is then the one that is meant.
///
/// A local time that does not exist is as much later as the clocks were put forward; of one that
/// comes twice the first is meant.
pub fn moment_in(zone: &Zone, text: &str, now: Timestamp) -> Result<Timestamp, ControlError> {
    let written = text.trim();
    let bad = |why: String| ControlError::new("moment", written, why);
    let moment = read(zone, written, now).map_err(bad)?;
    check_moment(moment).map_err(|why| bad(why.to_owned()))?;
    Ok(moment)
}

/// Refuses what is no moment of a campaign, wherever it comes from.
pub fn check_moment(moment: Timestamp) -> Result<(), &'static str> {
    let instant = jiff::Timestamp::from_millisecond(moment.as_millis());
    let year = instant.map(|instant| jiff::tz::TimeZone::UTC.to_datetime(instant).year());
    if year.is_ok_and(|year| YEARS.contains(&year)) {
        return Ok(());
    }
    Err(OUT_OF_YEARS)
}

const OUT_OF_YEARS: &str =
    "moments are of the years 2000 to 2100; for none, leave it out or take it away";

/// The year that a text begins with, as `9999` does, which `jiff` itself refuses.
fn year_of(text: &str) -> Option<i32> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (year, _) = rest.split_once('-')?;
    let is_year = (4..=6).contains(&year.len()) && year.bytes().all(|byte| byte.is_ascii_digit());
    let year: i32 = year.parse().ok()?;
    is_year.then_some(sign * year)
}

fn read(zone: &Zone, text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Some(later) = text.strip_prefix('+') {
        let later = duration_of(later).map_err(|error| error.to_string())?;
        return Ok(now.after(later));
    }
    let (text, named) = with_zone(text)?;
    let zone = named.as_ref().unwrap_or(zone);
    let unclear = || {
        format!(
            "write 2026-03-01T20:00:00Z, 2026-03-01 20:00 or 20:00 (in zone {zone}), +2h or +1d"
        )
    };
    let padded = padded(text);
    let is_in_years = |year: i32| i16::try_from(year).is_ok_and(|year| YEARS.contains(&year));
    if year_of(&padded).is_some_and(|year| !is_in_years(year)) {
        return Err(OUT_OF_YEARS.to_owned());
    }
    if let Ok(instant) = padded.parse::<jiff::Timestamp>() {
        if named.is_some() && !is_shown(zone, &padded, instant) {
            return Err(format!("its offset is not that of {zone} then"));
        }
        return Ok(Timestamp::from_millis(instant.as_millisecond()));
    }
    let instant = |local: civil::DateTime| {
        let instant = zone.rules.to_timestamp(local).map_err(|_far| unclear())?;
        Ok(Timestamp::from_millis(instant.as_millisecond()))
    };
    let is_time_of_day = padded.len() <= "20:00:00".len() && padded.contains(':');
    if let (true, Ok(time)) = (is_time_of_day, padded.parse::<civil::Time>()) {
        let today = zone.local(now).ok_or_else(unclear)?.date();
        let next = instant(today.to_datetime(time))?;
        if next > now {
            return Ok(next);
        }
        let tomorrow = today.tomorrow().map_err(|_far| unclear())?;
        return instant(tomorrow.to_datetime(time));
    }
    instant(
        padded
            .parse::<civil::DateTime>()
            .map_err(|_unclear| unclear())?,
    )
}

/// A moment, and the zone that follows it: `2026-12-05T20:00[America/New_York]`,
/// `2026-12-05 20:00 Europe/Berlin`.
fn with_zone(text: &str) -> Result<(&str, Option<Zone>), String> {
    let zone = |name: &str| name.parse::<Zone>().map_err(|error| error.to_string());
    if let Some((moment, name)) = text.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
        return Ok((moment.trim(), Some(zone(name)?)));
    }
    match text.rsplit_once(' ') {
        Some((moment, name)) if name.starts_with(char::is_alphabetic) && moment.contains(':') => {
            Ok((moment.trim(), Some(zone(name)?)))
        }
        _ => Ok((text, None)),
    }
}

/// Whether the clocks of a zone show what an instant was written as.
fn is_shown(zone: &Zone, written: &str, instant: jiff::Timestamp) -> bool {
    // `Z` says nothing of a place's clocks.
    if written.ends_with(['Z', 'z']) {
        return true;
    }
    let local = written.parse::<civil::DateTime>();
    local.is_ok_and(|local| zone.rules.to_datetime(instant) == local)
}

/// An hour of one digit with its zero: `2:30` is `02:30`.
fn padded(text: &str) -> String {
    let hour = text.rfind([' ', 'T', 't']).map_or(0, |place| place + 1);
    let (date, time) = text.split_at(hour);
    match time.as_bytes() {
        [digit, b':', ..] if digit.is_ascii_digit() => format!("{date}0{time}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, ControlError> {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        // 2026-03-01 09:15:30 in Berlin.
        let now = Timestamp::from_millis(1_772_352_930_000);
        moment_in(&berlin, text, now).map(|moment| moment.to_string())
    }

    #[test]
    fn moments_read_as_people_write_them() {
        for (text, said) in [
            ("2026-03-01T20:00:00Z", "2026-03-01T20:00:00.000Z"),
            ("2026-03-01T20:00:00+01:00", "2026-03-01T19:00:00.000Z"),
            ("2026-03-01 20:00", "2026-03-01T19:00:00.000Z"),
            ("2026-07-01T20:00:30", "2026-07-01T18:00:30.000Z"),
            ("2026-07-01", "2026-06-30T22:00:00.000Z"),
            ("20:00", "2026-03-01T19:00:00.000Z"),
            ("08:00", "2026-03-02T07:00:00.000Z"),
            ("2:30", "2026-03-02T01:30:00.000Z"),
            ("2026-07-01 2:30", "2026-07-01T00:30:00.000Z"),
            ("+2h", "2026-03-01T10:15:30.000Z"),
            ("+1h 30m", "2026-03-01T09:45:30.000Z"),
            ("+1d", "2026-03-02T08:15:30.000Z"),
            ("+90d", "2026-05-30T08:15:30.000Z"),
            // The clocks jump over it, and show it twice.
            ("2026-03-29 02:30", "2026-03-29T01:30:00.000Z"),
            ("2026-10-25 02:30", "2026-10-25T00:30:00.000Z"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(said), "{text}");
        }
        for bad in ["", "soon", "+", "+-2h", "-2h", "25:00", "2026-02-30", "20"] {
            let error = read(bad).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{bad}` is no moment")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_zone_that_follows_a_moment_is_the_one_that_is_meant() {
        for (text, said) in [
            (
                "2026-12-05T20:00[America/New_York]",
                "2026-12-06T01:00:00.000Z",
            ),
            (
                "2026-12-05T20:00-05:00[America/New_York]",
                "2026-12-06T01:00:00.000Z",
            ),
            (
                "2026-12-05T20:00:00Z[America/New_York]",
                "2026-12-05T20:00:00.000Z",
            ),
            (
                "2026-12-05 20:00 America/New_York",
                "2026-12-06T01:00:00.000Z",
            ),
            ("2026-12-05 20:00 UTC", "2026-12-05T20:00:00.000Z"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(said), "{text}");
        }
        for (text, part) in [
            (
                "2026-12-05T20:00+01:00[America/New_York]",
                "offset is not that of America/New_York",
            ),
            ("2026-12-05T20:00[Atlantis]", "`Atlantis` is no time zone"),
            ("2026-12-05 20:00 MEZ", "`MEZ` is no time zone"),
            ("2026-12-05T20:00[u-ca=japanese]", "is no time zone"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_moment_far_from_today_is_refused_with_that_reason() {
        for text in [
            "9999-12-31T23:59:59Z",
            "9999-12-31 23:59",
            "-000100-01-01T00:00:00Z",
            "1970-01-01",
            "2101-01-01T00:00:00Z",
            "+99y",
        ] {
            let error = read(text).unwrap_err().to_string();
            let has_reason = error.contains("2000 to 2100") || error.contains("is no duration");
            assert!(has_reason, "{text}: {error}");
        }
        for text in ["+2562047788015h", "+75000w"] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(&text[1..]), "{error}");
        }
        assert!(read("2100-12-31T23:59:59Z").is_ok());
    }
}
