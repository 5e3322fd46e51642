//! The canary: the few devices that go first, and which those are.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use super::{ControlError, Share, as_text};
use crate::words;

/// How many devices go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canary {
    /// So many.
    Count(u32),
    /// This share of all.
    Share(Share),
}

as_text!(Canary);

impl Canary {
    /// How many of so many devices.
    #[must_use]
    pub fn of(self, devices: u64) -> u64 {
        let wanted = match self {
            Self::Count(count) => u64::from(count),
            Self::Share(share) => share.of(devices),
        };
        wanted.min(devices)
    }
}

impl fmt::Display for Canary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(formatter),
            Self::Share(share) => share.fmt(formatter),
        }
    }
}

impl FromStr for Canary {
    type Err = ControlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let no_canary = || ControlError::new("canary", text, "write 20 or 2%");
        if text.trim().ends_with('%') {
            return text
                .parse()
                .map(Self::Share)
                .map_err(|_unclear| no_canary());
        }
        match text.trim().parse() {
            Ok(count) if count > 0 => Ok(Self::Count(count)),
            _ => Err(no_canary()),
        }
    }
}

/// Where a campaign stands with its canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CanaryPhase {
    /// It has none.
    #[default]
    Off,
    /// It is chosen when the whole list is in; nothing goes out before.
    Choosing,
    /// Its devices go out, and no others.
    Running,
    /// It is done; the campaign waits for a person.
    Waiting,
    /// The rest goes out.
    Passed,
}

words!(CanaryPhase, "phase of a canary", {
    Off => "off",
    Choosing => "choosing",
    Running => "running",
    Waiting => "waiting",
    Passed => "passed",
});

/// Devices of one group tag and model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stratum {
    /// Their group tag.
    pub group_tag: String,
    /// Their model.
    pub model: String,
    /// How many there are.
    pub devices: u64,
}

/// How many of each stratum make up a canary of `size`: first one of as many tags and models as
/// it can reach, those with most devices first; the rest by how many devices there are.
#[must_use]
pub fn spread(strata: &[Stratum], size: u64) -> Vec<u64> {
    let all: u64 = strata.iter().map(|stratum| stratum.devices).sum();
    let size = size.min(all);
    let mut chosen = one_each(strata, size);
    let mut left = size - chosen.iter().sum::<u64>();
    let rest: u64 = all - chosen.iter().sum::<u64>();
    if left == 0 {
        return chosen;
    }
    // Proportionally, rounded down; what that leaves goes to the largest remainders.
    let mut remainders = Vec::with_capacity(strata.len());
    let to_share = u128::from(left);
    for (index, stratum) in strata.iter().enumerate() {
        let part = to_share * u128::from(stratum.devices - chosen[index]);
        let whole = u64::try_from(part / u128::from(rest)).unwrap_or(u64::MAX);
        chosen[index] += whole;
        left -= whole;
        remainders.push((part % u128::from(rest), index));
    }
    remainders.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    for (_, index) in remainders {
        if left == 0 {
            break;
        }
        if chosen[index] < strata[index].devices {
            chosen[index] += 1;
            left -= 1;
        }
    }
    chosen
}

/// One of as many strata as `size` allows: those that bring a tag and a model that none before them
/// has, then those that bring either, then the others.
fn one_each(strata: &[Stratum], size: u64) -> Vec<u64> {
    let mut chosen = vec![0; strata.len()];
    let mut by_size: Vec<usize> = (0..strata.len())
        .filter(|index| strata[*index].devices > 0)
        .collect();
    by_size.sort_by_key(|index| {
        let stratum = &strata[*index];
        (
            std::cmp::Reverse(stratum.devices),
            &stratum.group_tag,
            &stratum.model,
        )
    });
    let mut left = size;
    let (mut tags, mut models) = (HashSet::new(), HashSet::new());
    for wanted in [2, 1, 0] {
        for index in &by_size {
            let stratum = &strata[*index];
            let news = usize::from(!tags.contains(&stratum.group_tag))
                + usize::from(!models.contains(&stratum.model));
            if left == 0 || chosen[*index] > 0 || news < wanted {
                continue;
            }
            tags.insert(&stratum.group_tag);
            models.insert(&stratum.model);
            chosen[*index] = 1;
            left -= 1;
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn strata(of: &[(&str, &str, u64)]) -> Vec<Stratum> {
        of.iter()
            .map(|(tag, model, devices)| Stratum {
                group_tag: (*tag).to_owned(),
                model: (*model).to_owned(),
                devices: *devices,
            })
            .collect()
    }

    #[test]
    fn a_number_or_a_share_reads_back_as_it_is_said() {
        for (text, of_500) in [("20", 20), ("2%", 10), ("0.1%", 1), ("900", 500)] {
            let canary: Canary = text.parse().unwrap();
            assert_eq!(
                (canary.to_string().as_str(), canary.of(500)),
                (text, of_500)
            );
        }
        for bad in ["", "0", "-1", "0%", "101%", "0.2"] {
            assert!(bad.parse::<Canary>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_small_canary_reaches_every_tag_and_model_before_any_twice() {
        let strata = strata(&[
            ("Sales", "T14", 900),
            ("Sales", "X1", 50),
            ("Kiosk", "T14", 40),
            ("Kiosk", "Go", 9),
            ("VIP", "Studio", 1),
        ]);
        assert_eq!(spread(&strata, 3), [1, 0, 0, 1, 1]);
        assert_eq!(spread(&strata, 4), [1, 1, 0, 1, 1]);
        assert_eq!(spread(&strata, 20), [14, 2, 2, 1, 1]);
    }

    proptest! {
        #[test]
        fn exactly_so_many_are_chosen_none_twice_and_the_same_each_time(
            devices in proptest::collection::vec((0_u8..6, 0_u8..6, 0_u64..500), 0..30),
            size in 0_u64..3_000,
        ) {
            let strata: Vec<Stratum> = devices
                .iter()
                .map(|(tag, model, devices)| Stratum {
                    group_tag: tag.to_string(),
                    model: model.to_string(),
                    devices: *devices,
                })
                .collect();
            let chosen = spread(&strata, size);
            let all: u64 = strata.iter().map(|stratum| stratum.devices).sum();
            prop_assert_eq!(chosen.iter().sum::<u64>(), size.min(all));
            for (chosen, stratum) in chosen.iter().zip(&strata) {
                prop_assert!(*chosen <= stratum.devices);
            }
            let used = strata.iter().filter(|stratum| stratum.devices > 0).count() as u64;
            let touched = chosen.iter().filter(|chosen| **chosen > 0).count() as u64;
            prop_assert_eq!(touched, used.min(size), "spread as far as it reaches");
            prop_assert_eq!(spread(&strata, size), chosen);
        }
    }
}
