//! Text that a spreadsheet wrote in place of a serial.
//!
//! A CSV has no number formats: what a spreadsheet made of a serial stands there as text. Some
//! vendor may use such a text as a serial, so this is asked only of texts that the inventory does
//! not know.

use crate::dates::month;
use crate::key::Malformed;

/// What a text looks like, where it looks like the work of a spreadsheet.
pub(crate) fn mangled(text: &str) -> Option<Malformed> {
    let text = text.trim();
    if is_error_value(text) {
        return Some(Malformed::ErrorValue);
    }
    if text.len() >= 2 && text.bytes().all(|byte| byte == b'#') {
        return Some(Malformed::Narrow);
    }
    if BOOLEANS.contains(&text.to_uppercase().as_str()) {
        return Some(Malformed::Boolean);
    }
    if is_date(text) {
        return Some(Malformed::Date);
    }
    if is_time(text) {
        return Some(Malformed::Time);
    }
    number(text)
}

/// Whether a text is one of the errors that a spreadsheet shows in place of a value: those that
/// there are, and those that there will be.
pub(crate) fn is_error_value(text: &str) -> bool {
    let Some(word) = text.strip_prefix('#') else {
        return false;
    };
    if ["N/A", "NV", "GETTING_DATA", "N/D"].contains(&word.to_uppercase().as_str()) {
        return true;
    }
    let Some(word) = word.strip_suffix(['!', '?']) else {
        return false;
    };
    let is_upper = |c: char| c.is_uppercase() || c.is_ascii_digit() || matches!(c, '/' | '_' | ' ');
    !word.is_empty() && word.chars().all(is_upper)
}

/// True and false in the languages of those who send lists.
const BOOLEANS: [&str; 10] = [
    "TRUE",
    "FALSE",
    "WAHR",
    "FALSCH",
    "VRAI",
    "FAUX",
    "VERDADERO",
    "FALSO",
    "VERO",
    "WAAR",
];

fn is_month(word: &str) -> bool {
    month(word).is_some()
}

/// A day, a month and perhaps a year in any order that spreadsheets write, with a time or not.
fn is_date(text: &str) -> bool {
    let date = match text.split_once([' ', 'T']) {
        Some((date, time)) if is_time(time) => date,
        _ => text,
    };
    let parts: Vec<&str> = date
        .split(['-', '/', '.', ' '])
        .filter(|part| !part.is_empty())
        .collect();
    let number = |part: &str| {
        let digits = part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<u32>().ok()).flatten()
    };
    let is_day =
        |part: &str| part.len() <= 2 && number(part).is_some_and(|day| (1..=31).contains(&day));
    let is_year = |part: &str| matches!(part.len(), 2 | 4) && number(part).is_some();
    match parts.as_slice() {
        [one, other] => {
            is_day(one) && is_month(other) || is_month(one) && (is_day(other) || is_year(other))
        }
        [one, two, three] => {
            let named = is_day(one) && is_month(two) && is_year(three);
            let year_first = one.len() == 4 && is_year(one) && is_day(two) && is_day(three);
            let year_last = is_day(one) && is_day(two) && is_year(three);
            named || year_first || year_last
        }
        _ => false,
    }
}

/// Hours and minutes, with seconds or not.
fn is_time(text: &str) -> bool {
    let text = text.trim_end_matches('Z');
    let bare = ["AM", "PM", "am", "pm"]
        .iter()
        .find_map(|half| text.strip_suffix(half))
        .unwrap_or(text)
        .trim_end();
    let parts: Vec<&str> = bare.split(':').collect();
    let is_number = |part: &&str| {
        let whole = part.split('.').next().unwrap_or_default();
        matches!(whole.len(), 1 | 2) && whole.bytes().all(|byte| byte.is_ascii_digit())
    };
    matches!(parts.len(), 2 | 3) && parts.iter().all(is_number)
}

/// A number in a form that no serial has.
fn number(text: &str) -> Option<Malformed> {
    const CURRENCIES: [char; 5] = ['$', '€', '£', '¥', '₹'];
    if let Some(share) = text.strip_suffix('%') {
        return is_grouped(share.trim()).then_some(Malformed::Percentage);
    }
    let amount = text.trim_matches(CURRENCIES);
    if amount.len() < text.len() {
        return is_grouped(amount.trim()).then_some(Malformed::Currency);
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if let Some((mantissa, exponent)) = unsigned.split_once(['E', 'e']) {
        // `7E10` may be a serial; a spreadsheet writes a sign or decimals.
        let sign = exponent.strip_prefix(['+', '-']);
        let decimals = mantissa.contains(['.', ',']);
        let is_number = is_digits(sign.unwrap_or(exponent)) && is_decimal(mantissa);
        return (is_number && (sign.is_some() || decimals)).then_some(Malformed::Exponent);
    }
    if unsigned.contains(['.', ',']) && is_decimal(unsigned) {
        return Some(Malformed::Decimals);
    }
    if unsigned.contains(['.', ',', '\u{a0}', '\u{202f}', '’']) && is_grouped(unsigned) {
        return Some(Malformed::Separators);
    }
    (unsigned.len() < text.len() && is_digits(unsigned)).then_some(Malformed::Negative)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits, and behind one point or comma perhaps more.
fn is_decimal(text: &str) -> bool {
    match text.split_once(['.', ',']) {
        Some((whole, decimals)) => is_digits(whole) && is_digits(decimals),
        None => is_digits(text),
    }
}

/// Digits with separators between them.
fn is_grouped(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '\u{a0}' | '\u{202f}' | '’'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_spreadsheets_write_is_told_by_its_looks() {
        for (text, why) in [
            ("1.23457E+16", Malformed::Exponent),
            ("1,23457E+16", Malformed::Exponent),
            ("7.00E+10", Malformed::Exponent),
            ("1.2345678901234568e+16", Malformed::Exponent),
            ("12345.0", Malformed::Decimals),
            ("70000000000.0", Malformed::Decimals),
            ("1.234.567", Malformed::Separators),
            ("21-Mar", Malformed::Date),
            ("Mar-21", Malformed::Date),
            ("21. Mrz", Malformed::Date),
            ("21-Mar-2024", Malformed::Date),
            ("2003/01/02", Malformed::Date),
            ("2003-01-02", Malformed::Date),
            ("2003-01-02 00:00:00", Malformed::Date),
            ("2024-01-02T00:00:00.000Z", Malformed::Date),
            ("02.01.2003", Malformed::Date),
            ("1/2/03", Malformed::Date),
            ("12:34:56", Malformed::Time),
            ("########", Malformed::Narrow),
            ("#N/A", Malformed::ErrorValue),
            ("#SPILL!", Malformed::ErrorValue),
            ("#DIV/0!", Malformed::ErrorValue),
            ("#NAME?", Malformed::ErrorValue),
            ("#BLOCKED!", Malformed::ErrorValue),
            ("#ERROR!", Malformed::ErrorValue),
            ("WAHR", Malformed::Boolean),
            ("12%", Malformed::Percentage),
            ("€ 12", Malformed::Currency),
            ("-5", Malformed::Negative),
        ] {
            assert_eq!(mangled(text), Some(why), "{text}");
        }
    }

    #[test]
    fn serials_of_vendors_are_not_mistaken() {
        for serial in [
            "",
            "PF1",
            "0012345",
            "12345",
            "7E10",
            "5CG1234E56",
            "0924-3584-5488-9044-8423-3149-46",
            "VMware-56 4d 12 34",
            "#1",
            "# a comment",
            "MAR21",
            "21MAR",
            "TRUE1",
            "D4:3F:12",
            "SN.12.34",
            "1-2-3456789",
            "-5CG",
        ] {
            assert_eq!(mangled(serial), None, "{serial}");
        }
    }
}
