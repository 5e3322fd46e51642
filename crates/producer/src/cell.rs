//! A cell of a list, and how certain its text is.
//!
//! A spreadsheet shows one thing and holds another: the number 12345 with the format `0000000` shows
//! 0012345. What a cell shows is what its author saw, so that alone may name a device. Where it
//! cannot be told for certain, the cell is unreadable, with the reason.

use crate::key::Malformed;

/// A cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Nothing.
    #[default]
    Empty,
    /// Text, as it stands.
    Text(String),
    /// A number.
    Number(Number),
    /// What cannot be read for certain: why, and what may be shown of it.
    Unreadable(Malformed, String),
}

/// A number that a cell holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Number {
    /// What its number format shows.
    pub(crate) shown: String,
    /// Its digits without any format.
    pub(crate) digits: String,
}

impl Cell {
    /// A cell of text; empty where there is none.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() {
            Self::Empty
        } else {
            Self::Text(text)
        }
    }

    /// A whole number whose digits are all that is known of it.
    pub(crate) fn digits(digits: String) -> Self {
        Self::Number(Number {
            shown: digits.clone(),
            digits,
        })
    }

    /// What it shows.
    pub(crate) fn shown(&self) -> &str {
        match self {
            Self::Empty => "",
            Self::Text(text) | Self::Unreadable(_, text) => text,
            Self::Number(number) => &number.shown,
        }
    }

    /// Whether it shows nothing.
    pub(crate) fn is_blank(&self) -> bool {
        match self {
            Self::Empty | Self::Unreadable(Malformed::Merged, _) => true,
            Self::Text(text) => text.trim().is_empty(),
            Self::Number(_) | Self::Unreadable(..) => false,
        }
    }
}
