//! Serials that a spreadsheet makes one number of: 12345 and 0012345, 70000000000 and 7E10, 42329 and
//! 11-21-2015, and numbers that differ only behind their first 15 digits.
//!
//! A CSV that came through a spreadsheet does not show what was lost. Where the inventory has both, the
//! row may mean either, unless the list itself shows that it kept such serials as they were.

use std::collections::HashMap;

use repilot_domain::By;

use crate::Key;
use crate::dates::{Dates, is_iso_date};

/// Digits that every spreadsheet keeps.
const DIGITS_KEPT: usize = 15;

/// Digits by which long serials are looked up: two that are one number differ behind them.
const PREFIX: usize = 12;

/// More digits than any serial of digits alone has.
const DIGITS_MAX: usize = 36;

/// Whole numbers up to this one are kept by libraries that keep numbers as binary fractions.
const EXACT_MAX: u128 = 1 << 53;

/// What a list shows to have been kept.
#[expect(clippy::struct_excessive_bools, reason = "each is shown by itself")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Leading zeros.
    pub(crate) zeros: bool,
    /// E-notation.
    pub(crate) exponents: bool,
    /// Dates as `2024-01-02`, which whatever reads dates takes for one.
    pub(crate) dates: bool,
    /// More than 15 digits, of numbers up to [`EXACT_MAX`].
    digits: bool,
    /// Every digit of every number.
    all_digits: bool,
}

impl Kept {
    /// Takes note of what a key shows.
    pub(crate) fn note(&mut self, text: &str) {
        // A spreadsheet writes a sign.
        if expanded(text).is_some() && !text.contains('+') {
            self.exponents = true;
        }
        self.dates |= is_iso_date(text);
        if !is_digits(text) {
            return;
        }
        self.zeros |= text.len() > 1 && text.starts_with('0');
        if text.len() > DIGITS_KEPT && !text.starts_with('0') {
            self.digits |= text[DIGITS_KEPT..].bytes().any(|digit| digit != b'0');
            let number: Option<u128> = text.parse().ok();
            self.all_digits |= number.is_some_and(|number| !is_binary(number));
        }
    }
}

/// Serials by what a spreadsheet makes of them.
#[derive(Debug, Default)]
pub(crate) struct Twins {
    /// By the digits that a serial such as `7E10` becomes.
    by_exponent: HashMap<String, Vec<usize>>,
    /// Serials of more digits than are kept, by how many they are and the first of them.
    long: HashMap<(usize, String), Vec<(usize, u128)>>,
    /// Serials that are dates.
    dates: Dates,
}

impl Twins {
    pub(crate) fn push(&mut self, serial: &str, index: usize) {
        if let Some(digits) = expanded(serial) {
            self.by_exponent.entry(digits).or_default().push(index);
        }
        self.dates.push(serial, index);
        if let Some((place, number)) = long(serial) {
            self.long.entry(place).or_default().push((index, number));
        }
    }

    /// Devices whose serial, such as `7E10`, becomes these digits.
    pub(crate) fn by_exponent(&self, digits: &str) -> &[usize] {
        let found = self.by_exponent.get(digits.trim_start_matches('0'));
        found.map_or(&[], Vec::as_slice)
    }

    /// Devices whose serial, taken for a date such as `11-21-2015`, becomes this number.
    pub(crate) fn by_date(&self, digits: &str) -> Vec<usize> {
        self.dates.by_number(digits)
    }

    /// Devices whose serial, if it lost digits, may be this one.
    pub(crate) fn by_digits(&self, text: &str, kept: Kept) -> Vec<usize> {
        let Some((place, number)) = long(text).filter(|_| !kept.all_digits) else {
            return Vec::new();
        };
        let unit = 10_u128.pow(u32::try_from(text.len() - DIGITS_KEPT).unwrap_or_default());
        let near = self.long.get(&place).map_or(&[][..], Vec::as_slice);
        let is_near = |other: u128| {
            let is_kept = kept.digits && number.max(other) <= EXACT_MAX;
            other != number && other.abs_diff(number) <= unit && !is_kept
        };
        near.iter()
            .filter(|(_, other)| is_near(*other))
            .map(|(index, _)| *index)
            .collect()
    }
}

/// Whether a key of a text file may be what is left of another serial.
pub(crate) fn may_be_left_of_another(key: &Key, forced: Option<By>) -> bool {
    let is_serial = forced.is_none() && matches!(key.by, None | Some(By::Serial));
    is_serial && key.digits.is_none() && is_digits(&key.text)
}

pub(crate) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The digits of a number in E-notation without a point, as `7E10` is 70000000000.
fn expanded(serial: &str) -> Option<String> {
    let (number, exponent) = serial.trim().split_once(['e', 'E'])?;
    let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
    if !is_digits(number) || !is_digits(exponent) {
        return None;
    }
    let zeros: usize = exponent.parse().ok().filter(|zeros| *zeros <= DIGITS_MAX)?;
    let number = number.trim_start_matches('0');
    (!number.is_empty()).then(|| format!("{number}{}", "0".repeat(zeros)))
}

fn long(serial: &str) -> Option<((usize, String), u128)> {
    let serial = serial.trim();
    let is_long = serial.len() > DIGITS_KEPT && serial.len() <= DIGITS_MAX;
    if !is_long || serial.starts_with('0') || !is_digits(serial) {
        return None;
    }
    let place = (serial.len(), serial[..PREFIX].to_owned());
    Some((place, serial.parse().ok()?))
}

/// Whether a number may be what is left in a binary fraction: exactly, or as most programs write one,
/// with no more digits than tell it from its neighbours.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "what the cast loses is what is looked for"
)]
fn is_binary(number: u128) -> bool {
    let fraction = number as f64;
    fraction as u128 == number || fraction.to_string() == number.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twins(serials: &[&str]) -> Twins {
        let mut twins = Twins::default();
        for (index, serial) in serials.iter().enumerate() {
            twins.push(serial, index);
        }
        twins
    }

    fn kept(keys: &[&str]) -> Kept {
        let mut kept = Kept::default();
        for key in keys {
            kept.note(key);
        }
        kept
    }

    #[test]
    fn serials_that_become_one_number_are_found_by_it() {
        let twins = twins(&["7E10", "370E+3", "1E99", "PF1", "12345678901234567"]);
        assert_eq!(twins.by_exponent("70000000000"), [0]);
        assert_eq!(twins.by_exponent("0370000"), [1]);
        assert!(twins.by_exponent("7").is_empty());
        let none = Kept::default();
        for near in [
            "12345678901234570",
            "12345678901234568",
            "12345678901234500",
        ] {
            assert_eq!(twins.by_digits(near, none), [4], "{near}");
        }
        for other in ["12345678901234567", "12345678901239999", "1234567890123456"] {
            assert!(twins.by_digits(other, none).is_empty(), "{other}");
        }
    }

    #[test]
    fn a_list_shows_what_it_kept() {
        assert!(kept(&["0012345"]).zeros);
        assert!(!kept(&["12345", "0", "PF01"]).zeros);
        assert!(kept(&["7E10"]).exponents);
        assert!(!kept(&["7.0E+10", "9E+28", "E10"]).exponents);
        assert!(kept(&["2024-01-02"]).dates);
        assert!(!kept(&["11-21-2015", "2024-13-02", "14-JAN"]).dates);
        let short = kept(&["1234567890123456"]);
        assert!(short.digits && !short.all_digits);
        assert!(kept(&["1234567890123461"]).digits);
        assert!(!kept(&["1234567890123450"]).digits);
        assert!(kept(&["12345678901234567"]).all_digits);
        // What is left of it in a binary fraction.
        assert!(!kept(&["12345678901234568"]).all_digits);
        assert!(!kept(&["46566527274016360", "65387583919088020"]).all_digits);
    }
}
