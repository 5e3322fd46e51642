//! JSON lists: Graph's pages, arrays, objects one a line; whatever their size, one item is held.
//!
//! Items are cut out of the text by counting braces; only then is an item parsed. An object whose
//! `value` is an array is a page, wherever it stands, and its elements are the items.

use std::io::BufRead as _;

use repilot_domain::By;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::columns::by_property;
use crate::key::{Bad, Key, Malformed, key_of, keys_of, shown};
use crate::reader::RowEnd;
use crate::rows::{Broken, Bytes};

/// An item's number, from 1, and its keys.
type Item = (u64, Result<Vec<Key>, Bad>);

pub(crate) struct Items {
    reader: Bytes,
    /// What encloses the next item.
    within: Vec<Within>,
    /// Items so far.
    number: u64,
    item: Vec<u8>,
    /// Whether the last page named a next one.
    goes_on: bool,
    /// The same of the object that is being cut, should it turn out to be a page.
    page_goes_on: bool,
}

/// Pages within pages: nobody writes more.
const DEPTH_MAX: usize = 64;

const NEXT_LINK: &[u8] = b"@odata.nextLink";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Array,
    /// An object whose `value` is the array that follows in [`Items::within`].
    Page,
}

impl Items {
    pub(crate) fn new(reader: Bytes) -> Self {
        Self {
            reader,
            within: Vec::new(),
            number: 0,
            item: Vec::new(),
            goes_on: false,
            page_goes_on: false,
        }
    }

    /// The next item.
    pub(crate) fn next_item(&mut self, row_end: &RowEnd) -> Result<Option<Item>, Broken> {
        if !self.cut_item(row_end)? {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some((self.number, keys(&self.item))))
    }

    /// Cuts the next item out into `item`; whether there was one.
    fn cut_item(&mut self, row_end: &RowEnd) -> Result<bool, Broken> {
        loop {
            let Some(byte) = self.peek()? else {
                if self.within.is_empty() {
                    if self.goes_on {
                        return Err(self.broken(
                            "it is a page of a longer listing, and the pages after it are missing",
                        ));
                    }
                    return Ok(false);
                }
                return Err(self.broken("the JSON ends in the middle"));
            };
            match (byte, self.within.last()) {
                (b' ' | b'\t' | b'\n' | b'\r' | b',' | 0x1e, _) => self.skip(),
                (b']', Some(Within::Array)) => {
                    self.skip();
                    self.within.pop();
                    if self.within.last() == Some(&Within::Page) {
                        self.skip_rest_of_object(row_end)?;
                        self.within.pop();
                    }
                }
                (b'[', None) => {
                    self.skip();
                    self.within.push(Within::Array);
                }
                _ => {
                    self.item.clear();
                    if self.cut_value()? {
                        return Ok(true);
                    }
                    // It was the beginning of a page: its items are next.
                    if self.within.len() > DEPTH_MAX {
                        return Err(self.broken("pages within pages within pages"));
                    }
                    row_end.reached();
                }
            }
        }
    }

    /// Cuts a whole value out; `false` when it turned out to be a page, whose items begin here.
    fn cut_value(&mut self) -> Result<bool, Broken> {
        let mut depth = 0_usize;
        let mut last_string = 0..0;
        let mut key_is_value = false;
        let mut names_device = false;
        self.page_goes_on = false;
        loop {
            let Some(byte) = self.peek()? else {
                if depth == 0 && !self.item.is_empty() {
                    return Ok(true);
                }
                return Err(self.broken("the JSON ends in the middle"));
            };
            if depth == 0 && !self.item.is_empty() && !is_scalar(byte) {
                return Ok(true);
            }
            if byte == b'['
                && depth == 1
                && key_is_value
                && !names_device
                && self.item.first() == Some(&b'{')
            {
                self.skip();
                self.within.push(Within::Page);
                self.within.push(Within::Array);
                self.goes_on = self.page_goes_on;
                return Ok(false);
            }
            self.take(byte);
            match byte {
                b'"' => {
                    let start = self.item.len();
                    self.take_string()?;
                    last_string = start..self.item.len() - 1;
                    if depth == 0 {
                        return Ok(true);
                    }
                }
                b':' if depth == 1 => {
                    let key = &self.item[last_string.clone()];
                    key_is_value = key == b"value";
                    self.page_goes_on |= key == NEXT_LINK;
                    names_device |=
                        std::str::from_utf8(key).is_ok_and(|key| by_property(key).is_some());
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Ok(true);
                    }
                }
                b',' if depth == 1 => key_is_value = false,
                _ => {}
            }
        }
    }

    /// Takes a string's rest, its closing quote included.
    fn take_string(&mut self) -> Result<(), Broken> {
        let mut escaped = false;
        loop {
            let Some(byte) = self.peek()? else {
                return Err(self.broken("a text in the JSON is not closed"));
            };
            self.take(byte);
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => return Ok(()),
                _ => {}
            }
        }
    }

    /// What follows a page's items.
    fn skip_rest_of_object(&mut self, row_end: &RowEnd) -> Result<(), Broken> {
        let mut depth = 1_usize;
        while depth > 0 {
            row_end.reached();
            self.item.clear();
            let Some(byte) = self.peek()? else {
                return Err(self.broken("the JSON ends in the middle"));
            };
            self.take(byte);
            match byte {
                b'"' => {
                    self.take_string()?;
                    let text = &self.item[1..self.item.len() - 1];
                    self.goes_on |= depth == 1 && text == NEXT_LINK;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
        }
        Ok(())
    }

    fn peek(&mut self) -> Result<Option<u8>, Broken> {
        match self.reader.fill_buf() {
            Ok(bytes) => Ok(bytes.first().copied()),
            Err(error) => Err((self.number + 1, error.into())),
        }
    }

    fn skip(&mut self) {
        self.reader.consume(1);
    }

    fn take(&mut self, byte: u8) {
        self.item.push(byte);
        self.reader.consume(1);
    }

    fn broken(&self, what: &str) -> Broken {
        let message = std::io::Error::new(std::io::ErrorKind::UnexpectedEof, what.to_owned());
        (self.number + 1, message.into())
    }
}

/// Whether a byte goes on with a number or a word.
fn is_scalar(byte: u8) -> bool {
    !matches!(
        byte,
        b' ' | b'\t' | b'\n' | b'\r' | b',' | b']' | b'}' | b'[' | b'{' | b'"'
    )
}

fn keys(item: &[u8]) -> Result<Vec<Key>, Bad> {
    match serde_json::from_slice(item) {
        Ok(Content::Text(text)) => key_of(&text, None).map(|key| vec![key]),
        Ok(Content::Nameless { is_error }) => {
            let bad = if is_error {
                Malformed::ErrorAnswer
            } else {
                Malformed::Nameless
            };
            Err((bad, String::new()))
        }
        Ok(Content::Properties(mut named)) => {
            named.sort_by_key(|(by, _)| *by);
            keys_of(named.iter().map(|(by, text)| (*by, text.as_str())))
        }
        Err(_) => {
            // A hash may stand in what does not parse: a word is all that is shown.
            let is_word = item.iter().all(u8::is_ascii_alphanumeric);
            let word = if is_word { item } else { b"" };
            Err((Malformed::Json, shown(&String::from_utf8_lossy(word))))
        }
    }
}

/// What an item says of its device.
enum Content {
    /// A bare name.
    Text(String),
    /// Every property that names devices, also where one stands twice; no other is kept.
    Properties(Vec<(By, String)>),
    /// An object without any.
    Nameless { is_error: bool },
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a device's name or an object that has one")
    }

    fn visit_str<E>(self, text: &str) -> Result<Content, E> {
        Ok(Content::Text(text.to_owned()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Content, E> {
        Ok(Content::Text(number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Content, E> {
        Ok(Content::Text(number.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut properties: A) -> Result<Content, A::Error> {
        let mut named = Vec::new();
        let mut is_error = false;
        while let Some(name) = properties.next_key::<String>()? {
            let Some(by) = by_property(&name) else {
                is_error |= name == "error";
                properties.next_value::<IgnoredAny>()?;
                continue;
            };
            named.push((by, text(properties.next_value()?)));
        }
        Ok(if named.is_empty() {
            Content::Nameless { is_error }
        } else {
            Content::Properties(named)
        })
    }
}

/// A property's value; what is no name is as good as an empty one.
fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    }
}
