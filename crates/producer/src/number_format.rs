//! What a number format makes of a number, for the formats that can show a serial.
//!
//! `General`, `0`, `0000000` and digits with plain characters between them (`000-000`) are shown
//! here exactly as a spreadsheet shows them. Every other format shows no serial, or does so by rules
//! that differ between spreadsheets: its numbers are unreadable, with the reason.

use calamine::{ExcelDateTime, ExcelDateTimeType};

use crate::cell::{Cell, Number};
use crate::key::Malformed;

/// A double holds every whole number of 15 digits, and spreadsheets keep no more of them.
pub(crate) const DIGITS_MAX: usize = 15;

/// The longest text that a format makes of a serial.
const PATTERN_MAX: usize = 64;

/// A number format, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NumberFormat {
    /// Whole numbers show their digits.
    General,
    /// Digits in their places, and plain characters between them.
    Pattern(Vec<Place>),
    /// A date, a time or both.
    Moment(Malformed),
    /// Shows no serial, or none for certain.
    Other(Malformed),
}

/// A place of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A digit; `0` where the number has none there.
    Zero,
    /// A digit; nothing where the number has none there.
    Digit,
    /// A character of the format.
    Plain(char),
}

impl NumberFormat {
    /// A format that is built in, by its number.
    pub(crate) fn built_in(id: u32) -> Self {
        match id {
            0 | 49 => Self::General,
            1 => Self::of_code("0"),
            2 | 4 => Self::Other(Malformed::Decimals),
            3 => Self::Other(Malformed::Separators),
            5..=8 | 37..=44 => Self::Other(Malformed::Currency),
            9 | 10 => Self::Other(Malformed::Percentage),
            11 | 48 => Self::Other(Malformed::Exponent),
            18..=21 | 45..=47 => Self::Moment(Malformed::Time),
            14..=17 | 22 | 27..=36 | 50..=58 => Self::Moment(Malformed::Date),
            _ => Self::Other(Malformed::Format),
        }
    }

    /// A format by its code, of which the part for positive numbers counts.
    pub(crate) fn of_code(code: &str) -> Self {
        let trimmed = code.trim();
        let first = trimmed.split(';').next().unwrap_or_default().trim();
        let general = ["", "general", "standard", "@"];
        if general.contains(&first.to_ascii_lowercase().as_str()) {
            return Self::General;
        }
        let mut places = Vec::new();
        let mut characters = trimmed.chars().peekable();
        while let Some(c) = characters.next() {
            match c {
                '0' => places.push(Place::Zero),
                '#' => places.push(Place::Digit),
                '"' => {
                    let quoted = characters.by_ref().take_while(|c| *c != '"');
                    places.extend(quoted.map(Place::Plain));
                }
                '\\' => places.extend(characters.next().map(Place::Plain)),
                '-' | ' ' | '(' | ')' | ':' => places.push(Place::Plain(c)),
                ';' => break,
                '[' => {
                    let inner: String = characters.by_ref().take_while(|c| *c != ']').collect();
                    match bracketed(&inner) {
                        None => {}
                        Some(Malformed::Time) => return Self::Moment(Malformed::Time),
                        Some(other) => return Self::Other(other),
                    }
                }
                '.' => return Self::Other(Malformed::Decimals),
                ',' => return Self::Other(Malformed::Separators),
                '%' => return Self::Other(Malformed::Percentage),
                'E' | 'e' if matches!(characters.peek(), Some('+' | '-')) => {
                    return Self::Other(Malformed::Exponent);
                }
                '$' | '€' | '£' | '¥' => return Self::Other(Malformed::Currency),
                'y' | 'Y' | 'd' | 'D' | 'm' | 'M' | 'j' | 'J' | 't' | 'T' | 'a' | 'A' => {
                    return Self::Moment(Malformed::Date);
                }
                'h' | 'H' | 's' | 'S' => return Self::Moment(Malformed::Time),
                _ => return Self::Other(Malformed::Format),
            }
        }
        let has_digits = places
            .iter()
            .any(|place| matches!(place, Place::Zero | Place::Digit));
        if !has_digits || places.len() > PATTERN_MAX {
            return Self::Other(Malformed::Format);
        }
        Self::Pattern(places)
    }

    /// What a cell of this format holds. `written` is the number as the file has it.
    pub(crate) fn cell(&self, written: &str, dates_from_1904: bool) -> Cell {
        let written = written.trim();
        let Some(value) = written
            .parse::<f64>()
            .ok()
            .filter(|value| value.is_finite())
        else {
            return Cell::Unreadable(Malformed::Format, shortened(written));
        };
        match self {
            Self::Moment(kind) => Cell::Unreadable(*kind, moment(value, *kind, dates_from_1904)),
            Self::Other(why) => Cell::Unreadable(*why, shortened(written)),
            Self::General | Self::Pattern(_) => match whole(value) {
                Err(why) => Cell::Unreadable(why, shortened(written)),
                Ok(digits) => Cell::Number(Number {
                    shown: self.shown(&digits),
                    digits,
                }),
            },
        }
    }

    /// The digits in the pattern's places.
    fn shown(&self, digits: &str) -> String {
        let Self::Pattern(places) = self else {
            return digits.to_owned();
        };
        let digits = if digits == "0" { "" } else { digits };
        let mut left: Vec<char> = digits.chars().collect();
        let first_place = places
            .iter()
            .position(|place| !matches!(place, Place::Plain(_)));
        let mut shown = Vec::new();
        for (at, place) in places.iter().enumerate().rev() {
            match place {
                Place::Plain(c) => shown.push(*c),
                Place::Zero => shown.push(left.pop().unwrap_or('0')),
                Place::Digit => shown.extend(left.pop()),
            }
            if Some(at) == first_place {
                // What has no place of its own stands before the first.
                shown.extend(left.drain(..).rev());
            }
        }
        shown.iter().rev().collect()
    }
}

/// What a part in brackets says; `None` of one that changes no text.
fn bracketed(inner: &str) -> Option<Malformed> {
    const COLOURS: [&str; 8] = [
        "black", "blue", "cyan", "green", "magenta", "red", "white", "yellow",
    ];
    let lower = inner.to_ascii_lowercase();
    if COLOURS.contains(&lower.as_str()) {
        return None;
    }
    if !lower.is_empty() && lower.chars().all(|c| matches!(c, 'h' | 'm' | 's')) {
        return Some(Malformed::Time);
    }
    if let Some(locale) = lower.strip_prefix('$') {
        return match locale.split_once('-') {
            // A locale alone; `F800` and `F400` are the system's own date and time.
            Some(("", "f800" | "f400")) => Some(Malformed::Format),
            Some(("", _)) => None,
            _ => Some(Malformed::Currency),
        };
    }
    Some(Malformed::Format)
}

/// The digits of a whole number that a spreadsheet keeps to the last one.
pub(crate) fn whole(value: f64) -> Result<String, Malformed> {
    if value.fract() != 0.0 {
        return Err(Malformed::Decimals);
    }
    if value.is_sign_negative() && value != 0.0 {
        return Err(Malformed::Negative);
    }
    let digits = format!("{:.0}", value.abs());
    if digits.len() > DIGITS_MAX {
        return Err(Malformed::TooManyDigits);
    }
    Ok(digits)
}

/// A date or a time for people, as a cell that is refused showed it in some way.
pub(crate) fn moment(value: f64, kind: Malformed, dates_from_1904: bool) -> String {
    // Up to the end of the year 9999.
    if !(0.0..2_958_466.0).contains(&value) {
        return shortened(&value.to_string());
    }
    let moment = ExcelDateTime::new(value, ExcelDateTimeType::DateTime, dates_from_1904);
    let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
    if kind == Malformed::Time && value < 1.0 {
        return format!("{hour:02}:{minute:02}:{second:02}");
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    if value.fract() == 0.0 {
        date
    } else {
        format!("{date} {hour:02}:{minute:02}:{second:02}")
    }
}

/// As much of what a file holds as a person needs to find it.
pub(crate) fn shortened(written: &str) -> String {
    written.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(code: &str, written: &str) -> Result<String, Malformed> {
        match NumberFormat::of_code(code).cell(written, false) {
            Cell::Number(number) => Ok(number.shown),
            Cell::Unreadable(why, _) => Err(why),
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn formats_of_digits_show_what_a_spreadsheet_shows() {
        for (code, written, expected) in [
            ("General", "12345", "12345"),
            ("General", "123456789012345", "123456789012345"),
            ("General", "7E10", "70000000000"),
            ("General", "12345.0", "12345"),
            ("@", "12345", "12345"),
            ("0", "0", "0"),
            ("0000000", "12345", "0012345"),
            ("0000000", "123456789", "123456789"),
            ("000-000", "12345", "012-345"),
            ("000-000", "12345678", "12345-678"),
            ("\"SN\"0000", "12", "SN0012"),
            ("\\X00\\-00", "123", "X01-23"),
            ("##0", "7", "7"),
            ("00;-00;\"none\"", "7", "07"),
            ("[Red]000", "7", "007"),
            ("[$-409]000", "7", "007"),
        ] {
            assert_eq!(
                shown(code, written).as_deref(),
                Ok(expected),
                "{code} {written}"
            );
        }
    }

    #[test]
    fn what_shows_no_serial_is_unreadable_with_its_reason() {
        for (code, written, why) in [
            ("General", "1234567890123456", Malformed::TooManyDigits),
            ("General", "1.5", Malformed::Decimals),
            ("General", "-5", Malformed::Negative),
            ("General", "NaN", Malformed::Format),
            ("0.00", "5", Malformed::Decimals),
            ("#,##0", "5000", Malformed::Separators),
            ("0%", "5", Malformed::Percentage),
            ("0.00E+00", "5", Malformed::Decimals),
            ("0E+00", "5", Malformed::Exponent),
            ("##0.0E+0", "5", Malformed::Decimals),
            ("yyyy-mm-dd", "45293", Malformed::Date),
            ("[h]:mm", "1.5", Malformed::Time),
            ("hh:mm", "0.5", Malformed::Time),
            ("[$€-407]0", "5", Malformed::Currency),
            ("$0", "5", Malformed::Currency),
            ("[>5]0", "6", Malformed::Format),
            ("0*-", "6", Malformed::Format),
            ("# ?/?", "6", Malformed::Format),
        ] {
            assert_eq!(shown(code, written), Err(why), "{code} {written}");
        }
    }

    #[test]
    fn a_date_is_shown_as_one() {
        let date = NumberFormat::built_in(14).cell("45293", false);
        let expected = Cell::Unreadable(Malformed::Date, "2024-01-02".to_owned());
        assert_eq!(date, expected);
        let in_1904 = NumberFormat::built_in(14).cell("43831", true);
        assert_eq!(in_1904, expected);
    }
}
