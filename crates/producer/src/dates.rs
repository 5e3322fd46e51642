//! Dates in serials: of `11-21-2015` some programs make the number 42329, and of `21-MAR` another
//! one in each year, and show it as a number.

use std::collections::HashMap;

use calamine::{ExcelDateTime, ExcelDateTimeType};

/// Beginnings of months' names in English, German, French, Spanish, Italian, Dutch and Portuguese,
/// folded, and the month.
const MONTHS: [(&str, u8); 34] = [
    ("jan", 1),
    ("feb", 2),
    ("mar", 3),
    ("apr", 4),
    ("may", 5),
    ("jun", 6),
    ("jul", 7),
    ("aug", 8),
    ("sep", 9),
    ("oct", 10),
    ("nov", 11),
    ("dec", 12),
    ("mär", 3),
    ("mrz", 3),
    ("mai", 5),
    ("okt", 10),
    ("dez", 12),
    ("janv", 1),
    ("fév", 2),
    ("avr", 4),
    ("juin", 6),
    ("juil", 7),
    ("aoû", 8),
    ("déc", 12),
    ("ene", 1),
    ("abr", 4),
    ("ago", 8),
    ("dic", 12),
    ("gen", 1),
    ("mag", 5),
    ("giu", 6),
    ("lug", 7),
    ("set", 9),
    ("ott", 10),
];

/// The first number that is beyond the year 9999.
const NUMBERS_END: u32 = 2_958_466;

/// Years in which a date without a year may have been typed.
const TYPED: std::ops::RangeInclusive<u16> = 2000..=2100;

/// A day, and its year; 0 where it has none.
type Day = (u16, u8, u8);

/// Serials that are dates, by their day.
#[derive(Debug, Default)]
pub(crate) struct Dates(HashMap<Day, Vec<usize>>);

impl Dates {
    pub(crate) fn push(&mut self, serial: &str, index: usize) {
        for day in days(serial) {
            self.0.entry(day).or_default().push(index);
        }
    }

    /// Devices whose serial, taken for a date, becomes this number in one of the two calendars that
    /// spreadsheets have.
    pub(crate) fn by_number(&self, digits: &str) -> Vec<usize> {
        let number: Option<u32> = digits.parse().ok();
        let number = number.filter(|number| *number < NUMBERS_END);
        let Some(number) = number.filter(|_| !self.0.is_empty()) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for from_1904 in [false, true] {
            let kind = ExcelDateTimeType::DateTime;
            let moment = ExcelDateTime::new(f64::from(number), kind, from_1904);
            let (year, month, day, ..) = moment.to_ymd_hms_milli();
            let each_year = TYPED.contains(&year).then_some((0, month, day));
            for day in each_year.into_iter().chain([(year, month, day)]) {
                for index in self.0.get(&day).into_iter().flatten() {
                    if !found.contains(index) {
                        found.push(*index);
                    }
                }
            }
        }
        found
    }
}

/// The month that a word begins like.
pub(crate) fn month(word: &str) -> Option<u8> {
    let word = word.to_lowercase();
    let letters = word.chars().count();
    let is_name = |(name, _): &&(&str, u8)| word.starts_with(name);
    let found = MONTHS.iter().find(is_name);
    found
        .filter(|_| (3..=9).contains(&letters))
        .map(|(_, month)| *month)
}

/// Every day that a text may be taken for, whatever the order of its parts.
fn days(text: &str) -> Vec<Day> {
    let text = text.trim();
    let date = text.split(['T', ' ']).next().filter(|date| date.len() >= 8);
    let parts: Vec<&str> = date
        .unwrap_or(text)
        .split(['-', '/', '.', ' '])
        .filter(|part| !part.is_empty())
        .collect();
    let mut days = Vec::new();
    let mut may_be = |year: Option<Vec<u16>>, month: Option<u8>, day: Option<u8>| {
        if let (Some(years), Some(month), Some(day)) = (year, month, day) {
            days.extend(years.into_iter().map(|year| (year, month, day)));
        }
    };
    let none = || Some(vec![0]);
    match parts.as_slice() {
        [one, other] => {
            may_be(none(), month_of(one), day_of(other));
            may_be(none(), month_of(other), day_of(one));
            may_be(years_of(other), month_of(one), Some(1));
            may_be(years_of(one), month_of(other), Some(1));
        }
        [one, two, three] => {
            may_be(years_of(one), month_of(two), day_of(three));
            may_be(years_of(three), month_of(one), day_of(two));
            may_be(years_of(three), month_of(two), day_of(one));
        }
        _ => {}
    }
    days.sort_unstable();
    days.dedup();
    days
}

/// Whether a text is a year, a month and a day, as in `2024-01-02`.
pub(crate) fn is_iso_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    let is_pair = |part: &str| part.len() == 2;
    let is_date = year.len() == 4 && is_pair(month) && is_pair(day);
    is_date && years_of(year).is_some() && month_of(month).is_some() && day_of(day).is_some()
}

fn number(part: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u16> {
    let is_number = digits.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| part.parse().ok()).flatten()
}

fn day_of(part: &str) -> Option<u8> {
    let day = number(part, 1..=2).filter(|day| (1..=31).contains(day));
    day.and_then(|day| u8::try_from(day).ok())
}

fn month_of(part: &str) -> Option<u8> {
    let by_number = day_of(part).filter(|month| *month <= 12);
    by_number.or_else(|| month(part))
}

/// Years that a part may be: one of two digits is in this century or in the last.
fn years_of(part: &str) -> Option<Vec<u16>> {
    if let Some(year) = number(part, 2..=2) {
        return Some(vec![1900 + year, 2000 + year]);
    }
    number(part, 4..=4).map(|year| vec![year])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_found_by_the_number_that_spreadsheets_make_of_it() {
        let serials = [
            "11-21-2015",
            "2024-01-02",
            "21-MAR",
            "Mrz-21",
            "2/1/24",
            "0924-3584-5488",
            "PF1",
        ];
        let mut dates = Dates::default();
        for (index, serial) in serials.iter().enumerate() {
            dates.push(serial, index);
        }
        for (number, found) in [
            ("42329", vec![0]),
            ("42330", vec![]),
            // 2 January 2024 in both calendars; `2/1/24` may be that or 1 February.
            ("45293", vec![1, 4]),
            ("43831", vec![1, 4]),
            ("45323", vec![4]),
            // 21 March in 2024 and in 2026.
            ("45372", vec![2, 3]),
            ("46102", vec![2, 3]),
            // 1 March 2021, of which `21-MAR` may be the month.
            ("44256", vec![2, 3]),
            ("0", vec![]),
            ("99999999999999999999", vec![]),
        ] {
            let mut by_number = dates.by_number(number);
            by_number.sort_unstable();
            assert_eq!(by_number, found, "{number}");
        }
    }
}
