//! Serial numbers that differ from a key by zeros, hyphens or letters that look alike.
//!
//! The index holds what is left of each serial when all of these are overlooked. It is made when the
//! first key is unknown, or when a repair was asked for: most lists need none.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use repilot_domain::{Device, Repair, Repairs};

use crate::placeholder::is_placeholder;

/// Most devices that are looked at for a key: more are as good as none.
pub(crate) const MOST: usize = 100;

/// Most devices that are held against a key: where more have nearly its serial, which of them is meant
/// cannot be told.
const STEPS_MAX: usize = 1_000;

/// Marks the end of a chain.
const END: u32 = u32::MAX;

/// Devices by what is left of their serials.
#[derive(Debug)]
pub(crate) struct Alike {
    hasher: RandomState,
    /// The last device of each chain, by the hash of what is left.
    last: HashMap<u64, u32>,
    /// The device before each in its chain.
    before: Vec<u32>,
}

impl Alike {
    pub(crate) fn new(devices: &[Device]) -> Self {
        let hasher = RandomState::new();
        let mut last = HashMap::with_capacity(devices.len());
        let mut before = vec![END; devices.len()];
        for (index, device) in devices.iter().enumerate() {
            if is_placeholder(&device.serial) {
                continue;
            }
            let left = left_of(&device.serial, Repairs::ALL);
            let Ok(place) = u32::try_from(index) else {
                break;
            };
            if left.is_empty() {
                continue;
            }
            if let Some(earlier) = last.insert(hasher.hash_one(&left), place) {
                before[index] = earlier;
            }
        }
        Self {
            hasher,
            last,
            before,
        }
    }

    /// Devices whose serial is the text when these differences are overlooked; at most [`MOST`]. Where
    /// very many have nearly that serial, they are some of those, so that none is taken for the only
    /// one.
    pub(crate) fn find(&self, devices: &[Device], text: &str, overlooked: Repairs) -> Vec<usize> {
        let all = left_of(text, Repairs::ALL);
        if all.is_empty() {
            return Vec::new();
        }
        let meant = left_of(text, overlooked);
        let mut found = Vec::new();
        let mut steps = 0;
        let mut first = Vec::new();
        let mut place = self.last.get(&self.hasher.hash_one(&all)).copied();
        while let Some(index) = place.filter(|place| *place != END) {
            let index = index as usize;
            steps += 1;
            if first.len() < MOST {
                first.push(index);
            }
            if steps > STEPS_MAX {
                return first;
            }
            if left_of(&devices[index].serial, overlooked) == meant {
                found.push(index);
            }
            if found.len() == MOST {
                break;
            }
            place = Some(self.before[index]);
        }
        found.reverse();
        found
    }
}

/// The fewest differences that must be overlooked for two texts to be one; `None` where that does not
/// make them one.
pub(crate) fn differences(one: &str, other: &str) -> Option<Repairs> {
    let same = |set: &Repairs| left_of(one, *set) == left_of(other, *set);
    std::iter::once(Repairs::NONE)
        .chain(Repairs::SETS)
        .find(same)
}

/// What is left of a serial when some differences are overlooked; case always is.
fn left_of(text: &str, overlooked: Repairs) -> String {
    let letters = overlooked.has(Repair::Letters);
    let hyphens = overlooked.has(Repair::Hyphens);
    let mut left = String::with_capacity(text.len());
    for character in text.trim().chars() {
        if hyphens && (character == '-' || character.is_whitespace()) {
            continue;
        }
        if letters && let Some(digit_or_letter) = look_alike(character) {
            left.push(digit_or_letter);
        } else {
            left.extend(character.to_lowercase());
        }
    }
    if overlooked.has(Repair::Zeros) {
        let zeros = left.len() - left.trim_start_matches('0').len();
        left.drain(..zeros);
    }
    left
}

/// One character for all that look alike in most fonts, Cyrillic and Greek ones too.
fn look_alike(character: char) -> Option<char> {
    Some(match character {
        'O' | 'o' | '0' | 'О' | 'о' | 'Ο' | 'ο' => '0',
        'I' | 'i' | 'l' | 'L' | '1' | '|' | 'İ' | 'ı' | 'І' | 'і' | 'Ι' | 'ι' => '1',
        'А' | 'а' | 'Α' => 'a',
        'В' | 'Β' => 'b',
        'С' | 'с' => 'c',
        'Е' | 'е' | 'Ε' => 'e',
        'Н' | 'Η' => 'h',
        'Ј' | 'ј' => 'j',
        'К' | 'к' | 'Κ' => 'k',
        'М' | 'Μ' => 'm',
        'Ν' => 'n',
        'Р' | 'р' | 'Ρ' => 'p',
        'Ѕ' | 'ѕ' => 's',
        'Т' | 'Τ' => 't',
        'Х' | 'х' | 'Χ' => 'x',
        'У' | 'у' | 'Υ' => 'y',
        'Ζ' => 'z',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_differences_between_two_serials_are_named() {
        for (key, serial, differences_said) in [
            ("4536370953", "004536370953", Some("zeros")),
            ("0012345", "12345", Some("zeros")),
            ("092435845488", "0924-3584-5488", Some("hyphens")),
            ("VMware-56 4d", "vmware-564d", Some("hyphens")),
            ("PFO1", "pf01", Some("letters")),
            ("PF0l", "PF0I", Some("letters")),
            ("\u{420}F1", "PF1", Some("letters")),
            ("924-3584", "09243584", Some("zeros,hyphens")),
            ("O12", "0-12", Some("hyphens,letters")),
            ("pf1", "PF1", Some("")),
            ("PF1", "PF2", None),
        ] {
            let said = differences(key, serial).map(|set| set.to_string());
            assert_eq!(said.as_deref(), differences_said, "{key} {serial}");
        }
    }
}
