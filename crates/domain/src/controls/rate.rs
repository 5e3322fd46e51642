//! How fast a campaign may go, whatever the tenant grants.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{ControlError, as_text};

/// At most so many calls in any window: written `2/s`, `100/20s` or `300/min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Calls.
    pub calls: u32,
    /// In any stretch of time as long as this.
    pub window: Duration,
}

as_text!(Rate);

/// Whoever means less than a call a day pauses.
const WINDOW_MAX: Duration = Duration::from_hours(24);

const UNITS: &[(&str, u64)] = &[
    ("s", 1),
    ("sec", 1),
    ("second", 1),
    ("m", 60),
    ("min", 60),
    ("minute", 60),
    ("h", 3_600),
    ("hour", 3_600),
];

impl Rate {
    /// How long so many calls take at least, the first window's worth at once.
    #[must_use]
    pub fn time_for(self, calls: u64) -> Duration {
        let later = calls.saturating_sub(u64::from(self.calls));
        let windows = later as f64 / f64::from(self.calls.max(1));
        Duration::try_from_secs_f64(self.window.as_secs_f64() * windows).unwrap_or(Duration::MAX)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.window.as_secs();
        let window = match seconds {
            1 => "s".to_owned(),
            60 => "min".to_owned(),
            3_600 => "h".to_owned(),
            _ => format!("{seconds}s"),
        };
        formatter.pad(&format!("{}/{window}", self.calls))
    }
}

impl FromStr for Rate {
    type Err = ControlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let no_rate = || {
            ControlError::new(
                "rate",
                text,
                "write 2/s, 100/20s or 300/min, of 1 s to 24 h",
            )
        };
        let (calls, window) = text.split_once('/').ok_or_else(no_rate)?;
        let calls: u32 = calls.trim().parse().map_err(|_unclear| no_rate())?;
        let window = window.trim();
        let unit_at = window
            .find(|c: char| !c.is_ascii_digit())
            .ok_or_else(no_rate)?;
        let (count, unit) = window.split_at(unit_at);
        let count: u64 = match count {
            "" => 1,
            count => count.parse().map_err(|_unclear| no_rate())?,
        };
        let unit = unit.trim().to_lowercase();
        let (_, seconds) = UNITS
            .iter()
            .find(|(known, _)| *known == unit)
            .ok_or_else(no_rate)?;
        let window = Duration::from_secs(count.saturating_mul(*seconds));
        if calls == 0 || window.is_zero() || window > WINDOW_MAX {
            return Err(no_rate());
        }
        Ok(Self { calls, window })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_reads_back_as_it_is_said() {
        for (text, said) in [
            ("2/s", "2/s"),
            ("100/20s", "100/20s"),
            (" 300 / Min", "300/min"),
            ("5/2h", "5/7200s"),
            ("7/60s", "7/min"),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(rate.to_string(), said);
            assert_eq!(said.parse::<Rate>(), Ok(rate));
        }
        for bad in [
            "", "2", "0/s", "2/", "2/0s", "2/d", "/s", "2/20", "-1/s", "1/25h",
        ] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_first_windows_worth_takes_no_time() {
        let rate: Rate = "100/20s".parse().unwrap();
        assert_eq!(rate.time_for(100), Duration::ZERO);
        assert_eq!(rate.time_for(300), Duration::from_secs(40));
    }
}
