//! A moment as people write it.

use jiff::civil;

use super::{ControlError, Zone};
use crate::Timestamp;

/// Reads a moment: RFC 3339 (`2026-03-01T20:00:00+01:00`), local to the zone (`2026-03-01 20:00`),
/// the next time that its clocks show `20:00`, or so long from now (`+2h`).
///
/// A local time that does not exist is as much later as the clocks were put forward; of one that
/// comes twice the first is meant.
pub fn moment_in(zone: &Zone, text: &str, now: Timestamp) -> Result<Timestamp, ControlError> {
    let text = text.trim();
    let unclear = || {
        ControlError::new(
            "moment",
            text,
            format!(
                "write 2026-03-01T20:00:00Z, 2026-03-01 20:00 or 20:00 (in zone {zone}), or +2h"
            ),
        )
    };
    if let Some(later) = text.strip_prefix('+') {
        let later: jiff::SignedDuration = later.parse().map_err(|_unclear| unclear())?;
        let later = std::time::Duration::try_from(later).map_err(|_negative| unclear())?;
        return Ok(now.after(later));
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp::from_millis(instant.as_millisecond()));
    }
    let instant = |local: civil::DateTime| {
        let zoned = zone.rules.to_timestamp(local).map_err(|_far| unclear())?;
        Ok(Timestamp::from_millis(zoned.as_millisecond()))
    };
    let is_time_of_day = text.len() <= "20:00:00".len() && text.contains(':');
    if let (true, Ok(time)) = (is_time_of_day, text.parse::<civil::Time>()) {
        let today = zone.local(now).ok_or_else(unclear)?.date();
        let next = instant(today.to_datetime(time))?;
        if next > now {
            return Ok(next);
        }
        let tomorrow = today.tomorrow().map_err(|_far| unclear())?;
        return instant(tomorrow.to_datetime(time));
    }
    instant(
        text.parse::<civil::DateTime>()
            .map_err(|_unclear| unclear())?,
    )
}

impl Zone {
    /// What clocks there show.
    pub(super) fn local(&self, at: Timestamp) -> Option<civil::DateTime> {
        let instant = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
        Some(self.rules.to_datetime(instant))
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
            ("+2h", "2026-03-01T10:15:30.000Z"),
            ("+1h 30m", "2026-03-01T09:45:30.000Z"),
            // The clocks jump over it, and show it twice.
            ("2026-03-29 02:30", "2026-03-29T01:30:00.000Z"),
            ("2026-10-25 02:30", "2026-10-25T00:30:00.000Z"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(said), "{text}");
        }
        for bad in ["", "soon", "+", "+-2h", "-2h", "25:00", "2026-02-30", "20"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
