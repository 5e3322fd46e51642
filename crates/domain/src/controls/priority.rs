//! Which campaign of a tenant goes first.

use std::fmt;
use std::str::FromStr;

use super::{ControlError, as_text};

/// Which campaign of a tenant goes first: the higher; equals share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Priority(pub i32);

as_text!(Priority);

impl Priority {
    const WORDS: &[(&str, Self)] = &[("low", Self(-10)), ("normal", Self(0)), ("high", Self(10))];
}

impl fmt::Display for Priority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::WORDS.iter().find(|(_, value)| value == self) {
            Some((word, _)) => formatter.pad(word),
            None => formatter.pad(&self.0.to_string()),
        }
    }
}

impl FromStr for Priority {
    type Err = ControlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = text.trim().to_lowercase();
        if let Some((_, value)) = Self::WORDS.iter().find(|(known, _)| *known == word) {
            return Ok(*value);
        }
        word.parse().map(Self).map_err(|_unclear| {
            ControlError::new(
                "priority",
                text,
                "write low, normal, high or a whole number",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_are_the_same_scale() {
        let of = |text: &str| text.parse::<Priority>().unwrap();
        assert!(of("low") < of("normal") && of("normal") < of("7") && of("7") < of("High"));
        assert_eq!(
            (of("10").to_string(), of("-3").to_string()),
            ("high".to_owned(), "-3".to_owned())
        );
        assert!("urgent".parse::<Priority>().is_err());
    }
}
