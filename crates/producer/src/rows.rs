//! The rows of a list, one by one, each with its number.

use std::borrow::Cow;
use std::io::{BufRead as _, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs_io::DecodeReaderBytes;
use repilot_domain::{Action, By};

use crate::ListError;
use crate::columns::Columns;
use crate::encoding::Encoding;
use crate::format::Format;
use crate::json::Items;
use crate::key::{Bad, Key, Malformed, key_of, keys_of, user_of};
use crate::reader::{Capped, LineEnds, RowEnd};
use crate::source::Source;
use crate::table::Table;
use crate::workbook::SheetRows;

pub(crate) type Bytes =
    BufReader<Capped<LineEnds<DecodeReaderBytes<Box<dyn Read + Send>, Vec<u8>>>>>;

/// What broke, and near which line.
pub(crate) type Broken = (u64, Box<dyn std::error::Error + Send + Sync>);

/// A row of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line on which it starts, from 1; of JSON, which has no lines to speak of, the item.
    pub line: u64,
    /// What it names its device by, the most exact name first. A bad row comes with what could be
    /// shown of it.
    pub keys: Result<Vec<Key>, Bad>,
    /// Who it says is to be assigned, as it came; `None` where it says nothing of it.
    pub new_user: Option<String>,
}

/// The rows of a list, one by one.
pub struct Rows {
    body: Body,
    row_end: RowEnd,
    format: Format,
    name: String,
    done: bool,
    /// Of the last row.
    cells: Vec<String>,
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
    /// The columns, and which of them says who is to be assigned.
    Workbook(SheetRows, Option<Columns>, Option<usize>),
}

impl Rows {
    pub(crate) fn new(
        source: &Source,
        encoding: Encoding,
        format: &Format,
        name: String,
        user_column: Option<&str>,
    ) -> Result<Self, ListError> {
        let (bytes, bytes_read) = source.read().map_err(|source| ListError::Read {
            name: name.clone(),
            source,
        })?;
        let (capped, row_end) = Capped::new(LineEnds::new(encoding.decode(bytes)));
        let reader = BufReader::new(capped);
        let broken = |broken| format.broken(&name, broken);
        let new_user = format.new_users(user_column).first().copied();
        let body = match format {
            Format::Plain => Body::Plain {
                reader,
                line: 0,
                buffer: Vec::new(),
            },
            Format::Table(separator, columns) => {
                let table = Table::new(reader, *separator, columns, new_user, &row_end);
                Body::Table(Box::new(table.map_err(broken)?))
            }
            Format::Json => Body::Json(Items::new(reader, user_column)),
            Format::Workbook(sheet) => {
                let rows = SheetRows::new(source.path(), sheet).map_err(broken)?;
                Body::Workbook(rows, sheet.columns.clone(), new_user)
            }
        };
        Ok(Self {
            body,
            row_end,
            format: format.clone(),
            name,
            done: false,
            cells: Vec::new(),
            bytes_read,
        })
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
            Body::Workbook(_, columns, _) => columns.as_ref(),
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
                if action.needs_user() {
                    cells.push(row.new_user.clone().unwrap_or_default());
                }
                return cells;
            }
        };
        let Some(columns) = columns else {
            return vec![match &row.keys {
                Ok(keys) => keys.first().map(|key| key.text.clone()).unwrap_or_default(),
                Err((_, shown)) => shown.clone(),
            }];
        };
        columns.kept(self.cells.iter().map(|cell| Cow::Borrowed(cell.as_str())))
    }

    fn next_row(&mut self) -> Result<Option<Row>, Broken> {
        self.row_end.reached();
        match &mut self.body {
            Body::Plain {
                reader,
                line,
                buffer,
            } => next_plain(reader, line, buffer, &self.row_end),
            Body::Table(table) => table.next_row(),
            Body::Json(items) => {
                let item = items.next_item(&self.row_end)?;
                Ok(item.map(|(line, keys, new_user)| Row {
                    line,
                    keys,
                    new_user,
                }))
            }
            Body::Workbook(rows, columns, new_user) => {
                let Some((line, cells)) = rows.next_row()? else {
                    return Ok(None);
                };
                self.cells = cells;
                let cell = |column: usize| self.cells.get(column).map_or("", String::as_str);
                let keys = if let Some(columns) = columns {
                    keys_of(columns.named().map(|(by, column)| (by, cell(column))))
                } else {
                    let first = self.cells.iter().find(|cell| !cell.trim().is_empty());
                    key_of(first.map_or("", String::as_str), None).map(|key| vec![key])
                };
                Ok(Some(Row {
                    line,
                    keys,
                    new_user: new_user.map(|column| user_of(cell(column))),
                }))
            }
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
        let next = next.map_err(|broken| self.format.broken(&self.name, broken));
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
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let unquoted = text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(text);
        return Ok(Some(Row {
            line: *line,
            keys: key_of(unquoted, None).map(|key| vec![key]),
            new_user: None,
        }));
    }
}
