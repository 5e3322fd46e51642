//! Reading columns, and writing many rows in one statement.

use std::collections::BTreeMap;
use std::str::FromStr;

use repilot_domain::{JobId, Progress, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use sqlx::any::{AnyArguments, AnyRow, AnyTypeInfoKind};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, Decode, Row as _, Type, ValueRef as _};

use crate::LedgerError;
use crate::error::QueryContext as _;
use crate::storage::dialect::Dialect;

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

    /// A word where there is one; the column is empty where there is none.
    pub(crate) fn word_if_any<T>(&self, column: &'static str) -> Result<Option<T>, LedgerError>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        match self.get::<String>(column)?.as_str() {
            "" => Ok(None),
            _ => self.word(column).map(Some),
        }
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

/// How far a job is, by its columns `action` and `steps_done`.
pub(crate) fn progress(columns: &Columns<'_>) -> Result<Progress, LedgerError> {
    let done: i64 = columns.get("steps_done")?;
    let done = usize::try_from(done).unwrap_or(0);
    Ok(Progress::new(columns.word("action")?, done))
}

/// Before each of the texts that are [`joined`], and instead of one that is not there: `array_of_texts!`
/// knows them by their numbers.
const BEFORE_TEXT: char = '\u{1f}';
const NO_TEXT: char = '\u{1e}';

/// Not to be kept in a text: a NUL, which PostgreSQL's have not, and what marks where they begin.
const NOT_KEPT: [char; 3] = ['\0', BEFORE_TEXT, NO_TEXT];

/// A text as every database can keep it.
pub(crate) fn storable(text: &str) -> String {
    text.replace(NOT_KEPT, "\u{fffd}")
}

/// Rows as the one parameter of a statement: an array of arrays, which `Dialect::each` reads.
///
/// A parameter for each value costs more than the statement: each is copied three times on its way,
/// and a batch of another size is another statement to prepare.
pub(crate) fn batch<T: Serialize>(
    rows: impl IntoIterator<Item = T>,
) -> Result<String, LedgerError> {
    let rows: Vec<T> = rows.into_iter().collect();
    let text = serde_json::to_string(&rows).map_err(LedgerError::Batch)?;
    if !text.contains(r"\u0000") {
        return Ok(text);
    }
    let mut rows = serde_json::to_value(&rows).map_err(LedgerError::Batch)?;
    make_storable(&mut rows);
    Ok(rows.to_string())
}

fn make_storable(value: &mut Value) {
    match value {
        Value::String(text) => *text = storable(text),
        Value::Array(values) => values.iter_mut().for_each(make_storable),
        Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Texts, of which some are not there, as the one parameter that `array_of_texts!` reads. Where none is
/// there, the array is empty: beside longer ones that is the same.
pub(crate) fn joined<'a>(texts: impl Iterator<Item = Option<&'a str>> + Clone) -> String {
    let mut joined = String::new();
    if texts.clone().all(|text| text.is_none()) {
        return joined;
    }
    let is_kept = |byte: u8| !NOT_KEPT.contains(&char::from(byte));
    for text in texts {
        joined.push(BEFORE_TEXT);
        match text {
            None => joined.push(NO_TEXT),
            Some(text) if text.bytes().all(is_kept) => joined.push_str(text),
            Some(text) => joined.push_str(&storable(text)),
        }
    }
    joined
}

/// The numbers of an array as PostgreSQL writes it; none where there is no array.
pub(crate) fn numbers_of(array: Option<&str>) -> Result<Vec<i64>, LedgerError> {
    let numbers = array.unwrap_or("{}").trim_matches(['{', '}']);
    serde_json::from_str(&format!("[{numbers}]")).map_err(LedgerError::Batch)
}

/// Jobs and their dispatch numbers as the one parameter of a statement, which `Dialect::each_pair`
/// reads. Of a job that stands there twice only the later dispatch can still hold.
pub(crate) fn pairs(jobs: impl IntoIterator<Item = (JobId, i64)>) -> Result<String, LedgerError> {
    let mut latest = BTreeMap::new();
    for (job, dispatch) in jobs {
        let known = latest.entry(job.0).or_insert(dispatch);
        *known = dispatch.max(*known);
    }
    serde_json::to_string(&latest).map_err(LedgerError::Batch)
}

/// Jobs by their dispatch number. Most that are changed together have the same: a statement that is
/// told it once costs half as much as one that is told it of each.
pub(crate) fn by_dispatch(jobs: impl IntoIterator<Item = (JobId, i64)>) -> BTreeMap<i64, Vec<i64>> {
    let mut by_dispatch: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for (job, dispatch) in jobs {
        by_dispatch.entry(dispatch).or_default().push(job.0);
    }
    by_dispatch
}

/// Reads what a statement gathered with `Dialect::gathered` into its one row: rows that come one by
/// one wake two threads each, or are taken apart value by value.
pub(crate) async fn gathered<T: DeserializeOwned>(
    query: Query<'_, Any, AnyArguments>,
    connection: &mut AnyConnection,
    what: &'static str,
) -> Result<Vec<T>, LedgerError> {
    let row = query.fetch_one(connection).await.doing(what)?;
    let text: String = row.try_get(0).doing(what)?;
    serde_json::from_str(&text).map_err(LedgerError::Batch)
}

/// Reads the rows of a statement that selects what `Dialect::wide` says.
pub(crate) async fn wide<T: DeserializeOwned>(
    query: Query<'_, Any, AnyArguments>,
    connection: &mut AnyConnection,
    what: &'static str,
) -> Result<Vec<T>, LedgerError> {
    match Dialect::of(connection) {
        Dialect::Sqlite => gathered(query, connection, what).await,
        Dialect::Postgres => {
            let rows = query.fetch_all(connection).await.doing(what)?;
            let read = |row| {
                let values = values(row).doing(what)?;
                serde_json::from_value(values).map_err(LedgerError::Batch)
            };
            rows.iter().map(read).collect()
        }
    }
}

/// A row as an array of its columns, which are numbers and texts.
fn values(row: &AnyRow) -> sqlx::Result<Value> {
    let value = |column| {
        let raw = row.try_get_raw(column)?;
        if raw.is_null() {
            return Ok(Value::Null);
        }
        match raw.type_info().kind() {
            AnyTypeInfoKind::Text => row.try_get(column).map(Value::String),
            _ => row.try_get::<i64, _>(column).map(Value::from),
        }
    };
    (0..row.len()).map(value).collect()
}

/// An array in a column of its own, as `Dialect::found_array` writes it out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inner<T>(pub(crate) T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Inner<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = String::deserialize(deserializer)?;
        let read = serde_json::from_str(&written).map(Self);
        read.map_err(serde::de::Error::custom)
    }
}
