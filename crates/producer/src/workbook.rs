//! Excel workbooks: the first sheet that names devices, row by row.
//!
//! The format keeps a workbook's texts in one table, which is read whole; so a workbook is bounded,
//! and its long texts are taken out, before it is opened. A thread of its own reads, no further ahead than a few rows. A workbook that
//! is damaged in a way which the parser did not expect may make it panic: that is an error like any
//! other here.

use std::fs::File;
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use calamine::{Data, DataRef, Reader as _, SheetType, SheetVisible, Xlsx, XlsxError};
use zip::ZipArchive;

use crate::columns::COLUMNS_THAT_DO;
use crate::columns::{Columns, shown};
use crate::rows::Broken;
use crate::shared_texts::shortened;
use crate::source::Source;
use crate::{ListError, format::Format};

/// Rows that the thread reads ahead.
const AHEAD: usize = 64;

/// A million rows with a hardware hash each are no list for a workbook.
pub(crate) const UNPACKED_MAX_BYTES: u64 = 512 * 1024 * 1024;

/// The longest row, in bytes.
const ROW_BYTES: usize = 1024 * 1024;

/// Rows in which a sheet's header is looked for.
const HEADER_WITHIN: usize = 20;

/// The last column that Excel has.
const COLUMNS_MAX: usize = 16_384;

/// Which sheet, and where its rows begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(crate) name: String,
    /// Its header's columns; `None` for a sheet of bare keys.
    pub(crate) columns: Option<Columns>,
    /// The first row that is no header, from 0.
    first_row: u32,
}

/// A row's number, from 0, and its cells.
type SheetRow = (u32, Vec<String>);

/// A workbook that cannot be read.
#[derive(Debug, thiserror::Error)]
enum WorkbookError {
    /// The parser says why.
    #[error(transparent)]
    Xlsx(#[from] XlsxError),
    /// It did not expect this.
    #[error("the workbook is damaged")]
    Damaged,
}

/// The rows of a sheet.
pub(crate) struct SheetRows {
    rows: Receiver<Result<SheetRow, WorkbookError>>,
    last: u64,
}

/// A copy of a workbook that can be opened without holding more than it should; `None` where the
/// workbook itself can.
pub(crate) fn bounded(workbook: &Source, name: &str) -> Result<Option<Source>, ListError> {
    let looks_like = |looks_like| ListError::Binary {
        name: name.to_owned(),
        looks_like,
    };
    let torn = |_not_zip| looks_like("a workbook that is damaged or was not copied to its end");
    let file = File::open(workbook.path()).map_err(|source| ListError::Read {
        name: name.to_owned(),
        source,
    })?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(torn)?;
    let mut unpacked = 0_u64;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(torn)?;
        unpacked = unpacked.saturating_add(entry.size());
    }
    if unpacked > UNPACKED_MAX_BYTES {
        return Err(looks_like("a workbook of more than 512 MB"));
    }
    let shortened = shortened(workbook.path(), UNPACKED_MAX_BYTES).map_err(torn)?;
    Ok(shortened.map(Source::spooled))
}

/// Finds the sheet that names devices.
pub(crate) fn recognise(path: &Path, name: &str) -> Result<Format, ListError> {
    let unreadable = || ListError::Binary {
        name: name.to_owned(),
        looks_like: "a zip archive that is no Excel workbook",
    };
    let mut workbook = guarded(|| open(path)).map_err(|_not_excel| unreadable())?;
    let mut found = Vec::new();
    let metadata = workbook.sheets_metadata().to_vec();
    let is_meant = |sheet: &calamine::Sheet| {
        sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible
    };
    for sheet in metadata
        .into_iter()
        .filter(is_meant)
        .map(|sheet| sheet.name)
    {
        let mut first = Vec::new();
        // The one that was meant may be the one that is damaged.
        guarded(|| {
            each_row(&mut workbook, &sheet, |row, cells| {
                if cells.iter().any(|cell| !cell.trim().is_empty()) {
                    first.push((row, cells));
                }
                first.len() < HEADER_WITHIN
            })
        })
        .map_err(|_damaged| ListError::Binary {
            name: name.to_owned(),
            looks_like: "a workbook with a damaged sheet",
        })?;
        for (row, cells) in &first {
            if let Some(columns) = Columns::of(cells.clone()) {
                return Ok(Format::Workbook(Sheet {
                    name: sheet,
                    columns: Some(columns),
                    first_row: row + 1,
                }));
            }
        }
        if let Some((_, cells)) = first.into_iter().next() {
            found.push((sheet, cells));
        }
    }
    let Some((sheet, cells)) = found.into_iter().next() else {
        return Err(ListError::Empty {
            name: name.to_owned(),
        });
    };
    if cells.len() > 1 {
        return Err(ListError::UnknownColumns {
            name: name.to_owned(),
            found: shown(&cells),
            known: COLUMNS_THAT_DO,
        });
    }
    Ok(Format::Workbook(Sheet {
        name: sheet,
        columns: None,
        first_row: 0,
    }))
}

impl SheetRows {
    pub(crate) fn new(path: &Path, sheet: &Sheet) -> Result<Self, Broken> {
        let mut workbook = guarded(|| open(path)).map_err(|error| (1, error.into()))?;
        let (sender, rows) = sync_channel(AHEAD);
        let sheet = sheet.clone();
        std::thread::Builder::new()
            .name("workbook".to_owned())
            .spawn(move || send_rows(&mut workbook, &sheet, &sender))
            .map_err(|error| (1, error.into()))?;
        Ok(Self { rows, last: 0 })
    }

    /// The next row with anything in it: its number, from 1, and its cells.
    pub(crate) fn next_row(&mut self) -> Result<Option<(u64, Vec<String>)>, Broken> {
        match self.rows.recv() {
            Ok(Ok((row, cells))) => {
                self.last = u64::from(row) + 1;
                Ok(Some((self.last, cells)))
            }
            Ok(Err(error)) => Err((self.last + 1, error.into())),
            // The thread has ended.
            Err(_) => Ok(None),
        }
    }
}

/// Reads, and makes a panic of the parser an error.
fn guarded<T>(read: impl FnOnce() -> Result<T, XlsxError>) -> Result<T, WorkbookError> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => Ok(read?),
        Err(_panic) => Err(WorkbookError::Damaged),
    }
}

fn open(path: &Path) -> Result<Xlsx<BufReader<File>>, XlsxError> {
    Xlsx::new(BufReader::new(File::open(path)?))
}

fn send_rows(
    workbook: &mut Xlsx<BufReader<File>>,
    sheet: &Sheet,
    sender: &SyncSender<Result<SheetRow, WorkbookError>>,
) {
    let read = guarded(|| {
        each_row(workbook, &sheet.name, |row, cells| {
            let empty = cells.iter().all(|cell| cell.trim().is_empty());
            // Whoever stopped reading needs no more.
            row < sheet.first_row || empty || sender.send(Ok((row, cells))).is_ok()
        })
    });
    if let Err(error) = read {
        let _ = sender.send(Err(error));
    }
}

/// Hands each row's cells on, until told to stop.
fn each_row(
    workbook: &mut Xlsx<BufReader<File>>,
    sheet: &str,
    mut go_on: impl FnMut(u32, Vec<String>) -> bool,
) -> Result<(), XlsxError> {
    let mut reader = workbook.worksheet_cells_reader(sheet)?;
    let mut current = 0;
    let mut held = 0;
    let mut cells: Vec<String> = Vec::new();
    while let Some(cell) = reader.next_cell()? {
        let (row, column) = cell.get_position();
        if row != current && !cells.is_empty() && !go_on(current, std::mem::take(&mut cells)) {
            return Ok(());
        }
        if row != current {
            held = 0;
        }
        current = row;
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        if column < COLUMNS_MAX {
            if cells.len() <= column {
                cells.resize(column + 1, String::new());
            }
            let text = text(cell.get_value());
            // What is beyond is no row of a list.
            if held + text.len() <= ROW_BYTES {
                held += text.len();
                cells[column] = text;
            }
        }
    }
    if !cells.is_empty() {
        go_on(current, cells);
    }
    Ok(())
}

/// What a cell holds at most; Excel writes no longer ones.
const CELL_MAX_CHARS: usize = 32_767;

fn cut(text: &str) -> String {
    text.chars().take(CELL_MAX_CHARS).collect()
}

/// A cell as it is shown: Excel takes a serial of digits for a number.
fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Float(number) if number.fract() == 0.0 => format!("{number:.0}"),
        DataRef::Empty => String::new(),
        DataRef::String(text) => cut(text),
        DataRef::SharedString(text) => cut(text),
        other => Data::from(other.clone()).to_string(),
    }
}
