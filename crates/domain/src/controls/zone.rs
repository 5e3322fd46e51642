//! A time zone by its name.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;

use super::{ControlError, as_text};

/// A time zone, as in `Europe/Berlin`: by the machine's own database, or else by the one that is
/// compiled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    name: String,
    pub(super) rules: TimeZone,
}

as_text!(Zone);

impl Default for Zone {
    fn default() -> Self {
        Self {
            name: "UTC".to_owned(),
            rules: TimeZone::UTC,
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.name)
    }
}

impl FromStr for Zone {
    type Err = ControlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("utc") {
            return Ok(Self::default());
        }
        let rules = TimeZone::get(text).map_err(|_unknown| {
            ControlError::new(
                "time zone",
                text,
                "write a name such as Europe/Berlin or UTC",
            )
        })?;
        let name = rules.iana_name().unwrap_or(text).to_owned();
        Ok(Self { name, rules })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_known_by_its_name_however_it_is_spelt() {
        let zone: Zone = "europe/berlin".parse().unwrap();
        assert_eq!(zone.to_string(), "Europe/Berlin");
        assert_eq!("utc".parse::<Zone>().unwrap(), Zone::default());
        for bad in ["", "Berlin", "Europe/Atlantis", "../etc/passwd"] {
            assert!(bad.parse::<Zone>().is_err(), "{bad}");
        }
    }
}
