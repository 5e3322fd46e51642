//! The XML of a workbook's parts, piece by piece, and never more at once than a row may have.

use std::borrow::Cow;
use std::io::{BufReader, Read};

use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::WorkbookError;
use crate::reader::{Capped, RowEnd};

type Bytes = BufReader<Capped<DecodeReaderBytes<Box<dyn Read + Send>, Vec<u8>>>>;

/// A part's XML.
pub(crate) struct Xml {
    reader: Reader<Bytes>,
    piece_end: RowEnd,
    buffer: Vec<u8>,
}

impl Xml {
    pub(crate) fn new(bytes: Box<dyn Read + Send>) -> Self {
        // A byte order mark tells UTF-16 from UTF-8; there is nothing else in workbooks.
        let decoded = DecodeReaderBytesBuilder::new()
            .encoding(Some(encoding_rs::UTF_8))
            .strip_bom(true)
            .bom_override(true)
            .build(bytes);
        let (capped, piece_end) = Capped::new(decoded);
        let mut reader = Reader::from_reader(BufReader::with_capacity(32 * 1024, capped));
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        Self {
            reader,
            piece_end,
            buffer: Vec::new(),
        }
    }

    /// The next piece: an element's start or end, a text, or the end of all.
    pub(crate) fn next(&mut self) -> Result<Event<'_>, WorkbookError> {
        self.piece_end.reached();
        self.buffer.clear();
        Ok(self.reader.read_event_into(&mut self.buffer)?)
    }
}

/// An attribute by its name without a prefix.
pub(crate) fn attribute<'a>(element: &'a BytesStart<'_>, name: &str) -> Option<Cow<'a, str>> {
    let mut attributes = element.attributes();
    attributes.with_checks(false);
    let found = attributes
        .filter_map(Result::ok)
        .find(|attribute| attribute.key.local_name().as_ref() == name)?;
    if !found.value.contains('&') {
        return Some(found.value);
    }
    let unescaped = quick_xml::escape::unescape(&found.value);
    Some(unescaped.map_or_else(
        |_broken| found.value.clone(),
        |text| Cow::Owned(text.into_owned()),
    ))
}

/// Whether an attribute says yes.
pub(crate) fn is_true(value: &str) -> bool {
    matches!(value.trim(), "1" | "true" | "on")
}

/// Adds what `&amp;` or `&#65;` stands for.
pub(crate) fn push_reference(reference: &BytesRef<'_>, text: &mut String) {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        text.push(character);
        return;
    }
    match reference.xml10_content().as_ref() {
        "amp" => text.push('&'),
        "lt" => text.push('<'),
        "gt" => text.push('>'),
        "quot" => text.push('"'),
        "apos" => text.push('\''),
        // No workbook defines others.
        _ => text.push('\u{fffd}'),
    }
}
