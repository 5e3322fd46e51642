//! The rows of a list, one by one, each with its number.

use std::borrow::Cow;
use std::io::{BufRead as _, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs_io::DecodeReaderBytes;
use repilot_domain::{Action, By, HiddenRows};

use crate::ListError;
use crate::cell::Cell;
use crate::columns::Columns;
use crate::encoding::Encoding;
use crate::format::Format;
use crate::json::Items;
use crate::key::{Bad, Key, Malformed, key_of, key_of_cell, keys_of_cells, user_of};
use crate::mangled::mangled;
use crate::reader::{Capped, LineEnds, RowEnd};
use crate::source::Source;
use crate::table::Table;
use crate::workbook::{Body as SheetBody, ReadRows, WorkbookError, bare_cell, unreadable};

pub(crate) type Bytes =
    BufReader<Capped<LineEnds<DecodeReaderBytes<Box<dyn Read + Send>, Vec<u8>>>>>;

/// What broke, and near which line.
pub(crate) type Broken = (u64, Box<dyn std::error::Error + Send + Sync>);

/// A row of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line on which it starts, from 1; of JSON, which has no lines to speak of, the item.
    pub line: u64,
    /// Its sheet, by its place among those of the workbook that are read.
    pub sheet: Option<usize>,
    /// What it names its device by, the most exact name first. A bad row comes with what could be
    /// shown of it.
    pub keys: Result<Vec<Key>, Bad>,
    /// Who it says is to be assigned, as it came; `None` where it says nothing of it.
    pub new_user: Option<String>,
}

/// Rows of a sheet that a spreadsheet hides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HiddenCount {
    /// Rows with anything in them.
    pub rows: u64,
    /// Those of them that are hidden.
    pub hidden: u64,
}

/// The rows of a list, one by one.
pub struct Rows {
    body: Body,
    row_end: RowEnd,
    format: Format,
    name: String,
    done: bool,
    bytes_read: Arc<AtomicU64>,
}

enum Body {
    Plain {
        reader: Bytes,
        line: u64,
        buffer: Vec<u8>,
    },
    Table(Box<Table>),
    Json(Items),
    Workbook(Box<WorkbookRows>),
}

/// The rows of a workbook.
struct WorkbookRows {
    rows: ReadRows,
    /// What becomes of hidden rows.
    hidden_rows: Option<HiddenRows>,
    /// Of each sheet, the column that says who is to be assigned.
    new_users: Vec<Option<usize>>,
    /// Of each sheet.
    hidden: Vec<HiddenCount>,
    /// The last row's sheet and its cells.
    sheet: usize,
    cells: Vec<Cell>,
}

impl Rows {
    pub(crate) fn new(
        source: &Source,
        encoding: Encoding,
        format: &Format,
        name: String,
        user_column: Option<&str>,
        hidden_rows: Option<HiddenRows>,
    ) -> Result<Self, ListError> {
        let (bytes, bytes_read) = source.read().map_err(|source| ListError::Read {
            name: name.clone(),
            source,
        })?;
        let (capped, row_end) = Capped::new(LineEnds::new(encoding.decode(bytes)));
        let reader = BufReader::new(capped);
        let broken = |broken| format.broken(&name, broken);
        let new_users = format.new_users(user_column).into_iter();
        let new_users: Vec<Option<usize>> =
            new_users.map(|columns| columns.first().copied()).collect();
        let body = match format {
            Format::Plain => Body::Plain {
                reader,
                line: 0,
                buffer: Vec::new(),
            },
            Format::Table(layout) => {
                let new_user = new_users.first().copied().flatten();
                let table = Table::new(reader, layout, new_user, &row_end);
                Body::Table(Box::new(table.map_err(broken)?))
            }
            Format::Json(column) => Body::Json(Items::new(reader, column.as_deref(), user_column)),
            Format::Workbook(sheets) => {
                let rows = ReadRows::new(source.path(), sheets);
                Body::Workbook(Box::new(WorkbookRows {
                    rows: rows.map_err(|error| unreadable(&name, error))?,
                    hidden_rows,
                    new_users,
                    hidden: vec![HiddenCount::default(); sheets.read.len()],
                    sheet: 0,
                    cells: Vec::new(),
                }))
            }
        };
        Ok(Self {
            body,
            row_end,
            format: format.clone(),
            name,
            done: false,
            bytes_read,
        })
    }

    /// Of each sheet of a workbook, the rows that were read so far and how many of them are hidden.
    #[must_use]
    pub fn hidden(&self) -> &[HiddenCount] {
        match &self.body {
            Body::Workbook(workbook) => &workbook.hidden,
            Body::Plain { .. } | Body::Table(_) | Body::Json(_) => &[],
        }
    }

    /// How many of the list's bytes were read; of a workbook, which is read otherwise, none.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// The cells of the last row as they came, but for a hardware hash, which never leaves it.
    ///
    /// Of a row without columns it is the name that it gives its device.
    #[must_use]
    pub fn cells(&self, row: &Row, action: Action) -> Vec<String> {
        // What a runaway quote swallowed are other rows, hashes and all.
        if matches!(row.keys, Err((Malformed::Quotes, _))) {
            return Vec::new();
        }
        let columns = match &self.body {
            Body::Table(table) => return table.cells(),
            Body::Workbook(workbook) => workbook.columns(),
            Body::Plain { .. } => None,
            Body::Json(_) => {
                let mut cells = vec![String::new(); By::ALL.len()];
                for key in row.keys.iter().flatten() {
                    let cell = &mut cells[key.by.unwrap_or(By::Serial) as usize];
                    // Two of a kind are not made one: the row would be read again without its fault.
                    if !cell.is_empty() {
                        cell.push_str(" | ");
                    }
                    cell.push_str(&key.text);
                }
                if let Err((why, shown)) = &row.keys
                    && why.is_uncertain()
                {
                    cells[By::Serial as usize] = as_refused(*why, shown);
                }
                if action.needs_user() {
                    cells.push(row.new_user.clone().unwrap_or_default());
                }
                return cells;
            }
        };
        let (Some(columns), Body::Workbook(workbook)) = (columns, &self.body) else {
            return vec![match &row.keys {
                Ok(keys) => keys.first().map(|key| key.text.clone()).unwrap_or_default(),
                Err((why, shown)) => as_refused(*why, shown),
            }];
        };
        let kept = workbook.cells.iter().map(|cell| match cell {
            // No more of a hash than is kept of it elsewhere.
            Cell::Unreadable(Malformed::TooLong, _) => Cow::Borrowed(""),
            Cell::Unreadable(why, shown) => Cow::Owned(as_refused(*why, shown)),
            cell => Cow::Borrowed(cell.shown()),
        });
        columns.kept(kept)
    }

    fn next_row(&mut self) -> Result<Option<Row>, ListError> {
        self.row_end.reached();
        let broken = |broken| self.format.broken(&self.name, broken);
        match &mut self.body {
            Body::Plain {
                reader,
                line,
                buffer,
            } => next_plain(reader, line, buffer, &self.row_end).map_err(broken),
            Body::Table(table) => table.next_row().map_err(broken),
            Body::Json(items) => {
                let item = items.next_item(&self.row_end).map_err(broken)?;
                Ok(item.map(|(line, keys, new_user)| Row {
                    line,
                    sheet: None,
                    keys,
                    new_user,
                }))
            }
            Body::Workbook(workbook) => {
                let row = workbook
                    .next_row()
                    .map_err(|error| broken((u64::from(workbook.rows.last()) + 1, error.into())))?;
                if row.is_none() {
                    workbook.is_decided(&self.name)?;
                }
                Ok(row)
            }
        }
    }
}

/// What a cell that cannot be read for certain is written as among refused rows: what is a number or
/// a date there would be text, and name a device, when it is read again.
fn as_refused(why: Malformed, shown: &str) -> String {
    if why.is_number() {
        format!("{shown} (not text)")
    } else {
        shown.to_owned()
    }
}

impl WorkbookRows {
    /// The columns of the last row's sheet.
    fn columns(&self) -> Option<&Columns> {
        self.rows.sheets().get(self.sheet)?.columns()
    }

    fn next_row(&mut self) -> Result<Option<Row>, WorkbookError> {
        loop {
            let Some((sheet, row)) = self.rows.next_row()? else {
                return Ok(None);
            };
            let count = &mut self.hidden[sheet];
            count.rows += 1;
            count.hidden += u64::from(row.hidden);
            if row.hidden && self.hidden_rows == Some(HiddenRows::Skip) {
                continue;
            }
            self.sheet = sheet;
            self.cells = row.cells;
            let cells = &self.cells;
            let keys = match &self.rows.sheets()[sheet].body {
                SheetBody::Columns(columns, _) => {
                    let cell = |column: usize| cells.get(column).unwrap_or(&Cell::Empty);
                    keys_of_cells(columns.named().map(|(by, column)| (by, cell(column))))
                }
                SheetBody::Bare(column) => {
                    key_of_cell(&bare_cell(cells, *column), None).map(|key| vec![key])
                }
            };
            let said = |column: usize| cells.get(column).map_or("", Cell::shown);
            return Ok(Some(Row {
                line: u64::from(row.number),
                sheet: Some(sheet),
                keys,
                new_user: self.new_users[sheet].map(|column| user_of(said(column))),
            }));
        }
    }

    /// Whether somebody said what becomes of hidden rows, where there are any.
    fn is_decided(&self, name: &str) -> Result<(), ListError> {
        let some_hidden = |count: &HiddenCount| count.hidden > 0;
        match self.hidden.iter().position(some_hidden) {
            Some(sheet) if self.hidden_rows.is_none() => Err(ListError::HiddenRows {
                name: name.to_owned(),
                sheet: self.rows.sheets()[sheet].name.clone(),
                hidden: self.hidden[sheet].hidden,
                rows: self.hidden[sheet].rows,
            }),
            _ => Ok(()),
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Row, ListError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.next_row();
        self.done = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

fn next_plain(
    reader: &mut Bytes,
    line: &mut u64,
    buffer: &mut Vec<u8>,
    row_end: &RowEnd,
) -> Result<Option<Row>, Broken> {
    loop {
        row_end.reached();
        buffer.clear();
        let read = reader
            .read_until(b'\n', buffer)
            .map_err(|error| (*line + 1, error.into()))?;
        if read == 0 {
            return Ok(None);
        }
        *line += 1;
        let text = String::from_utf8_lossy(buffer);
        let text = text.trim();
        // A spreadsheet's errors begin as comments do.
        let is_comment = text.starts_with('#') && mangled(text).is_none();
        if text.is_empty() || is_comment {
            continue;
        }
        let unquoted = text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(text);
        return Ok(Some(Row {
            line: *line,
            sheet: None,
            keys: key_of(unquoted, None).map(|key| vec![key]),
            new_user: None,
        }));
    }
}
