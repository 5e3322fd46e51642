//! The breaker: when so many of the recent outcomes are dead letters, a campaign stops by itself.

use std::fmt;
use std::str::FromStr;

use super::{ControlError, Share, as_text};

/// Recent outcomes are the last so many devices that succeeded or became dead letters, since the
/// breaker was armed.
pub const RECENT_OUTCOMES: u64 = 1_000;

/// A share is taken of so many outcomes at least, or the first dead letter would be all of them.
const SHARE_OF_AT_LEAST: u64 = 100;

/// And never stops for fewer dead letters than this.
const SHARE_STOPS_FOR: u64 = 3;

/// How many of the recent outcomes may be dead letters before the campaign stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxFailures {
    /// It stops at so many.
    Count(u32),
    /// It stops at this share of them.
    Share(Share),
}

as_text!(MaxFailures);

impl MaxFailures {
    /// Whether so many dead letters among the last [`RECENT_OUTCOMES`] are too many, where there
    /// were so many outcomes since the breaker was armed.
    #[must_use]
    pub fn is_reached(self, dead: u64, outcomes: u64) -> bool {
        match self {
            Self::Count(count) => dead >= u64::from(count),
            Self::Share(share) => {
                let recent = outcomes.clamp(SHARE_OF_AT_LEAST, RECENT_OUTCOMES);
                dead >= share.of(recent).max(SHARE_STOPS_FOR)
            }
        }
    }
}

impl fmt::Display for MaxFailures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(formatter),
            Self::Share(share) => share.fmt(formatter),
        }
    }
}

impl FromStr for MaxFailures {
    type Err = ControlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let why = format!(
            "write 10 (1 to {RECENT_OUTCOMES} of the last {RECENT_OUTCOMES} outcomes) or 1%"
        );
        let none = || ControlError::new("number of failures", text, why.clone());
        if text.trim().ends_with('%') {
            return text.parse().map(Self::Share).map_err(|_unclear| none());
        }
        match text.trim().parse() {
            Ok(count) if (1..=RECENT_OUTCOMES).contains(&u64::from(count)) => {
                Ok(Self::Count(count))
            }
            _ => Err(none()),
        }
    }
}

/// A message without what names one device or one call, so that the same failure of many devices
/// reads the same.
#[must_use]
pub fn kind_of(message: &str) -> String {
    const NAMES_ONE: usize = 8;
    const SHOWN: usize = 160;
    let words = message.split_whitespace().map(|word| {
        let names_one =
            word.chars().count() >= NAMES_ONE && word.chars().any(|c| c.is_ascii_digit());
        if names_one || word.contains('@') {
            "…"
        } else {
            word
        }
    });
    let mut kind = String::new();
    for word in words {
        if kind.chars().count() + word.chars().count() > SHOWN {
            kind.push_str(" …");
            break;
        }
        if !kind.is_empty() {
            kind.push(' ');
        }
        kind.push_str(word);
    }
    kind
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_or_a_share_reads_back_as_it_is_said() {
        for text in ["10", "1%", "1000", "0.5%"] {
            assert_eq!(text.parse::<MaxFailures>().unwrap().to_string(), text);
        }
        for bad in ["", "0", "-1", "1001", "0%", "0.2", "ten"] {
            assert!(bad.parse::<MaxFailures>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_share_needs_three_dead_letters_and_a_hundred_outcomes_to_be_of() {
        let of = |text: &str| text.parse::<MaxFailures>().unwrap();
        assert!(!of("1%").is_reached(2, 2) && of("1%").is_reached(3, 3));
        assert!(!of("20%").is_reached(19, 19) && of("20%").is_reached(20, 20));
        assert!(!of("1%").is_reached(9, 5_000) && of("1%").is_reached(10, 5_000));
        assert!(!of("10").is_reached(9, 9) && of("10").is_reached(10, 900_000));
    }

    #[test]
    fn messages_of_one_kind_read_alike_whichever_device_they_name() {
        let one = "400 BadRequest Device 0924-3584-5488 is locked - Activity ID: 5e2b7c1a-0000-4000-8000-000000000001";
        let other = "400 BadRequest Device PF3XK2L9 is locked - Activity ID: 77777777-0000-4000-8000-000000000002";
        assert_eq!(kind_of(one), kind_of(other));
        assert_eq!(
            kind_of(one),
            "400 BadRequest Device … is locked - Activity ID: …"
        );
        assert_eq!(kind_of("assigned to ann@contoso.example."), "assigned to …");
        assert!(kind_of(&"word ".repeat(100)).chars().count() <= 164);
    }

    proptest! {
        /// Against a breaker that remembers every outcome.
        #[test]
        fn a_number_stops_at_exactly_so_many_of_the_recent_outcomes(
            limit in 1_u32..40,
            deaths in proptest::collection::vec(proptest::bool::weighted(0.02), 1..4_000),
        ) {
            let breaker = MaxFailures::Count(limit);
            let mut remembered: VecDeque<bool> = VecDeque::new();
            let mut dead_at: Vec<u64> = Vec::new();
            for (outcomes, died) in (1_u64..).zip(deaths) {
                remembered.push_back(died);
                if remembered.len() as u64 > RECENT_OUTCOMES {
                    remembered.pop_front();
                }
                if died {
                    dead_at.push(outcomes);
                }
                // As the ledger counts: by the numbers that its dead letters had.
                let after = outcomes.saturating_sub(RECENT_OUTCOMES);
                let dead = dead_at.iter().filter(|at| **at > after).count() as u64;
                let remembered = remembered.iter().filter(|died| **died).count() as u64;
                prop_assert_eq!(breaker.is_reached(dead, outcomes), remembered >= u64::from(limit));
            }
        }

        #[test]
        fn a_share_that_is_reached_stays_reached_with_one_more_dead_letter(
            percent in 1_u32..=100, dead in 0_u64..2_000, outcomes in 0_u64..5_000,
        ) {
            let breaker: MaxFailures = format!("{percent}%").parse().unwrap();
            if breaker.is_reached(dead, outcomes) {
                prop_assert!(breaker.is_reached(dead + 1, outcomes + 1));
                prop_assert!(dead >= SHARE_STOPS_FOR);
            }
        }
    }
}
