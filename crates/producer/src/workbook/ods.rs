//! `OpenDocument` spreadsheets (`.ods`), as streams of rows. Each cell says what it shows.

use std::collections::{HashMap, HashSet};

use quick_xml::events::{BytesStart, Event};

use super::package::Package;
use super::shared_texts::{push, text_cell};
use super::xml::{Xml, attribute, push_reference};
use super::{COLUMNS_MAX, ROWS_MAX, SheetInfo, SheetRow, WorkbookError};
use crate::cell::{Cell, Number};
use crate::key::{Malformed, shown};
use crate::number_format::whole;

const CONTENT: &str = "content.xml";

/// Blanks that one element may stand for.
const BLANKS_MAX: usize = 100;

/// An open spreadsheet.
pub(crate) struct Ods {
    package: Package,
    sheets: Vec<SheetInfo>,
}

impl Ods {
    pub(crate) fn open(package: Package) -> Result<Self, WorkbookError> {
        if is_encrypted(&package)? {
            return Err(WorkbookError::Password);
        }
        let mut xml = package.xml(CONTENT)?;
        let mut sheets = Vec::new();
        let mut style = String::new();
        let mut hidden_styles = HashSet::new();
        loop {
            match xml.next()? {
                Event::Start(element) => match element.local_name().as_ref() {
                    "style" => {
                        style = attribute(&element, "name").unwrap_or_default().into_owned();
                    }
                    "table-properties"
                        if attribute(&element, "display").as_deref() == Some("false") =>
                    {
                        hidden_styles.insert(style.clone());
                    }
                    "table" => {
                        let name = attribute(&element, "name").unwrap_or_default().into_owned();
                        let style = attribute(&element, "style-name").unwrap_or_default();
                        let hidden = hidden_styles.contains(style.as_ref());
                        sheets.push(SheetInfo { name, hidden });
                    }
                    _ => {}
                },
                Event::Eof => break,
                _ => {}
            }
        }
        Ok(Self { package, sheets })
    }

    pub(crate) fn sheets(&self) -> Vec<SheetInfo> {
        self.sheets.clone()
    }

    pub(crate) fn rows(&self, index: usize) -> Result<OdsRows, WorkbookError> {
        let mut xml = self.package.xml(CONTENT)?;
        let mut left = index + 1;
        let mut style = String::new();
        let mut flat_styles = HashSet::new();
        while left > 0 {
            match xml.next()? {
                Event::Start(element) => match element.local_name().as_ref() {
                    "table" => left -= 1,
                    "style" => {
                        style = attribute(&element, "name").unwrap_or_default().into_owned();
                    }
                    "table-row-properties" => {
                        let height = attribute(&element, "row-height").unwrap_or_default();
                        let digits = height.trim_end_matches(|c: char| c.is_ascii_alphabetic());
                        if digits.trim().parse() == Ok(0.0) {
                            flat_styles.insert(style.clone());
                        }
                    }
                    _ => {}
                },
                Event::Eof => return Err(WorkbookError::NoSheet),
                _ => {}
            }
        }
        Ok(OdsRows {
            xml,
            flat_styles,
            groups: Vec::new(),
            number: 0,
            again: None,
            done: false,
        })
    }
}

/// Whether the parts cannot be read without a password.
fn is_encrypted(package: &Package) -> Result<bool, WorkbookError> {
    const MANIFEST: &str = "META-INF/manifest.xml";
    if !package.has(MANIFEST) {
        return Ok(false);
    }
    let mut xml = package.xml(MANIFEST)?;
    loop {
        match xml.next()? {
            Event::Start(element) if element.local_name().as_ref() == "encryption-data" => {
                return Ok(true);
            }
            Event::Eof => return Ok(false),
            _ => {}
        }
    }
}

/// The rows of a sheet.
pub(crate) struct OdsRows {
    xml: Xml,
    /// Styles of rows that have no height.
    flat_styles: HashSet<String>,
    /// Whether each group that the next row is in is collapsed.
    groups: Vec<bool>,
    /// The last row's number, from 1.
    number: u32,
    /// A row that stands there several times, and how often it still does.
    again: Option<(SheetRow, u32)>,
    done: bool,
}

impl OdsRows {
    pub(crate) fn next_row(&mut self) -> Result<Option<SheetRow>, WorkbookError> {
        if let Some((row, times)) = &mut self.again {
            row.number += 1;
            *times -= 1;
            let row = row.clone();
            if self.again.as_ref().is_some_and(|(_, times)| *times == 0) {
                self.again = None;
            }
            return Ok(Some(row));
        }
        while !self.done {
            match self.xml.next()? {
                Event::Start(element) => match element.local_name().as_ref() {
                    "table-row-group" => {
                        let display = attribute(&element, "display");
                        self.groups.push(display.as_deref() == Some("false"));
                    }
                    "table-row" => {
                        let element = element.into_owned();
                        let (times, hidden) = self.row_begins(&element);
                        let cells = self.cells()?;
                        return self.row(times, hidden, cells).map(Some);
                    }
                    _ => {}
                },
                Event::End(element) => match element.local_name().as_ref() {
                    "table-row-group" => {
                        self.groups.pop();
                    }
                    "table" => self.done = true,
                    _ => {}
                },
                Event::Eof => {
                    return Err(WorkbookError::Damaged("its rows break off in the middle"));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// How often a row stands there, and whether it is hidden.
    fn row_begins(&self, element: &BytesStart<'_>) -> (u32, bool) {
        let visibility = attribute(element, "visibility");
        let style = attribute(element, "style-name").unwrap_or_default();
        let hidden = visibility.is_some_and(|visibility| visibility != "visible")
            || self.flat_styles.contains(style.as_ref())
            || self.groups.contains(&true);
        (repeated(element, "number-rows-repeated"), hidden)
    }

    fn row(
        &mut self,
        times: u32,
        hidden: bool,
        cells: Vec<Cell>,
    ) -> Result<SheetRow, WorkbookError> {
        let row = SheetRow {
            number: self.number.saturating_add(1),
            hidden,
            cells,
        };
        self.number = self.number.saturating_add(times);
        // The rest of a sheet is one row that stands there very often.
        let blank = row.cells.iter().all(Cell::is_blank);
        if !blank && self.number > ROWS_MAX {
            return Err(WorkbookError::Damaged("it has too many rows"));
        }
        if !blank && times > 1 {
            self.again = Some((row.clone(), times - 1));
        }
        Ok(row)
    }

    /// A row's cells.
    fn cells(&mut self) -> Result<Vec<Cell>, WorkbookError> {
        let mut cells: Vec<Cell> = Vec::new();
        let mut column = 0_usize;
        loop {
            let (element, covered) = match self.xml.next()? {
                Event::Start(element) => match element.local_name().as_ref() {
                    "table-cell" => (element.into_owned(), false),
                    "covered-table-cell" => (element.into_owned(), true),
                    _ => continue,
                },
                Event::End(element) if element.local_name().as_ref() == "table-row" => {
                    return Ok(cells);
                }
                Event::Eof => {
                    return Err(WorkbookError::Damaged("its rows break off in the middle"));
                }
                _ => continue,
            };
            let times = repeated(&element, "number-columns-repeated") as usize;
            let text = self.text()?;
            let cell = if covered {
                Cell::Unreadable(Malformed::Merged, shown(&text))
            } else {
                cell(&element, &text)
            };
            let end = column.saturating_add(times).min(COLUMNS_MAX);
            if cell != Cell::Empty && column < end {
                cells.resize(column, Cell::Empty);
                cells.resize(end, cell);
            }
            column = end;
        }
    }

    /// The text that a cell shows, up to its end; what is said of it in a note is no part of it.
    fn text(&mut self) -> Result<String, WorkbookError> {
        let mut text = String::new();
        let mut paragraphs = 0;
        let mut depth = 0_usize;
        let mut in_note = 0_usize;
        let mut in_paragraph = 0_usize;
        loop {
            match self.xml.next()? {
                Event::Start(element) => {
                    depth += 1;
                    match element.local_name().as_ref() {
                        "annotation" => in_note += 1,
                        _ if in_note > 0 => {}
                        "p" => {
                            if paragraphs > 0 {
                                text.push('\n');
                            }
                            paragraphs += 1;
                            in_paragraph += 1;
                        }
                        "s" => {
                            let times = repeated(&element, "c") as usize;
                            push(&mut text, &" ".repeat(times.min(BLANKS_MAX)));
                        }
                        "tab" => text.push('\t'),
                        "line-break" => text.push('\n'),
                        _ => {}
                    }
                }
                Event::End(element) => {
                    if depth == 0 {
                        return Ok(text);
                    }
                    depth -= 1;
                    match element.local_name().as_ref() {
                        "annotation" => in_note = in_note.saturating_sub(1),
                        "p" if in_note == 0 => in_paragraph = in_paragraph.saturating_sub(1),
                        _ => {}
                    }
                }
                Event::Text(piece) if in_paragraph > 0 && in_note == 0 => {
                    push(&mut text, &piece.xml10_content());
                }
                Event::CData(piece) if in_paragraph > 0 && in_note == 0 => {
                    push(&mut text, &piece.xml10_content());
                }
                Event::GeneralRef(reference) if in_paragraph > 0 && in_note == 0 => {
                    push_reference(&reference, &mut text);
                }
                Event::Eof => {
                    return Err(WorkbookError::Damaged("its rows break off in the middle"));
                }
                _ => {}
            }
        }
    }
}

/// How often an element stands there.
fn repeated(element: &BytesStart<'_>, name: &str) -> u32 {
    let times = attribute(element, name).and_then(|times| times.trim().parse().ok());
    times.unwrap_or(1).max(1)
}

/// A cell by its type and the text that it shows.
fn cell(element: &BytesStart<'_>, text: &str) -> Cell {
    // LibreOffice says twice what kind a value has, and only its own word tells an error from text.
    let mut types: HashMap<&str, String> = HashMap::new();
    let mut attributes = element.attributes();
    attributes.with_checks(false);
    let mut formula = None;
    for attribute in attributes.filter_map(Result::ok) {
        let own = attribute
            .key
            .prefix()
            .is_some_and(|prefix| prefix.as_ref() == "calcext");
        match attribute.key.local_name().as_ref() {
            "value-type" if own => drop(types.insert("own", attribute.value.into_owned())),
            "value-type" => drop(types.insert("type", attribute.value.into_owned())),
            "value" => drop(types.insert("value", attribute.value.into_owned())),
            "formula" => formula = Some(shown(&attribute.value)),
            _ => {}
        }
    }
    let kind = types.get("type").map_or("", String::as_str);
    let unreadable = |why| Cell::Unreadable(why, shown(text));
    if types.get("own").is_some_and(|own| own == "error") {
        return unreadable(Malformed::ErrorValue);
    }
    if kind.is_empty() && text.is_empty() {
        return match formula {
            Some(formula) => Cell::Unreadable(Malformed::Formula, formula),
            None => Cell::Empty,
        };
    }
    match kind {
        "" | "string" => text_cell(text),
        "float" => number(types.get("value").map_or("", String::as_str), text),
        "percentage" => unreadable(Malformed::Percentage),
        "currency" => unreadable(Malformed::Currency),
        "date" => unreadable(Malformed::Date),
        "time" => unreadable(Malformed::Time),
        "boolean" => unreadable(Malformed::Boolean),
        _ => unreadable(Malformed::Format),
    }
}

/// A number that shows a text.
fn number(value: &str, text: &str) -> Cell {
    let Ok(value) = value.trim().parse::<f64>() else {
        return Cell::Unreadable(Malformed::Format, shown(text));
    };
    let digits = match whole(value) {
        Ok(digits) => digits,
        Err(why) => return Cell::Unreadable(why, shown(text)),
    };
    if text.is_empty() {
        return Cell::digits(digits);
    }
    if let Some(why) = crate::mangled::mangled(text) {
        return Cell::Unreadable(why, shown(text));
    }
    // What is shown are the number's digits, perhaps with zeros before them or signs between them.
    let seen: String = text.chars().filter(char::is_ascii_digit).collect();
    let significant = seen.trim_start_matches('0');
    if significant != digits.trim_start_matches('0') {
        return Cell::Unreadable(Malformed::Format, shown(text));
    }
    Cell::Number(Number {
        shown: text.to_owned(),
        digits,
    })
}
