//! What a row names its device by.

use repilot_domain::By;

use crate::plain::{named, plain};
use crate::spreadsheet::{restored, unwrapped};

/// One name of a device, trimmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Which of its names, where the list says.
    pub by: Option<By>,
    /// The name, as it is seen.
    pub text: String,
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

fn beginning(text: &str) -> String {
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
            made_plain,
        });
    };
    Err((bad, shown(text)))
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
    let mut keys = Vec::new();
    let mut first_bad = None;
    for (by, text) in cells {
        match key_of(text, Some(by)) {
            // What Graph gives a device that has no such id.
            Ok(key) if as_guid(&key.text) == Some(0) => {}
            Ok(key) => keys.push(key),
            Err((Malformed::Empty, _)) => {}
            Err(bad) => {
                first_bad.get_or_insert(bad);
            }
        }
    }
    if keys.is_empty() {
        return Err(first_bad.unwrap_or((Malformed::Empty, String::new())));
    }
    Ok(keys)
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
