//! Excel workbooks (`.xlsx`, `.xlsm`), as streams of rows.

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::Arc;

use quick_xml::events::{BytesStart, Event};

use super::package::Package;
use super::shared_texts::{SharedTexts, push, text_cell, unescaped};
use super::xml::{Xml, attribute, is_true, push_reference};
use super::{COLUMNS_MAX, ROWS_MAX, SheetInfo, SheetRow, WorkbookError};
use crate::cell::Cell;
use crate::key::Malformed;
use crate::number_format::NumberFormat;

/// An open workbook.
pub(crate) struct Xlsx {
    package: Package,
    sheets: Vec<(SheetInfo, String)>,
    texts: Arc<SharedTexts>,
    /// The formats of numbers, as cells refer to them.
    formats: Arc<Vec<NumberFormat>>,
    dates_from_1904: bool,
}

/// Cells of a sheet that show nothing of their own.
#[derive(Debug, Default)]
pub(super) struct Covered {
    /// Merged cells as [first row, last row, first column, last column] from 0, by their first row.
    areas: Vec<[u32; 4]>,
    /// How many of them have begun.
    begun: usize,
    /// Those that the current row is in.
    active: Vec<[u32; 4]>,
}

/// More merged cells than any list has.
const MERGED_MAX: usize = 100_000;

/// Columns that are marked as covered where a row has no cells of its own.
const MARKED: usize = 64;

/// What stands where no cell can be is no cell of any row.
const OUT_OF_PLACE: WorkbookError = WorkbookError::Damaged("a cell is out of its place");

/// As much of a formula as a person needs to find it.
const FORMULA_MAX_BYTES: usize = 60;

impl Xlsx {
    pub(crate) fn open(package: Package) -> Result<Self, WorkbookError> {
        let main = main_part(&package, "xl/workbook.xml")?;
        let folder = main.rsplit_once('/').map_or("", |(folder, _)| folder);
        let targets = relations(&package, &main)?;
        let target = |kind: &str| {
            let mut all = targets.values();
            all.find(|(of_kind, _)| of_kind == kind)
                .map(|(_, target)| resolved(folder, target))
        };
        let mut xml = package.xml(&main)?;
        let mut sheets = Vec::new();
        let mut dates_from_1904 = false;
        loop {
            match xml.next()? {
                Event::Start(element) => match element.local_name().as_ref() {
                    "workbookPr" => {
                        let date1904 = attribute(&element, "date1904");
                        dates_from_1904 = date1904.is_some_and(|value| is_true(&value));
                    }
                    "sheet" => sheets.extend(sheet(&element, folder, &targets)),
                    _ => {}
                },
                Event::Eof => break,
                _ => {}
            }
        }
        let texts = SharedTexts::read(&package, target("sharedStrings").as_deref())?;
        let formats = match target("styles").filter(|part| package.has(part)) {
            Some(part) => formats(&mut package.xml(&part)?)?,
            None => Vec::new(),
        };
        Ok(Self {
            package,
            sheets,
            texts: Arc::new(texts),
            formats: Arc::new(formats),
            dates_from_1904,
        })
    }

    pub(crate) fn sheets(&self) -> Vec<SheetInfo> {
        self.sheets.iter().map(|(sheet, _)| sheet.clone()).collect()
    }

    pub(crate) fn rows(&self, index: usize) -> Result<XlsxRows, WorkbookError> {
        let (_, part) = self.sheets.get(index).ok_or(WorkbookError::NoSheet)?;
        Ok(XlsxRows {
            covered: covered(&self.package, part)?,
            xml: self.package.xml(part)?,
            texts: Arc::clone(&self.texts),
            formats: Arc::clone(&self.formats),
            dates_from_1904: self.dates_from_1904,
            number: 0,
            done: false,
        })
    }
}

/// Where the workbook's own part is; where nothing says so, in the usual place.
pub(super) fn main_part(package: &Package, usual: &str) -> Result<String, WorkbookError> {
    let targets = relations(package, "")?;
    let mut all = targets.values();
    let named = all.find(|(kind, _)| kind == "officeDocument");
    let part = named.map_or_else(|| usual.to_owned(), |(_, target)| resolved("", target));
    Ok(part)
}

/// The parts that a part refers to, by their ids: what kind each is, and where.
pub(super) fn relations(
    package: &Package,
    part: &str,
) -> Result<HashMap<String, (String, String)>, WorkbookError> {
    let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
    let name = format!("{folder}/_rels/{file}.rels");
    let mut targets = HashMap::new();
    if !package.has(&name) {
        return Ok(targets);
    }
    let mut xml = package.xml(&name)?;
    loop {
        match xml.next()? {
            Event::Start(element) if element.local_name().as_ref() == "Relationship" => {
                let [id, kind, target] =
                    ["Id", "Type", "Target"].map(|name| attribute(&element, name));
                if let (Some(id), Some(kind), Some(target)) = (id, kind, target) {
                    let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
                    targets.insert(id.into_owned(), (kind, target.into_owned()));
                }
            }
            Event::Eof => return Ok(targets),
            _ => {}
        }
    }
}

/// A target as a part's name.
pub(super) fn resolved(folder: &str, target: &str) -> String {
    if target.starts_with('/') {
        return target.to_owned();
    }
    let mut path: Vec<&str> = folder.split('/').filter(|step| !step.is_empty()).collect();
    for step in target.split('/') {
        match step {
            "." | "" => {}
            ".." => {
                path.pop();
            }
            step => path.push(step),
        }
    }
    path.join("/")
}

/// A sheet of cells: its name and its part; others, such as charts, are none.
fn sheet(
    element: &BytesStart<'_>,
    folder: &str,
    targets: &HashMap<String, (String, String)>,
) -> Option<(SheetInfo, String)> {
    let name = attribute(element, "name")?.into_owned();
    let state = attribute(element, "state");
    let (kind, target) = targets.get(attribute(element, "id")?.as_ref())?;
    let hidden = state.is_some_and(|state| state != "visible");
    (kind == "worksheet").then(|| (SheetInfo { name, hidden }, resolved(folder, target)))
}

/// The formats of numbers, as cells refer to them.
fn formats(xml: &mut Xml) -> Result<Vec<NumberFormat>, WorkbookError> {
    let mut own: HashMap<u32, NumberFormat> = HashMap::new();
    let mut formats = Vec::new();
    let mut in_cell_formats = false;
    loop {
        match xml.next()? {
            Event::Start(element) => match element.local_name().as_ref() {
                "numFmt" => {
                    let id = attribute(&element, "numFmtId").and_then(|id| id.parse().ok());
                    let code = attribute(&element, "formatCode");
                    if let (Some(id), Some(code)) = (id, code) {
                        own.insert(id, NumberFormat::of_code(&code));
                    }
                }
                "cellXfs" => in_cell_formats = true,
                "xf" if in_cell_formats => {
                    let id = attribute(&element, "numFmtId");
                    let id = id.map_or(Some(0), |id| id.parse().ok());
                    let format = id.map_or(NumberFormat::Other(Malformed::Format), |id| {
                        let built_in = || NumberFormat::built_in(id);
                        own.get(&id).cloned().unwrap_or_else(built_in)
                    });
                    formats.push(format);
                }
                _ => {}
            },
            Event::End(element) if element.local_name().as_ref() == "cellXfs" => {
                in_cell_formats = false;
            }
            Event::Eof => return Ok(formats),
            _ => {}
        }
    }
}

/// The cells that merged ones cover. They are listed behind the rows, so the part is read once more;
/// only that much of it is looked at as XML.
fn covered(package: &Package, part: &str) -> Result<Covered, WorkbookError> {
    const NEEDLE: &[u8] = b"mergeCells";
    let Some(mut bytes) = package.read(part)? else {
        return Err(WorkbookError::Missing(part.to_owned()));
    };
    let finder = memchr::memmem::Finder::new(NEEDLE);
    let mut chunk = vec![0; 64 * 1024];
    let mut kept = 0;
    loop {
        let read = bytes.read(&mut chunk[kept..])?;
        if read == 0 {
            return Ok(Covered::default());
        }
        let filled = kept + read;
        // The name of an element, with a prefix or without, and no word in a text.
        let is_element = |at: &usize| *at > 0 && matches!(chunk[at - 1], b'<' | b':');
        let found = finder.find_iter(&chunk[..filled]).find(is_element);
        if let Some(at) = found {
            let start = [b"<s><", &chunk[at..filled]].concat();
            let rest = std::io::Cursor::new(start).chain(bytes);
            return merged(&mut Xml::new(Box::new(rest)));
        }
        // What the name, and the sign before it, may begin in.
        let tail = filled.min(NEEDLE.len());
        chunk.copy_within(filled - tail..filled, 0);
        kept = tail;
    }
}

fn merged(xml: &mut Xml) -> Result<Covered, WorkbookError> {
    let mut covered = Vec::new();
    loop {
        match xml.next() {
            Ok(Event::Start(element)) if element.local_name().as_ref() == "mergeCell" => {
                covered.extend(attribute(&element, "ref").and_then(|range| area(&range)));
                if covered.len() > MERGED_MAX {
                    return Err(WorkbookError::Damaged("it has too many merged cells"));
                }
            }
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Covered::of(covered))
}

/// An area such as `A2:B5`, as [first row, last row, first column, last column] from 0.
fn area(range: &str) -> Option<[u32; 4]> {
    let (first, last) = range.split_once(':')?;
    let ((row, column), (last_row, last_column)) = (position(first)?, position(last)?);
    Some([row, last_row, column, last_column])
}

/// A position such as `B3`: row and column from 0.
fn position(reference: &str) -> Option<(u32, u32)> {
    let reference = reference.as_bytes();
    let letters = reference
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic());
    let letters = letters.count();
    let mut column = 0_u32;
    for letter in &reference[..letters] {
        let letter = u32::from(letter.to_ascii_uppercase() - b'A') + 1;
        column = column.checked_mul(26)?.checked_add(letter)?;
    }
    let mut row = 0_u32;
    for digit in &reference[letters..] {
        let digit = char::from(*digit).to_digit(10)?;
        row = row.checked_mul(10)?.checked_add(digit)?;
    }
    Some((row.checked_sub(1)?, column.checked_sub(1)?))
}

impl Covered {
    /// Of merged cells in any order.
    pub(super) fn of(mut areas: Vec<[u32; 4]>) -> Self {
        areas.sort_unstable();
        Self {
            areas,
            ..Self::default()
        }
    }

    /// Marks the cells of a row that show nothing of their own; rows come in order.
    pub(super) fn mark(&mut self, row: u32, cells: &mut Vec<Cell>) -> Result<(), WorkbookError> {
        let ahead = &self.areas[self.begun..];
        let starting = ahead.iter().take_while(|[first, ..]| *first <= row).count();
        self.active.extend_from_slice(&ahead[..starting]);
        self.begun += starting;
        self.active.retain(|[_, last, ..]| *last >= row);
        if self.active.len() > COLUMNS_MAX {
            return Err(WorkbookError::Damaged("its merged cells overlap"));
        }
        let columns = cells.len().clamp(MARKED, COLUMNS_MAX);
        for [first, _, left, right] in &self.active {
            let left_out = usize::from(row == *first);
            let (left, right) = (*left as usize, *right as usize);
            for column in left + left_out..(right + 1).min(columns) {
                if cells.len() <= column {
                    cells.resize(column + 1, Cell::Empty);
                }
                if !matches!(cells[column], Cell::Unreadable(Malformed::Merged, _)) {
                    let value = cells[column].shown().to_owned();
                    cells[column] = Cell::Unreadable(Malformed::Merged, value);
                }
            }
        }
        Ok(())
    }
}

/// The rows of a sheet.
pub(crate) struct XlsxRows {
    xml: Xml,
    texts: Arc<SharedTexts>,
    formats: Arc<Vec<NumberFormat>>,
    covered: Covered,
    dates_from_1904: bool,
    /// The last row's number, from 1.
    number: u32,
    done: bool,
}

/// A cell in the making.
#[derive(Default)]
struct Raw {
    /// Its row and column from 0, where it says.
    place: Option<(u32, u32)>,
    kind: String,
    style: usize,
    value: String,
    text: String,
    formula: Option<String>,
}

impl XlsxRows {
    pub(crate) fn next_row(&mut self) -> Result<Option<SheetRow>, WorkbookError> {
        while !self.done {
            match self.xml.next()? {
                Event::Start(element) if element.local_name().as_ref() == "row" => {
                    let number = attribute(&element, "r");
                    let number = number.map(|number| number.trim().parse::<u32>().unwrap_or(0));
                    let is = |name| attribute(&element, name).is_some_and(|value| is_true(&value));
                    let height = attribute(&element, "ht").and_then(|height| height.parse().ok());
                    let hidden = is("hidden") || height == Some(0.0);
                    let number = number.unwrap_or(self.number.saturating_add(1));
                    if number <= self.number || number > ROWS_MAX {
                        return Err(WorkbookError::Damaged("its rows are not in order"));
                    }
                    self.number = number;
                    let mut cells = self.cells()?;
                    self.covered.mark(self.number - 1, &mut cells)?;
                    return Ok(Some(SheetRow {
                        number: self.number,
                        hidden,
                        cells,
                    }));
                }
                Event::End(element) if element.local_name().as_ref() == "sheetData" => {
                    self.done = true;
                }
                Event::Eof => {
                    return Err(WorkbookError::Damaged("its rows break off in the middle"));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// A row's cells.
    fn cells(&mut self) -> Result<Vec<Cell>, WorkbookError> {
        let mut cells: Vec<Cell> = Vec::new();
        let mut raw = Raw::default();
        let mut next = 0;
        let (mut in_value, mut in_formula, mut in_text) = (false, false, false);
        let mut in_phonetic = false;
        loop {
            match self.xml.next()? {
                Event::Start(element) => match element.local_name().as_ref() {
                    "c" => {
                        raw.begin(&element)?;
                    }
                    "v" => in_value = true,
                    "f" => {
                        in_formula = true;
                        raw.formula = Some(String::new());
                    }
                    "t" => in_text = !in_phonetic,
                    "rPh" => in_phonetic = true,
                    _ => {}
                },
                Event::Text(piece) => {
                    let piece = piece.xml10_content();
                    raw.take(&piece, in_value, in_formula, in_text);
                }
                Event::CData(piece) => {
                    let piece = piece.xml10_content();
                    raw.take(&piece, in_value, in_formula, in_text);
                }
                Event::GeneralRef(reference) => {
                    let mut piece = String::new();
                    push_reference(&reference, &mut piece);
                    raw.take(&piece, in_value, in_formula, in_text);
                }
                Event::End(element) => match element.local_name().as_ref() {
                    "v" => in_value = false,
                    "f" => in_formula = false,
                    "t" => in_text = false,
                    "rPh" => in_phonetic = false,
                    "c" => {
                        let (row, column) = raw.place.unwrap_or((self.number - 1, next));
                        // What stands where it does not belong may be another row's.
                        if row + 1 != self.number || column < next {
                            return Err(OUT_OF_PLACE);
                        }
                        next = column.saturating_add(1);
                        let column = column as usize;
                        let cell = raw.cell(&self.texts, &self.formats, self.dates_from_1904);
                        if column < COLUMNS_MAX && cell != Cell::Empty {
                            if cells.len() <= column {
                                cells.resize(column + 1, Cell::Empty);
                            }
                            cells[column] = cell;
                        }
                    }
                    "row" => return Ok(cells),
                    _ => {}
                },
                Event::Eof => {
                    return Err(WorkbookError::Damaged("its rows break off in the middle"));
                }
                _ => {}
            }
        }
    }
}

impl Raw {
    fn begin(&mut self, element: &BytesStart<'_>) -> Result<(), WorkbookError> {
        self.kind.clear();
        self.value.clear();
        self.text.clear();
        self.formula = None;
        self.place = None;
        self.style = 0;
        let mut attributes = element.attributes();
        attributes.with_checks(false);
        for attribute in attributes.filter_map(Result::ok) {
            match attribute.key.local_name().as_ref() {
                "r" => self.place = Some(position(&attribute.value).ok_or(OUT_OF_PLACE)?),
                "t" => self.kind.push_str(&attribute.value),
                // What cannot be a style has a format that nobody knows.
                "s" => self.style = attribute.value.trim().parse().unwrap_or(usize::MAX),
                _ => {}
            }
        }
        Ok(())
    }

    fn take(&mut self, piece: &str, in_value: bool, in_formula: bool, in_text: bool) {
        if in_value {
            push(&mut self.value, piece);
        } else if in_formula {
            if let Some(formula) = self
                .formula
                .as_mut()
                .filter(|f| f.len() < FORMULA_MAX_BYTES)
            {
                formula.extend(piece.chars().take(FORMULA_MAX_BYTES));
            }
        } else if in_text {
            push(&mut self.text, piece);
        }
    }

    fn cell(&self, texts: &SharedTexts, formats: &[NumberFormat], dates_from_1904: bool) -> Cell {
        let value = self.value.as_str();
        if let Some(formula) = &self.formula {
            let is_number = self.kind.is_empty() || self.kind == "n";
            // Programs that cannot calculate write no result, or 0 for it.
            let unsaved = if is_number {
                value.trim().is_empty() || value.trim().parse() == Ok(0.0)
            } else {
                value.is_empty() && self.kind != "str"
            };
            if unsaved {
                return Cell::Unreadable(Malformed::Formula, format!("={formula}"));
            }
        }
        match self.kind.as_str() {
            "s" => texts.cell(value),
            "inlineStr" => text_cell(&unescaped(&self.text)),
            "str" => text_cell(&unescaped(value)),
            "b" => {
                let word = if is_true(value) { "TRUE" } else { "FALSE" };
                Cell::Unreadable(Malformed::Boolean, word.to_owned())
            }
            "e" => Cell::Unreadable(Malformed::ErrorValue, value.to_owned()),
            "d" => Cell::Unreadable(Malformed::Date, value.to_owned()),
            "" | "n" if value.trim().is_empty() => Cell::Empty,
            "" | "n" => number_cell(formats, self.style, value, dates_from_1904),
            _ => Cell::Unreadable(Malformed::Format, value.to_owned()),
        }
    }
}

/// A cell that holds a number, by the format that it refers to.
pub(super) fn number_cell(
    formats: &[NumberFormat],
    style: usize,
    written: &str,
    dates_from_1904: bool,
) -> Cell {
    match formats.get(style) {
        Some(format) => format.cell(written, dates_from_1904),
        // A workbook without styles has one format.
        None if formats.is_empty() => NumberFormat::General.cell(written, dates_from_1904),
        None => NumberFormat::Other(Malformed::Format).cell(written, dates_from_1904),
    }
}
