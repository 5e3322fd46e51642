//! Separated values with a header.
//!
//! A quote that is never closed makes one row of all that follow it, and those would vanish without
//! a word. No parser can tell it from a cell that really holds several lines; so a row that runs
//! over several lines is refused when it looks as if it had swallowed others.

use std::io::BufRead as _;

use csv::ByteRecord;

use crate::columns::Columns;
use crate::format::Layout;
use crate::key::{Bad, Key, Malformed, keys_of, user_of};
use crate::reader::RowEnd;
use crate::rows::{Broken, Bytes, Row};

pub(crate) struct Table {
    reader: csv::Reader<Bytes>,
    record: ByteRecord,
    separator: u8,
    columns: Columns,
    /// The column that says who is to be assigned.
    new_user: Option<usize>,
    /// Lines before the header.
    preamble: u64,
    width: usize,
}

impl Table {
    pub(crate) fn new(
        mut bytes: Bytes,
        layout: &Layout,
        new_user: Option<usize>,
        row_end: &RowEnd,
    ) -> Result<Self, Broken> {
        // PowerShell's `#TYPE`, comments, blank lines and titles come before the header alone:
        // further down, Excel's `#N/A` is a row that deserves a reason.
        let preamble = layout.header_line - 1;
        let mut skipped = Vec::new();
        for line in 1..=preamble {
            row_end.reached();
            skipped.clear();
            bytes
                .read_until(b'\n', &mut skipped)
                .map_err(|error| (line, error.into()))?;
        }
        row_end.reached();
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(layout.separator)
            .flexible(true)
            .from_reader(bytes);
        let width = reader
            .byte_headers()
            .map_err(|error| (preamble + 1, error.into()))?
            .len();
        Ok(Self {
            reader,
            record: ByteRecord::new(),
            separator: layout.separator,
            columns: layout.columns.clone(),
            new_user,
            preamble,
            width,
        })
    }

    pub(crate) fn next_row(&mut self) -> Result<Option<Row>, Broken> {
        loop {
            let near = self.preamble + self.reader.position().line();
            if !self
                .reader
                .read_byte_record(&mut self.record)
                .map_err(|error| (near, error.into()))?
            {
                return Ok(None);
            }
            if self.record.len() <= 1 && self.record.as_slice().trim_ascii().is_empty() {
                continue;
            }
            let within = line_ends(self.record.as_slice());
            // The parser stands behind the row's last line end (or, after a quote that ran to the
            // list's end, behind the last that is within it); where it stood before the row may be
            // blank lines away.
            let behind = self.preamble + self.reader.position().line();
            let line = (behind - 1).saturating_sub(within).max(near);
            let last = line + within;
            let keys = if within > 0 && self.swallowed_others() {
                let shown = format!("lines {line} to {last}");
                Err((Malformed::Quotes, shown))
            } else {
                self.keys()
            };
            return Ok(Some(Row {
                line,
                sheet: None,
                keys,
                new_user: self.new_user(),
            }));
        }
    }

    /// The last row's cells, without a hardware hash.
    pub(crate) fn cells(&self) -> Vec<String> {
        self.columns
            .kept(self.record.iter().map(String::from_utf8_lossy))
    }

    fn keys(&self) -> Result<Vec<Key>, Bad> {
        let named = self.columns.named();
        keys_of(named.filter_map(|(by, column)| Some((by, self.cell(column)?))))
    }

    /// A row that is too short says nothing in its missing cells.
    fn new_user(&self) -> Option<String> {
        let column = self.new_user?;
        Some(user_of(self.cell(column).unwrap_or_default()))
    }

    fn cell(&self, column: usize) -> Option<&str> {
        // Decoded before, so that nothing but UTF-8 is left.
        std::str::from_utf8(self.record.get(column)?).ok()
    }

    /// Whether a row over several lines looks as if a quote had run away.
    fn swallowed_others(&self) -> bool {
        if self.record.len() != self.width {
            return true;
        }
        self.record.iter().enumerate().any(|(column, cell)| {
            let mut lines = cell.split(|byte| *byte == b'\n');
            let Some(_own) = lines.next() else {
                return false;
            };
            let mut rest: Vec<&[u8]> = lines.collect();
            let Some(last) = rest.pop() else {
                return false;
            };
            // Up to the list's end; or a whole row follows the cell's last line; or one is within.
            let mut lines = rest.iter().chain(std::iter::once(&last));
            last.is_empty() || column == 0 || lines.any(|line| self.is_a_row(line))
        })
    }

    fn is_a_row(&self, line: &[u8]) -> bool {
        let cells = line.split(|byte| *byte == self.separator);
        cells.count() >= self.width
    }
}

fn line_ends(bytes: &[u8]) -> u64 {
    bytes.split(|byte| *byte == b'\n').count() as u64 - 1
}
