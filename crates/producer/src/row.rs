//! A row of a list: where it is, and what it names.

/// What a row names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A serial number, trimmed.
    Serial(String),
    /// A GUID of whatever kind, in lower case.
    Guid(String),
}

impl Key {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Serial(text) | Self::Guid(text) => text,
        }
    }
}

/// A key that can name no device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Nothing in it.
    Empty,
    /// Longer than any serial.
    TooLong,
    /// Control characters in it.
    ControlCharacters,
    /// No UTF-8 text.
    NotText,
    /// A quote that was not closed where it should be.
    Quotes,
}

impl Malformed {
    /// The same in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Empty => "the row names no device: serial and id are empty",
            Self::TooLong => "the serial is longer than any serial is",
            Self::ControlCharacters => "the serial holds control characters",
            Self::NotText => "the serial is no UTF-8 text: save the list as UTF-8",
            Self::Quotes => "a quote is not closed: these lines were read as one row",
        }
    }
}

/// A row of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line on which it starts, from 1.
    pub line: u64,
    /// What it names. A bad key comes with what could be shown of it.
    pub key: Result<Key, (Malformed, String)>,
}

/// Longer than every vendor's serial, short enough for a table.
const KEY_MAX_CHARS: usize = 128;

/// What is shown of a key that is too long.
const SHOWN_CHARS: usize = 40;

/// Reads a key cell; nothing else of the row is ever kept, for a row may hold a hardware hash.
pub(crate) fn key_of(bytes: &[u8]) -> Result<Key, (Malformed, String)> {
    let shown = |text: &str| {
        let plain = text.chars().filter(|c| !c.is_control());
        plain.take(SHOWN_CHARS).collect::<String>()
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err((Malformed::NotText, shown(&String::from_utf8_lossy(bytes))));
    };
    let text = text.trim();
    let bad = if text.is_empty() {
        Some(Malformed::Empty)
    } else if text.chars().count() > KEY_MAX_CHARS {
        Some(Malformed::TooLong)
    } else if text.chars().any(char::is_control) {
        Some(Malformed::ControlCharacters)
    } else {
        None
    };
    if let Some(bad) = bad {
        return Err((bad, shown(text)));
    }
    Ok(match as_guid(text) {
        Some(guid) => Key::Guid(guid),
        None => Key::Serial(text.to_owned()),
    })
}

/// A hyphenated GUID, with or without braces.
pub(crate) fn as_guid(text: &str) -> Option<String> {
    let bare = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap_or(text);
    let hyphenated = bare.len() == 36;
    hyphenated
        .then(|| uuid::Uuid::try_parse(bare).ok())
        .flatten()
        .map(|guid| guid.to_string())
}
