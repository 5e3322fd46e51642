//! Excel's packed workbooks (`.xlsb`), as streams of rows.
//!
//! A part is a sequence of records: a number that says what it is, its length, and its bytes. A cell
//! has a record of its own, in one of two forms: with its column, or in the column behind the cell
//! before it.

use std::collections::HashMap;
use std::io::{BufReader, Read};
use std::sync::Arc;

use super::package::Package;
use super::shared_texts::{SharedTexts, text_cell};
use super::xlsx::{Covered, main_part, number_cell, relations, resolved};
use super::{COLUMNS_MAX, ROWS_MAX, SheetInfo, SheetRow, WorkbookError};
use crate::cell::Cell;
use crate::key::{Malformed, shown};
use crate::number_format::NumberFormat;

/// As much of a record as is kept: no text that names a device is longer.
const RECORD_MAX_BYTES: u64 = 8 * 1024;

/// More merged cells than any list has.
const MERGED_MAX: usize = 100_000;

const CUT_SHORT: WorkbookError = WorkbookError::Damaged("a record ends too early");

/// Numbers of the records that matter, as Microsoft's [MS-XLSB] gives them.
mod record {
    pub(super) const ROW: u32 = 0;
    pub(super) const BLANK: u32 = 1;
    pub(super) const RK: u32 = 2;
    pub(super) const ERROR: u32 = 3;
    pub(super) const BOOL: u32 = 4;
    pub(super) const REAL: u32 = 5;
    pub(super) const TEXT: u32 = 6;
    pub(super) const SHARED_TEXT: u32 = 7;
    pub(super) const FORMULA_TEXT: u32 = 8;
    pub(super) const FORMULA_NUMBER: u32 = 9;
    pub(super) const FORMULA_BOOL: u32 = 10;
    pub(super) const FORMULA_ERROR: u32 = 11;
    /// The first and the last of the cells without a column, in the order of [`BLANK`] to
    /// [`SHARED_TEXT`].
    pub(super) const SHORT: std::ops::RangeInclusive<u32> = 12..=18;
    pub(super) const SHARED_ITEM: u32 = 19;
    pub(super) const FORMAT: u32 = 44;
    pub(super) const CELL_FORMAT: u32 = 47;
    pub(super) const RICH_TEXT: u32 = 62;
    pub(super) const SHEET_DATA_ENDS: u32 = 146;
    pub(super) const WORKBOOK_PROPERTIES: u32 = 153;
    pub(super) const SHEET: u32 = 156;
    pub(super) const MERGED: u32 = 176;
    pub(super) const CELL_FORMATS_BEGIN: u32 = 617;
    pub(super) const CELL_FORMATS_END: u32 = 618;
}

/// An open workbook.
pub(crate) struct Xlsb {
    package: Package,
    sheets: Vec<(SheetInfo, String)>,
    texts: Arc<SharedTexts>,
    formats: Arc<Vec<NumberFormat>>,
    dates_from_1904: bool,
}

impl Xlsb {
    pub(crate) fn open(package: Package) -> Result<Self, WorkbookError> {
        let main = main_part(&package, "xl/workbook.bin")?;
        let folder = main.rsplit_once('/').map_or("", |(folder, _)| folder);
        let targets = relations(&package, &main)?;
        let target = |kind: &str| {
            let mut all = targets.values();
            let found = all.find(|(of_kind, _)| of_kind == kind);
            found
                .map(|(_, target)| resolved(folder, target))
                .filter(|part| package.has(part))
        };
        let mut records = Records::of(&package, &main)?;
        let mut sheets = Vec::new();
        let mut dates_from_1904 = false;
        while let Some(kind) = records.next()? {
            let bytes = &records.bytes;
            match kind {
                record::WORKBOOK_PROPERTIES => dates_from_1904 = u32_at(bytes, 0)? & 1 != 0,
                record::SHEET => {
                    let hidden = u32_at(bytes, 0)? != 0;
                    let (id, behind) = wide_text(bytes, 8)?;
                    let (name, _) = wide_text(bytes, behind)?;
                    if let Some((kind, target)) = targets.get(&id)
                        && kind == "worksheet"
                    {
                        sheets.push((SheetInfo { name, hidden }, resolved(folder, target)));
                    }
                }
                _ => {}
            }
        }
        let mut texts = SharedTexts::default();
        if let Some(part) = target("sharedStrings") {
            let mut records = Records::of(&package, &part)?;
            while let Some(kind) = records.next()? {
                if kind == record::SHARED_ITEM {
                    texts.push(&wide_text(&records.bytes, 1)?.0)?;
                }
            }
        }
        let formats = match target("styles") {
            Some(part) => formats(&mut Records::of(&package, &part)?)?,
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

    pub(crate) fn rows(&self, index: usize) -> Result<XlsbRows, WorkbookError> {
        let (_, part) = self.sheets.get(index).ok_or(WorkbookError::NoSheet)?;
        Ok(XlsbRows {
            // Merged cells are listed behind the rows.
            covered: covered(&mut Records::of(&self.package, part)?)?,
            records: Records::of(&self.package, part)?,
            texts: Arc::clone(&self.texts),
            formats: Arc::clone(&self.formats),
            dates_from_1904: self.dates_from_1904,
            begun: None,
            last: None,
            done: false,
        })
    }
}

/// The formats of numbers, as cells refer to them.
fn formats(records: &mut Records) -> Result<Vec<NumberFormat>, WorkbookError> {
    let mut own: HashMap<u32, NumberFormat> = HashMap::new();
    let mut formats = Vec::new();
    let mut in_cell_formats = false;
    while let Some(kind) = records.next()? {
        let bytes = &records.bytes;
        match kind {
            record::FORMAT => {
                let code = wide_text(bytes, 2)?.0;
                own.insert(u16_at(bytes, 0)?, NumberFormat::of_code(&code));
            }
            record::CELL_FORMATS_BEGIN => in_cell_formats = true,
            record::CELL_FORMATS_END => in_cell_formats = false,
            record::CELL_FORMAT if in_cell_formats => {
                let id = u16_at(bytes, 2)?;
                let built_in = || NumberFormat::built_in(id);
                formats.push(own.get(&id).cloned().unwrap_or_else(built_in));
            }
            _ => {}
        }
    }
    Ok(formats)
}

/// The cells that merged ones cover.
fn covered(records: &mut Records) -> Result<Covered, WorkbookError> {
    let mut areas = Vec::new();
    while let Some(kind) = records.next()? {
        if kind == record::MERGED {
            let bytes = &records.bytes;
            areas.push([
                u32_at(bytes, 0)?,
                u32_at(bytes, 4)?,
                u32_at(bytes, 8)?,
                u32_at(bytes, 12)?,
            ]);
        }
        if areas.len() > MERGED_MAX {
            return Err(WorkbookError::Damaged("it has too many merged cells"));
        }
    }
    Ok(Covered::of(areas))
}

/// The rows of a sheet.
pub(crate) struct XlsbRows {
    records: Records,
    texts: Arc<SharedTexts>,
    formats: Arc<Vec<NumberFormat>>,
    covered: Covered,
    dates_from_1904: bool,
    /// The row whose cells are being read.
    begun: Option<SheetRow>,
    /// The column of the last cell.
    last: Option<usize>,
    done: bool,
}

impl XlsbRows {
    pub(crate) fn next_row(&mut self) -> Result<Option<SheetRow>, WorkbookError> {
        while !self.done {
            let Some(kind) = self.records.next()? else {
                return Err(CUT_SHORT);
            };
            match kind {
                record::ROW => {
                    let row = self.row()?;
                    let before = self.begun.replace(row);
                    self.last = None;
                    if let Some(before) = before {
                        return self.whole(before).map(Some);
                    }
                }
                record::SHEET_DATA_ENDS => self.done = true,
                _ => self.take(kind)?,
            }
        }
        let last = self.begun.take();
        last.map(|row| self.whole(row)).transpose()
    }

    fn row(&self) -> Result<SheetRow, WorkbookError> {
        /// The bit that says that the row's height is none.
        const HIDDEN: u8 = 0x10;
        let bytes = &self.records.bytes;
        let number = u32_at(bytes, 0)?.saturating_add(1);
        let before = self.begun.as_ref().map_or(0, |row| row.number);
        if number > ROWS_MAX || number <= before {
            return Err(WorkbookError::Damaged("a row is out of its place"));
        }
        Ok(SheetRow {
            number,
            hidden: bytes.get(11).ok_or(CUT_SHORT)? & HIDDEN != 0,
            cells: Vec::new(),
        })
    }

    fn whole(&mut self, mut row: SheetRow) -> Result<SheetRow, WorkbookError> {
        self.covered.mark(row.number - 1, &mut row.cells)?;
        Ok(row)
    }

    /// Takes a record that may be a cell of the row that was begun.
    fn take(&mut self, kind: u32) -> Result<(), WorkbookError> {
        let is_short = record::SHORT.contains(&kind);
        let is_cell = is_short || kind <= record::FORMULA_ERROR || kind == record::RICH_TEXT;
        let Some(row) = self.begun.as_mut().filter(|_| is_cell) else {
            return Ok(());
        };
        let bytes = &self.records.bytes;
        let (column, kind, style_at) = if is_short {
            let column = self.last.map_or(0, |last| last + 1);
            (column, kind - record::SHORT.start() + record::BLANK, 0)
        } else {
            (u32_at(bytes, 0)? as usize, kind, 4)
        };
        if column >= COLUMNS_MAX || self.last.is_some_and(|last| column <= last) {
            return Err(WorkbookError::Damaged("a cell is out of its place"));
        }
        self.last = Some(column);
        let style = (u32_at(bytes, style_at)? & 0x00ff_ffff) as usize;
        let value = style_at + 4;
        let number = |number: f64| {
            let written = number.to_string();
            number_cell(&self.formats, style, &written, self.dates_from_1904)
        };
        let formula = |number: f64| Cell::Unreadable(Malformed::Formula, number.to_string());
        let cell = match kind {
            record::BLANK => Cell::Empty,
            record::RK => number(rk(u32_at(bytes, value)?)),
            record::REAL => number(f64_at(bytes, value)?),
            // Programs that cannot calculate write 0 for a result.
            record::FORMULA_NUMBER => match f64_at(bytes, value)? {
                0.0 => formula(0.0),
                result => number(result),
            },
            record::TEXT | record::FORMULA_TEXT => text_cell(&wide_text(bytes, value)?.0),
            record::RICH_TEXT => text_cell(&wide_text(bytes, value + 1)?.0),
            record::SHARED_TEXT => match u32_at(bytes, value)? {
                // Some programs write it for an empty cell.
                u32::MAX => Cell::Empty,
                place => self.texts.cell(&place.to_string()),
            },
            record::BOOL | record::FORMULA_BOOL => {
                let word = match bytes.get(value).ok_or(CUT_SHORT)? {
                    0 => "FALSE",
                    _ => "TRUE",
                };
                Cell::Unreadable(Malformed::Boolean, word.to_owned())
            }
            record::ERROR | record::FORMULA_ERROR => {
                Cell::Unreadable(Malformed::ErrorValue, "an error".to_owned())
            }
            _ => Cell::Unreadable(Malformed::Format, shown("?")),
        };
        row.cells.resize(column, Cell::Empty);
        row.cells.push(cell);
        Ok(())
    }
}

/// A number in four bytes: a whole one, or the upper half of a fraction; either may be a hundred
/// times too large.
fn rk(bits: u32) -> f64 {
    let number = if bits & 2 == 0 {
        f64::from_bits(u64::from(bits & !3) << 32)
    } else {
        f64::from(bits.cast_signed() >> 2)
    };
    if bits & 1 == 0 {
        number
    } else {
        number / 100.0
    }
}

/// The records of a part.
struct Records {
    part: BufReader<Box<dyn Read + Send>>,
    /// The bytes of the last record, as far as they are kept.
    bytes: Vec<u8>,
}

impl Records {
    fn of(package: &Package, part: &str) -> Result<Self, WorkbookError> {
        let bytes = package.read(part)?;
        let bytes = bytes.ok_or_else(|| WorkbookError::Missing(part.to_owned()))?;
        Ok(Self {
            part: BufReader::new(bytes),
            bytes: Vec::new(),
        })
    }

    /// Reads the next record and says what it is; `None` at the part's end.
    fn next(&mut self) -> Result<Option<u32>, WorkbookError> {
        let Some(first) = self.byte()? else {
            return Ok(None);
        };
        let mut kind = u32::from(first);
        if first & 0x80 != 0 {
            let second = self.byte()?.ok_or(CUT_SHORT)?;
            kind = u32::from(first & 0x7f) | u32::from(second & 0x7f) << 7;
        }
        let mut length = 0_u64;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?.ok_or(CUT_SHORT)?;
            length |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        self.bytes.clear();
        let kept = length.min(RECORD_MAX_BYTES);
        let read = (&mut self.part).take(kept).read_to_end(&mut self.bytes)?;
        let rest = (&mut self.part).take(length - kept);
        let rest = std::io::copy(&mut { rest }, &mut std::io::sink())?;
        if read as u64 + rest < length {
            return Err(CUT_SHORT);
        }
        Ok(Some(kind))
    }

    fn byte(&mut self) -> Result<Option<u8>, WorkbookError> {
        let mut byte = [0];
        let read = self.part.read(&mut byte)?;
        Ok((read == 1).then_some(byte[0]))
    }
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], WorkbookError> {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk());
    found.copied().ok_or(CUT_SHORT)
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u32, WorkbookError> {
    Ok(u32::from(u16::from_le_bytes(array_at(bytes, at)?)))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, WorkbookError> {
    Ok(u32::from_le_bytes(array_at(bytes, at)?))
}

fn f64_at(bytes: &[u8], at: usize) -> Result<f64, WorkbookError> {
    Ok(f64::from_le_bytes(array_at(bytes, at)?))
}

/// A text in UTF-16 with its length before it, and where it ends; of a text that is longer than what
/// is kept of a record, its beginning.
fn wide_text(bytes: &[u8], at: usize) -> Result<(String, usize), WorkbookError> {
    let length = u32_at(bytes, at)?;
    // What a text that is missing has for its length.
    let units = if length == u32::MAX {
        0
    } else {
        length as usize
    };
    let start = at + 4;
    let end = units.saturating_mul(2).saturating_add(start);
    let is_cut = bytes.len() as u64 >= RECORD_MAX_BYTES;
    if end > bytes.len() && !is_cut {
        return Err(CUT_SHORT);
    }
    let end = end.min(bytes.len());
    let units = bytes[start..end].chunks_exact(2);
    let units = units.map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    let text: String = char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    Ok((text, end))
}
