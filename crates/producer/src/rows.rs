//! The rows of a list, one by one, each with the line on which it starts.

use std::fs::File;
use std::io::{BufRead as _, BufReader};

use encoding_rs_io::DecodeReaderBytes;

use crate::ListError;
use crate::format::Format;
use crate::reader::{Capped, LineEnds, RowEnd, decoding};
use crate::row::{Row, key_of};
use crate::table::Table;

pub(crate) type Bytes = BufReader<Capped<LineEnds<DecodeReaderBytes<File, Vec<u8>>>>>;

/// What broke, and near which line.
pub(crate) type Broken = (u64, Box<dyn std::error::Error + Send + Sync>);

/// The rows of a list, one by one.
pub struct Rows {
    body: Body,
    row_end: RowEnd,
    name: String,
    done: bool,
}

enum Body {
    Plain {
        reader: Bytes,
        line: u64,
        buffer: Vec<u8>,
    },
    Table(Table),
}

impl Rows {
    pub(crate) fn new(file: File, format: &Format, name: String) -> Result<Self, ListError> {
        let (capped, row_end) = Capped::new(LineEnds::new(decoding(file)));
        let reader = BufReader::new(capped);
        let body = match format {
            Format::Plain => Body::Plain {
                reader,
                line: 0,
                buffer: Vec::new(),
            },
            Format::Table(columns) => {
                let table = Table::new(reader, columns, &row_end);
                let table = table.map_err(|(line, source)| ListError::Broken {
                    name: name.clone(),
                    line,
                    source,
                })?;
                Body::Table(table)
            }
        };
        Ok(Self {
            body,
            row_end,
            name,
            done: false,
        })
    }
}

impl Iterator for Rows {
    type Item = Result<Row, ListError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        self.row_end.reached();
        let next = match &mut self.body {
            Body::Plain {
                reader,
                line,
                buffer,
            } => next_plain(reader, line, buffer, &self.row_end),
            Body::Table(table) => table.next_row(),
        };
        let next = next.map_err(|(line, source)| ListError::Broken {
            name: self.name.clone(),
            line,
            source,
        });
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
        let text = buffer.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") {
            continue;
        }
        let unquoted = text
            .strip_prefix(b"\"")
            .and_then(|rest| rest.strip_suffix(b"\""))
            .unwrap_or(text);
        return Ok(Some(Row {
            line: *line,
            key: key_of(unquoted),
        }));
    }
}
