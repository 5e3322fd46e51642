//! What a list may be read without, because a spreadsheet or a typist changed it.

use std::fmt;
use std::str::FromStr;

use crate::words;

/// A difference between a key in a list and a serial number, which a person allows to be overlooked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Repair {
    /// Leading zeros.
    Zeros,
    /// Hyphens and blanks.
    Hyphens,
    /// Letters and digits that look alike, as O and 0, I and 1.
    Letters,
}

words!(Repair, "repair", {
    Zeros => "zeros",
    Hyphens => "hyphens",
    Letters => "letters",
});

/// A set of repairs; written `zeros,hyphens`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Repairs(u8);

impl Repairs {
    /// No repair.
    pub const NONE: Self = Self(0);
    /// Every repair.
    pub const ALL: Self = Self(0b111);

    /// Every set but the empty one, the smaller before the larger.
    pub const SETS: [Self; 7] = [
        Self(0b001),
        Self(0b010),
        Self(0b100),
        Self(0b011),
        Self(0b101),
        Self(0b110),
        Self(0b111),
    ];

    /// Whether it is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a repair is in it.
    #[must_use]
    pub const fn has(self, repair: Repair) -> bool {
        self.0 & (1 << repair as u8) != 0
    }

    /// The set with another repair.
    #[must_use]
    pub const fn with(self, repair: Repair) -> Self {
        Self(self.0 | (1 << repair as u8))
    }

    /// The repairs of it.
    pub fn iter(self) -> impl Iterator<Item = Repair> {
        let all = Repair::ALL.iter().copied();
        all.filter(move |repair| self.has(*repair))
    }
}

impl fmt::Display for Repairs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.iter().map(Repair::as_str).collect();
        formatter.pad(&words.join(","))
    }
}

impl FromStr for Repairs {
    type Err = crate::UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.to_lowercase();
        let words = lower.split([',', ' ']).filter(|word| !word.is_empty());
        let mut repairs = Self::NONE;
        for word in words {
            repairs = repairs.with(word.parse()?);
        }
        if repairs.is_empty() {
            // Says which words there are.
            text.parse::<Repair>()?;
        }
        Ok(repairs)
    }
}

impl serde::Serialize for Repairs {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Repairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        if text.trim().is_empty() {
            return Ok(Self::NONE);
        }
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_repairs_reads_back_as_it_is_said() {
        for (text, said) in [
            ("zeros", "zeros"),
            ("letters,zeros", "zeros,letters"),
            ("Hyphens, Letters", "hyphens,letters"),
        ] {
            let repairs: Repairs = text.parse().unwrap();
            assert_eq!(repairs.to_string(), said);
            assert_eq!(said.parse(), Ok(repairs));
        }
        for bad in ["", ",", "ones", "zeros,ones"] {
            assert!(bad.parse::<Repairs>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_set_of_repairs_stands_once_and_smaller_ones_first() {
        let sizes: Vec<usize> = Repairs::SETS.iter().map(|set| set.iter().count()).collect();
        assert!(sizes.is_sorted(), "{sizes:?}");
        let distinct: std::collections::BTreeSet<_> = Repairs::SETS.into_iter().collect();
        assert_eq!(distinct.len(), 7);
        assert_eq!(Repairs::SETS[6], Repairs::ALL);
    }
}
