//! A share of a whole.

use std::fmt;
use std::str::FromStr;

use super::{ControlError, as_text};

/// A share of a whole, kept in millionths: written `2%`, `0.5%` or `0.98`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

as_text!(Share);

const WHOLE: u32 = 1_000_000;

impl Share {
    /// This share of so many, rounded up.
    #[must_use]
    pub fn of(self, whole: u64) -> u64 {
        let part = (u128::from(whole) * u128::from(self.0)).div_ceil(u128::from(WHOLE));
        u64::try_from(part).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = f64::from(self.0) / f64::from(WHOLE / 100);
        formatter.pad(&format!("{percent}%"))
    }
}

impl FromStr for Share {
    type Err = ControlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let no_share = || {
            ControlError::new(
                "share",
                text,
                "write 2% or 0.02, more than 0 and at most 100%",
            )
        };
        let (digits, unit) = match text.trim().strip_suffix('%') {
            Some(percent) => (percent.trim(), f64::from(WHOLE / 100)),
            None => (text.trim(), f64::from(WHOLE)),
        };
        if !digits.chars().all(|c| c.is_ascii_digit() || c == '.') {
            return Err(no_share());
        }
        let value: f64 = digits.parse().map_err(|_unclear| no_share())?;
        let millionths = (value * unit).round();
        if !(1.0..=f64::from(WHOLE)).contains(&millionths) {
            return Err(no_share());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and a million"
        )]
        Ok(Self(millionths as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_reads_back_as_it_is_said_and_is_rounded_up() {
        for (text, said, of_500) in [
            ("2%", "2%", 10),
            ("0.98", "98%", 490),
            ("0.5 %", "0.5%", 3),
            ("1", "100%", 500),
        ] {
            let share: Share = text.parse().unwrap();
            assert_eq!((share.to_string().as_str(), share.of(500)), (said, of_500));
            assert_eq!(share.to_string().parse::<Share>(), Ok(share));
        }
        for bad in ["", "%", "0%", "101%", "1.2", "-1%", "2e-1", "NaN", "inf"] {
            assert!(bad.parse::<Share>().is_err(), "{bad}");
        }
    }
}
