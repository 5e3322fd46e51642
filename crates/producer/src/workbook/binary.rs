//! Excel's old workbooks (`.xls`).
//!
//! The library that reads them says of some numbers that they are dates, and of no other what its
//! format shows, so a number there names no device; nor does it say which rows are hidden. It may
//! panic on a file that is damaged in a way which it did not expect: that is an error like any other
//! here.

use std::fs::File;
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use calamine::{Data, Range, Reader as _, SheetType, SheetVisible, Xls, XlsError};

use super::shared_texts::text_cell;
use super::{COLUMNS_MAX, SheetInfo, SheetRow, WorkbookError};
use crate::cell::Cell;
use crate::key::Malformed;
use crate::number_format::{moment, shortened, whole};

/// The largest workbook of this kind that is read: it is held whole.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// An open workbook.
pub(crate) struct Binary(Xls<BufReader<File>>);

impl Binary {
    pub(crate) fn open(path: &Path) -> Result<Self, WorkbookError> {
        let file = bounded(path)?;
        match catch_unwind(AssertUnwindSafe(|| Xls::new(file))) {
            Ok(Ok(workbook)) => Ok(Self(workbook)),
            Ok(Err(XlsError::Password)) => Err(WorkbookError::Password),
            Ok(Err(error)) => Err(WorkbookError::Binary(error.to_string())),
            Err(_panic) => Err(WorkbookError::Damaged("its records make no sense")),
        }
    }

    pub(crate) fn sheets(&self) -> Vec<SheetInfo> {
        let sheets = self.0.sheets_metadata().iter();
        sheets
            .filter(|sheet| sheet.typ == SheetType::WorkSheet)
            .map(|sheet| SheetInfo {
                name: sheet.name.clone(),
                hidden: sheet.visible != SheetVisible::Visible,
            })
            .collect()
    }

    pub(crate) fn rows(&mut self, index: usize) -> Result<BinaryRows, WorkbookError> {
        let sheets = self.sheets();
        let sheet = sheets.get(index).ok_or(WorkbookError::NoSheet)?;
        let read = catch_unwind(AssertUnwindSafe(|| self.0.worksheet_range(&sheet.name)));
        match read {
            Ok(Ok(range)) => Ok(BinaryRows { range, next: 0 }),
            Ok(Err(error)) => Err(WorkbookError::Binary(error.to_string())),
            Err(_panic) => Err(WorkbookError::Damaged("its records make no sense")),
        }
    }
}

fn bounded(path: &Path) -> Result<BufReader<File>, WorkbookError> {
    let file = File::open(path)?;
    if file.metadata()?.len() > BYTES_MAX {
        return Err(WorkbookError::TooLarge);
    }
    Ok(BufReader::new(file))
}

/// The rows of a sheet.
pub(crate) struct BinaryRows {
    range: Range<Data>,
    next: usize,
}

impl BinaryRows {
    pub(crate) fn next_row(&mut self) -> Option<SheetRow> {
        let (first_row, first_column) = self.range.start()?;
        if self.next >= self.range.height() {
            return None;
        }
        let row = &self.range[self.next];
        let before = vec![Cell::Empty; (first_column as usize).min(COLUMNS_MAX)];
        let room = COLUMNS_MAX - before.len();
        let own = row.iter().take(room).map(cell);
        let number = first_row.saturating_add(u32::try_from(self.next).unwrap_or(u32::MAX));
        self.next += 1;
        Some(SheetRow {
            number: number.saturating_add(1),
            hidden: false,
            cells: before.into_iter().chain(own).collect(),
        })
    }
}

fn cell(value: &Data) -> Cell {
    let number = |value: f64| {
        let why = whole(value).err().unwrap_or(Malformed::FormatUnread);
        Cell::Unreadable(why, shortened(&value.to_string()))
    };
    match value {
        Data::Empty => Cell::Empty,
        Data::String(text) => text_cell(text),
        Data::Float(value) => number(*value),
        Data::Int(value) => number(*value as f64),
        Data::Bool(value) => {
            let word = if *value { "TRUE" } else { "FALSE" };
            Cell::Unreadable(Malformed::Boolean, word.to_owned())
        }
        Data::DateTime(value) => Cell::Unreadable(
            Malformed::Date,
            moment(value.as_f64(), Malformed::Date, false),
        ),
        Data::DateTimeIso(text) => Cell::Unreadable(Malformed::Date, shortened(text)),
        Data::DurationIso(text) => Cell::Unreadable(Malformed::Time, shortened(text)),
        Data::Error(error) => Cell::Unreadable(Malformed::ErrorValue, error.to_string()),
    }
}
