//! Reading columns, and writing many rows in one statement.

use std::fmt::Write as _;
use std::str::FromStr;

use repilot_domain::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{Decode, Row as _, Type};

use crate::LedgerError;

/// A row of a named table, whose complaints say which.
pub(crate) struct Columns<'r> {
    pub(crate) table: &'static str,
    pub(crate) row: &'r AnyRow,
}

impl<'r> Columns<'r> {
    pub(crate) fn of(table: &'static str, row: &'r AnyRow) -> Self {
        Self { table, row }
    }

    pub(crate) fn get<T>(&self, column: &'static str) -> Result<T, LedgerError>
    where
        T: Decode<'r, sqlx::Any> + Type<sqlx::Any>,
    {
        self.row
            .try_get(column)
            .map_err(|source| self.bad(column, source.into()))
    }

    pub(crate) fn word<T>(&self, column: &'static str) -> Result<T, LedgerError>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        let word: String = self.get(column)?;
        word.parse()
            .map_err(|source: T::Err| self.bad(column, source.into()))
    }

    pub(crate) fn time(&self, column: &'static str) -> Result<Timestamp, LedgerError> {
        Ok(Timestamp::from_millis(self.get(column)?))
    }

    pub(crate) fn time_if_any(
        &self,
        column: &'static str,
    ) -> Result<Option<Timestamp>, LedgerError> {
        Ok(self.get::<Option<i64>>(column)?.map(Timestamp::from_millis))
    }

    fn bad(
        &self,
        column: &'static str,
        source: Box<dyn std::error::Error + Send + Sync>,
    ) -> LedgerError {
        let row = self
            .row
            .try_get::<i64, _>("id")
            .map_or_else(|_| "?".to_owned(), |id| id.to_string());
        LedgerError::BadData {
            table: self.table,
            column,
            row,
            source,
        }
    }
}

/// Rows a statement may carry: under 20 columns, this stays below `SQLite`'s 32,766 parameters.
pub(crate) const MAX_ROWS: usize = 512;

/// The size that `rows` rows are sent in: a power of two, so that few statements are prepared and
/// each is prepared once. A batch is filled up by repeating its last row, which every user of this
/// must bear: updates set the same values twice, inserts are guarded by `ON CONFLICT`.
pub(crate) fn padded_size(rows: usize) -> usize {
    rows.next_power_of_two().min(MAX_ROWS)
}

/// `($1, $2), ($3, $4)`: `rows` rows whose columns are cast to `types`, counting from `first`.
pub(crate) fn values(types: &[&str], rows: usize, first: usize) -> String {
    let mut text = String::with_capacity(rows * types.len() * 22);
    let mut number = first;
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for (column, kind) in types.iter().enumerate() {
            let comma = if column == 0 { "" } else { ", " };
            // Writing to a String does not fail.
            let _ = write!(text, "{comma}CAST(${number} AS {kind})");
            number += 1;
        }
        text.push(')');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbered_on_from_the_first() {
        assert_eq!(
            values(&["BIGINT", "TEXT"], 2, 3),
            "(CAST($3 AS BIGINT), CAST($4 AS TEXT)), (CAST($5 AS BIGINT), CAST($6 AS TEXT))"
        );
    }

    #[test]
    fn a_batch_is_padded_to_one_of_few_sizes() {
        assert_eq!(
            [1, 2, 5, 17, 65, 512].map(padded_size),
            [1, 2, 8, 32, 128, 512]
        );
    }
}
