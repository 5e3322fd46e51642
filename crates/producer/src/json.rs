//! JSON lists: Graph's pages, arrays, objects one a line; whatever their size, one item is held.
//!
//! Items are cut out of the text by counting braces; only then is an item parsed. An object whose
//! `value` is an array is a page, wherever it stands, and its elements are the items.

use std::io::BufRead as _;

use repilot_domain::{By, is_same_user};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::cell::Cell;
use crate::columns::{by_property, normalise};
use crate::key::{Bad, Key, Malformed, key_of_cell, keys_of_cells, shown, user_of};
use crate::number_format::DIGITS_MAX;
use crate::reader::RowEnd;
use crate::rows::{Broken, Bytes};
use crate::user_column;

/// An item's number, from 1, its keys, and who is to be assigned.
type Item = (u64, Result<Vec<Key>, Bad>, Option<String>);

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
    /// The property that names devices, where it was asked for.
    column: Option<String>,
    /// The property that says who is to be assigned, where it was named.
    user_column: Option<String>,
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
    pub(crate) fn new(reader: Bytes, column: Option<&str>, user_column: Option<&str>) -> Self {
        Self {
            reader,
            within: Vec::new(),
            number: 0,
            item: Vec::new(),
            goes_on: false,
            page_goes_on: false,
            column: column.map(str::to_owned),
            user_column: user_column.map(str::to_owned),
        }
    }

    /// The next item.
    pub(crate) fn next_item(&mut self, row_end: &RowEnd) -> Result<Option<Item>, Broken> {
        if !self.cut_item(row_end)? {
            return Ok(None);
        }
        self.number += 1;
        let wanted = ContentOf {
            column: self.column.as_deref(),
            user_column: self.user_column.as_deref(),
        };
        let (keys, new_user) = read(&self.item, wanted);
        Ok(Some((self.number, keys, new_user)))
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

/// An item's keys, and who is to be assigned.
fn read(item: &[u8], wanted: ContentOf<'_>) -> (Result<Vec<Key>, Bad>, Option<String>) {
    let mut deserializer = serde_json::Deserializer::from_slice(item);
    let content = wanted
        .deserialize(&mut deserializer)
        .and_then(|content| deserializer.end().map(|()| content));
    match content {
        Ok(Content::Bare(cell)) => (key_of_cell(&cell, None).map(|key| vec![key]), None),
        Ok(Content::Nameless { is_error }) => {
            let bad = if is_error {
                Malformed::ErrorAnswer
            } else {
                Malformed::Nameless
            };
            (Err((bad, String::new())), None)
        }
        Ok(Content::Properties { mut named, users }) => {
            named.sort_by_key(|(by, _)| *by);
            let keys = keys_of_cells(named.iter().map(|(by, cell)| (*by, cell)));
            (keys, only(&users))
        }
        Err(_) => {
            // A hash may stand in what does not parse: a word is all that is shown.
            let is_word = item.iter().all(u8::is_ascii_alphanumeric);
            let word = if is_word { item } else { b"" };
            let word = shown(&String::from_utf8_lossy(word));
            (Err((Malformed::Json, word)), None)
        }
    }
}

/// The one user whom properties name; several are none that could be assigned, and shown as they
/// came.
fn only(users: &[String]) -> Option<String> {
    let mut users: Vec<String> = users.iter().map(|user| user_of(user)).collect();
    users.dedup_by(|one, other| is_same_user(one, other));
    (!users.is_empty()).then(|| users.join(" | "))
}

/// What an item says of its device.
enum Content {
    /// A bare name.
    Bare(Cell),
    /// Every property that names devices, also where one stands twice, and those that say who is to
    /// be assigned; no other is kept.
    Properties {
        named: Vec<(By, Cell)>,
        users: Vec<String>,
    },
    /// An object without any.
    Nameless { is_error: bool },
}

#[derive(Clone, Copy)]
struct ContentOf<'a> {
    /// The property that names devices, where it was asked for.
    column: Option<&'a str>,
    user_column: Option<&'a str>,
}

impl ContentOf<'_> {
    /// What a property names, if it names devices.
    fn names(&self, property: &str) -> Option<By> {
        match self.column {
            Some(asked_for) if normalise(asked_for) == normalise(property) => {
                by_property(property).or(Some(By::Serial))
            }
            Some(_) => None,
            None => by_property(property),
        }
    }
}

impl<'de> DeserializeSeed<'de> for ContentOf<'_> {
    type Value = Content;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ContentOf<'_> {
    type Value = Content;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a device's name or an object that has one")
    }

    fn visit_str<E>(self, text: &str) -> Result<Content, E> {
        Ok(Content::Bare(Cell::text(text)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Content, E> {
        Ok(Content::Bare(cell(&number.into())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Content, E> {
        Ok(Content::Bare(cell(&number.into())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Content, E> {
        Ok(Content::Bare(cell(&number.into())))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Bare(cell(&value.into())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut properties: A) -> Result<Content, A::Error> {
        let (mut named, mut users) = (Vec::new(), Vec::new());
        let mut is_error = false;
        while let Some(name) = properties.next_key::<String>()? {
            let by = self.names(&name);
            let is_user = user_column::is_meant(&name, self.user_column);
            if by.is_none() && !is_user {
                is_error |= name == "error";
                properties.next_value::<IgnoredAny>()?;
                continue;
            }
            let cell = cell(&properties.next_value()?);
            if is_user {
                users.push(cell.shown().to_owned());
            }
            if let Some(by) = by {
                named.push((by, cell));
            }
        }
        Ok(if named.is_empty() {
            Content::Nameless { is_error }
        } else {
            Content::Properties { named, users }
        })
    }
}

/// A property's value. A number has lost the zeros before it, and may have lost digits; what is no
/// name is as good as an empty one.
fn cell(value: &Value) -> Cell {
    let number = match value {
        Value::String(text) => return Cell::text(text.as_str()),
        Value::Null | Value::Array(_) | Value::Object(_) => return Cell::Empty,
        Value::Bool(value) => {
            return Cell::Unreadable(Malformed::Boolean, value.to_string());
        }
        Value::Number(number) => number,
    };
    let text = number.to_string();
    let why = match number.as_u64() {
        Some(_) if text.len() <= DIGITS_MAX => return Cell::digits(text),
        Some(_) => Malformed::TooManyDigits,
        None if number.is_i64() => Malformed::Negative,
        None if text.contains(['e', 'E']) => Malformed::Exponent,
        None => Malformed::Decimals,
    };
    Cell::Unreadable(why, text)
}
