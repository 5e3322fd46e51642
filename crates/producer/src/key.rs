//! What a row names its device by.

use repilot_domain::By;

use crate::cell::Cell;
use crate::plain::{named, plain};
use crate::spreadsheet::{restored, unwrapped};

/// One name of a device, trimmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Which of its names, where the list says.
    pub by: Option<By>,
    /// The name, as it is seen; of a number, what its number format shows.
    pub text: String,
    /// The digits without a number format, where the list holds a number instead of text. Leading
    /// zeros may have been lost, so it may stand for several serials.
    pub digits: Option<String>,
    /// Characters that nobody sees or that only look like others, which it was read without; each
    /// once.
    pub made_plain: Vec<char>,
}

impl Key {
    /// A key that stands in its list as it is.
    #[must_use]
    pub fn new(by: Option<By>, text: impl Into<String>) -> Self {
        Self {
            by,
            text: text.into(),
            digits: None,
            made_plain: Vec::new(),
        }
    }

    /// What it was read without, as in ` (read without U+200B)`; empty where that is nothing.
    pub(crate) fn note(&self) -> String {
        if self.made_plain.is_empty() {
            return String::new();
        }
        let named: Vec<String> = self.made_plain.iter().copied().map(named).collect();
        format!(" (read without {})", named.join(", "))
    }
}

/// A row that names no device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Nothing in it.
    Empty,
    /// Longer than any serial.
    TooLong,
    /// Control characters in it.
    ControlCharacters,
    /// A character that shows the text in another order than it stands.
    Reordered,
    /// A quote that was not closed where it should be.
    Quotes,
    /// Neither an object nor a text.
    Json,
    /// An object that has none of the properties which name devices.
    Nameless,
    /// What Graph answers when it has no list to give.
    ErrorAnswer,
    /// A formula whose result was not saved.
    Formula,
    /// An error that a spreadsheet shows in place of a value.
    ErrorValue,
    /// A date.
    Date,
    /// A time.
    Time,
    /// True or false.
    Boolean,
    /// A share of a hundred.
    Percentage,
    /// An amount of money.
    Currency,
    /// A number with thousands separators.
    Separators,
    /// A number with decimals.
    Decimals,
    /// A number below zero.
    Negative,
    /// A number in E-notation.
    Exponent,
    /// A number of which a spreadsheet does not keep every digit.
    TooManyDigits,
    /// A number whose format shows it in a way that cannot be told for certain.
    Format,
    /// A number in a workbook of which is not read how its numbers are shown.
    FormatUnread,
    /// Number signs that a spreadsheet shows where a column is too narrow.
    Narrow,
    /// A reference to a text that the workbook does not have.
    NoText,
    /// A cell that is covered by the merged cell before it.
    Merged,
    /// Several cells where one names the device, and no header to tell which.
    SeveralCells,
}

impl Malformed {
    /// The same in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Empty => "the row names no device: its columns for it are empty",
            Self::TooLong => "this is longer than any serial or id is",
            Self::ControlCharacters => "this holds control characters",
            Self::Reordered => {
                "this holds U+202D or U+202E, which show its characters in another order than they stand"
            }
            Self::Quotes => "a quote is not closed: these lines were read as one row",
            Self::Json => "this is no object with a serial or an id",
            Self::ErrorAnswer => "this is an error that Graph answered with, and no device",
            Self::Nameless => {
                "this object has no property that names a device, such as `serialNumber` or `id`"
            }
            Self::Formula => {
                "this is a formula without a saved result: open the workbook in Excel or LibreOffice, save it and try again"
            }
            Self::ErrorValue => "this is an error that the spreadsheet shows in place of a value",
            Self::Date => {
                "this is a date: a spreadsheet may have made it of a serial. Format the column as text and enter the serial again"
            }
            Self::Time => {
                "this is a time: a spreadsheet may have made it of a serial. Format the column as text and enter the serial again"
            }
            Self::Boolean => "this is a true or false, and no serial",
            Self::Percentage => "this is a percentage, and no serial",
            Self::Currency => "this is an amount of money, and no serial",
            Self::Separators => {
                "this is a number with thousands separators: format the column as text and enter the serial again"
            }
            Self::Decimals => {
                "this is a number with decimals: a spreadsheet or a script may have made it of a serial. Enter the serial again as text"
            }
            Self::Negative => "this is a number below zero, and no serial",
            Self::Exponent => {
                "this is a number in E-notation: a spreadsheet shortened it, and its last digits are lost. Enter the serial again as text"
            }
            Self::TooManyDigits => {
                "this is a number of more than 15 digits, of which a spreadsheet keeps 15: the last ones may be wrong. Enter the serial again as text"
            }
            Self::Format => {
                "this is a number, and what its format shows cannot be told for certain: format the column as text and enter the serial again"
            }
            Self::FormatUnread => {
                "this is a number, and how it is shown is not read of a workbook of this kind: save it as an Excel workbook (.xlsx), or format the column as text and enter the serial again"
            }
            Self::Narrow => {
                "a spreadsheet shows number signs where a column is too narrow: make it wider and export the list again"
            }
            Self::NoText => "this cell refers to a text that the workbook does not have",
            Self::Merged => {
                "this cell is covered by a merged cell, and shows nothing of its own: unmerge the cells and fill in each row"
            }
            Self::SeveralCells => {
                "this row has several cells, and no header says which one names the device: --column HEADER names a column"
            }
        }
    }

    /// Whether it is a number where a name should be text.
    #[must_use]
    pub const fn is_number(self) -> bool {
        matches!(
            self,
            Self::Date
                | Self::Time
                | Self::Percentage
                | Self::Currency
                | Self::Separators
                | Self::Decimals
                | Self::Negative
                | Self::Exponent
                | Self::TooManyDigits
                | Self::Format
                | Self::FormatUnread
        )
    }

    /// Whether the row holds something that cannot be read for certain, rather than nothing or
    /// nonsense.
    #[must_use]
    pub const fn is_uncertain(self) -> bool {
        match self {
            Self::Empty
            | Self::TooLong
            | Self::ControlCharacters
            | Self::Reordered
            | Self::Quotes
            | Self::Json
            | Self::Nameless
            | Self::ErrorAnswer => false,
            Self::Formula
            | Self::ErrorValue
            | Self::Date
            | Self::Time
            | Self::Boolean
            | Self::Percentage
            | Self::Currency
            | Self::Separators
            | Self::Decimals
            | Self::Negative
            | Self::Exponent
            | Self::TooManyDigits
            | Self::Format
            | Self::FormatUnread
            | Self::Narrow
            | Self::NoText
            | Self::Merged
            | Self::SeveralCells => true,
        }
    }
}

/// A row that is bad, and what may be shown of it.
pub type Bad = (Malformed, String);

/// Longer than every vendor's serial, short enough for a table.
const KEY_MAX_CHARS: usize = 128;

/// What is shown of a key that holds what it may not.
const SHOWN_CHARS: usize = 40;

/// As much of what is too long as finds it in the list, and no more.
const BEGINNING_CHARS: usize = 8;

/// The first few characters of what is too long to be kept.
pub(crate) fn beginning(text: &str) -> String {
    let plain = text.chars().filter(|c| !c.is_control());
    let beginning: String = plain.take(BEGINNING_CHARS).collect();
    format!("{beginning}…")
}

/// Some of a text, fit to be shown.
pub(crate) fn shown(text: &str) -> String {
    let plain = text.chars().filter(|c| !c.is_control());
    plain.take(SHOWN_CHARS).collect()
}

/// Reads a cell; nothing else of the row is ever kept, for a row may hold a hardware hash.
pub(crate) fn key_of(text: &str, by: Option<By>) -> Result<Key, Bad> {
    let Ok((text, made_plain)) = plain(text.trim()) else {
        return Err((Malformed::Reordered, shown(text)));
    };
    let text = unwrapped(&text);
    let bad = if text.is_empty() {
        Malformed::Empty
    } else if text.chars().count() > KEY_MAX_CHARS {
        // Such as a hardware hash in the wrong column.
        return Err((Malformed::TooLong, beginning(text)));
    } else if text.chars().any(char::is_control) {
        Malformed::ControlCharacters
    } else {
        let text = text.to_owned();
        return Ok(Key {
            by,
            text,
            digits: None,
            made_plain,
        });
    };
    Err((bad, shown(text)))
}

/// Reads a cell that may be no text.
pub(crate) fn key_of_cell(cell: &Cell, by: Option<By>) -> Result<Key, Bad> {
    match cell {
        Cell::Empty => key_of("", by),
        Cell::Text(text) => key_of(text, by),
        Cell::Number(number) => {
            let digits = Some(number.digits.clone());
            Ok(Key {
                digits,
                ..key_of(&number.shown, by)?
            })
        }
        Cell::Unreadable(why, text) => Err((*why, shown(text))),
    }
}

/// More than any user principal name has: one that is longer is seen to be none, and no more of it is
/// kept.
const USER_MAX_CHARS: usize = 128;

/// Reads the cell of a user who is to be assigned.
pub(crate) fn user_of(text: &str) -> String {
    restored(text.trim()).chars().take(USER_MAX_CHARS).collect()
}

/// As much of a user as may be shown: what is too long for one may be a hardware hash.
pub(crate) fn shown_user(user: &str) -> String {
    if user.chars().count() >= USER_MAX_CHARS {
        beginning(user)
    } else {
        user.chars().filter(|c| !c.is_control()).collect()
    }
}

/// The usable keys among some cells; what is wrong with the first where none is.
pub(crate) fn keys_of<'a>(cells: impl IntoIterator<Item = (By, &'a str)>) -> Result<Vec<Key>, Bad> {
    usable(cells.into_iter().map(|(by, text)| key_of(text, Some(by))))
}

/// The same of cells that may be no text.
pub(crate) fn keys_of_cells<'a>(
    cells: impl IntoIterator<Item = (By, &'a Cell)>,
) -> Result<Vec<Key>, Bad> {
    let cells = cells.into_iter();
    usable(cells.map(|(by, cell)| key_of_cell(cell, Some(by))))
}

fn usable(read: impl Iterator<Item = Result<Key, Bad>>) -> Result<Vec<Key>, Bad> {
    let mut keys: Vec<Key> = Vec::new();
    let mut first_bad: Option<Bad> = None;
    for key in read {
        match key {
            // What Graph gives a device that has no such id.
            Ok(key) if as_guid(&key.text) == Some(0) => {}
            Ok(key) => keys.push(key),
            Err((Malformed::Empty, _)) => {}
            Err(bad) => {
                first_bad.get_or_insert(bad);
            }
        }
    }
    // A display name counts where a row has nothing better, and not where that cannot be read.
    let names_alone = keys.iter().all(|key| key.by == Some(By::Name));
    match first_bad {
        Some(bad) if keys.is_empty() || names_alone && bad.0.is_uncertain() => Err(bad),
        _ if keys.is_empty() => Err((Malformed::Empty, String::new())),
        _ => Ok(keys),
    }
}

/// A hyphenated GUID, with or without braces.
pub(crate) fn as_guid(text: &str) -> Option<u128> {
    let bare = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap_or(text);
    let hyphenated = bare.len() == 36;
    let guid = hyphenated.then(|| uuid::Uuid::try_parse(bare).ok())??;
    Some(guid.as_u128())
}
