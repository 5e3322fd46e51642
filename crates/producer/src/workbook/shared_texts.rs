//! A workbook's table of texts, dense, and without the long ones.
//!
//! Excel keeps the texts of all cells in one table, which is held whole while rows are read. No
//! device has a name of a thousand characters; a hardware hash has four thousand, and an export has
//! as many of them as it has devices. So of a long text only its beginning is kept.

use quick_xml::events::Event;

use super::WorkbookError;
use super::package::Package;
use super::xml::push_reference;
use crate::cell::Cell;
use crate::key::{Malformed, beginning};

/// The longest text that is kept, in bytes.
const TEXT_MAX_BYTES: usize = 1_000;

/// Marks the end of a text of which only the beginning is kept.
const LONG: u32 = 1 << 31;

/// The texts, one after the other.
#[derive(Debug, Default)]
pub(crate) struct SharedTexts {
    bytes: String,
    /// Where each text ends in `bytes`.
    ends: Vec<u32>,
}

impl SharedTexts {
    /// Reads the table; a workbook may have none.
    pub(crate) fn read(package: &Package, part: Option<&str>) -> Result<Self, WorkbookError> {
        let mut texts = Self::default();
        let Some(part) = part.filter(|part| package.has(part)) else {
            return Ok(texts);
        };
        let mut xml = package.xml(part)?;
        let mut text = String::new();
        let mut in_text = false;
        let mut in_item = false;
        // Furigana are no part of a text.
        let mut in_phonetic = false;
        loop {
            match xml.next()? {
                Event::Start(element) => match element.local_name().as_ref() {
                    "si" => {
                        in_item = true;
                        text.clear();
                    }
                    "t" => in_text = in_item && !in_phonetic,
                    "rPh" => in_phonetic = true,
                    _ => {}
                },
                Event::End(element) => match element.local_name().as_ref() {
                    "si" => {
                        texts.push(&unescaped(&text))?;
                        in_item = false;
                    }
                    "t" => in_text = false,
                    "rPh" => in_phonetic = false,
                    _ => {}
                },
                Event::Text(piece) if in_text => push(&mut text, &piece.xml10_content()),
                Event::CData(piece) if in_text => push(&mut text, &piece.xml10_content()),
                Event::GeneralRef(reference) if in_text => push_reference(&reference, &mut text),
                Event::Eof => break,
                _ => {}
            }
        }
        texts.bytes.shrink_to_fit();
        texts.ends.shrink_to_fit();
        Ok(texts)
    }

    pub(super) fn push(&mut self, text: &str) -> Result<(), WorkbookError> {
        let long = text.len() > TEXT_MAX_BYTES;
        if long {
            self.bytes.push_str(&beginning(text));
        } else {
            self.bytes.push_str(text);
        }
        let end = u32::try_from(self.bytes.len()).unwrap_or(LONG);
        if end >= LONG {
            return Err(WorkbookError::TooLarge);
        }
        self.ends.push(if long { end | LONG } else { end });
        Ok(())
    }

    /// The cell that refers to a text by its place; what is no place is no text.
    pub(crate) fn cell(&self, place: &str) -> Cell {
        match place {
            // Some programs write it for an empty cell.
            "" | "-1" => return Cell::Empty,
            _ => {}
        }
        let is_number = place.bytes().all(|byte| byte.is_ascii_digit());
        let index = is_number.then(|| place.parse::<usize>().ok()).flatten();
        let Some((index, end)) = index.and_then(|index| Some((index, *self.ends.get(index)?)))
        else {
            return Cell::Unreadable(Malformed::NoText, crate::key::shown(place));
        };
        let start = match index {
            0 => 0,
            _ => self.ends[index - 1] & !LONG,
        };
        let text = &self.bytes[start as usize..(end & !LONG) as usize];
        if end & LONG != 0 {
            return Cell::Unreadable(Malformed::TooLong, text.to_owned());
        }
        Cell::text(text)
    }
}

/// Adds a piece, and of a text that is too long no more than shows it to be.
pub(super) fn push(text: &mut String, piece: &str) {
    if text.len() <= TEXT_MAX_BYTES {
        let room = TEXT_MAX_BYTES + 1 - text.len();
        let cut = piece.floor_char_boundary(room.max(4));
        text.push_str(&piece[..cut]);
    }
}

/// A text in a cell; of a long one only its beginning is kept.
pub(super) fn text_cell(text: &str) -> Cell {
    if text.len() > TEXT_MAX_BYTES {
        Cell::Unreadable(Malformed::TooLong, beginning(text))
    } else {
        Cell::text(text)
    }
}

/// A text without the escapes that stand for characters which XML cannot hold, as `_x000D_`.
pub(super) fn unescaped(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains("_x") {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        let digits = rest
            .get(at + 2..at + 6)
            .filter(|_| rest.as_bytes()[at..].get(6) == Some(&b'_'));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        plain.push_str(&rest[..at]);
        if let Some(character) = code.and_then(char::from_u32) {
            plain.push(character);
            rest = &rest[at + 7..];
        } else {
            plain.push_str("_x");
            rest = &rest[at + 2..];
        }
    }
    plain.push_str(rest);
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_left_out_and_all_others_kept() {
        let mut texts = SharedTexts::default();
        for text in ["PF1", &"A".repeat(4_000), "", "PF2"] {
            texts.push(text).unwrap();
        }
        assert_eq!(texts.cell("0"), Cell::text("PF1"));
        let long = Cell::Unreadable(Malformed::TooLong, "AAAAAAAA…".to_owned());
        assert_eq!(texts.cell("1"), long);
        assert_eq!(texts.cell("2"), Cell::Empty);
        assert_eq!(texts.cell("3"), Cell::text("PF2"));
    }

    #[test]
    fn what_is_no_place_is_never_the_first_text() {
        let mut texts = SharedTexts::default();
        texts.push("PF1").unwrap();
        assert_eq!(texts.cell("-1"), Cell::Empty);
        assert_eq!(texts.cell(""), Cell::Empty);
        for place in [" 0 ", "+0", "1", "0x0", "0.0", "99999999999999999999"] {
            let cell = texts.cell(place);
            assert!(
                matches!(cell, Cell::Unreadable(Malformed::NoText, _)),
                "{place}"
            );
        }
    }

    #[test]
    fn escapes_of_control_characters_are_resolved() {
        assert_eq!(unescaped("a_x000D_b"), "a\rb");
        assert_eq!(unescaped("_x005F_x"), "_x");
        assert_eq!(unescaped("_xyz_ä_x00"), "_xyz_ä_x00");
    }
}
