//! A ledger's move to another place, from any kind of database to any.
//!
//! The original is read as it is at one moment, and the copy is there in one transaction: whole or
//! not at all. Numbers stay, so that whatever names a job or a campaign still does. Jobs that were on
//! the wire or in hand are taken up from the copy when their leases run out.

use std::time::Duration;

use futures::TryStreamExt as _;
use repilot_domain::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::error::QueryContext as _;
use crate::storage::dialect::{Dialect, tell};
use crate::storage::rows::{Columns, batch};
use crate::storage::tables::{Kind, SEQUENCES, TABLES, Table};
use crate::{Ledger, LedgerError};

/// A worker that was heard of so short a time ago is at work.
const AT_WORK: Duration = Duration::from_mins(1);

/// Rows a statement, and about how many bytes of them: a page of an inventory is large.
const ROWS_AT_ONCE: usize = 1_000;
const BYTES_AT_ONCE: usize = 4 << 20;

/// Rows that were copied of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Copied {
    /// The table.
    pub table: &'static str,
    /// Its rows.
    pub rows: i64,
}

impl Ledger {
    /// Copies everything into another ledger, which must be empty. With `force` also from under
    /// workers that are at work: what they do meanwhile is not in the copy.
    pub async fn copy_to(
        &self,
        target: &Self,
        force: bool,
        now: Timestamp,
    ) -> Result<Vec<Copied>, LedgerError> {
        let workers = self.workers(now.before(AT_WORK)).await?;
        if !workers.is_empty() && !force {
            return Err(LedgerError::InUse {
                location: self.location().to_string(),
                workers: workers.into_iter().map(|worker| worker.id.0).collect(),
            });
        }
        let mut from = self.begin_reading().await?;
        let mut into = target.begin().await?;
        tell(&mut from, self.dialect().unhurried(), "copy a ledger").await?;
        tell(&mut into, target.dialect().unhurried(), "copy a ledger").await?;
        let mut copied = Vec::with_capacity(TABLES.len());
        for table in TABLES {
            let is_new = table.name == SEQUENCES;
            if !is_new && count(&mut into, table).await? > 0 {
                return Err(LedgerError::NotEmpty {
                    location: target.location().to_string(),
                    table: table.name,
                });
            }
            copy_table(table, &mut from, &mut into).await?;
            let expected = count(&mut from, table).await?;
            let found = count(&mut into, table).await?;
            if found != expected {
                return Err(LedgerError::Incomplete {
                    table: table.name,
                    expected,
                    found,
                });
            }
            copied.push(Copied {
                table: table.name,
                rows: found,
            });
        }
        target.commit(into, "copy a ledger").await?;
        Ok(copied)
    }
}

async fn count(connection: &mut AnyConnection, table: &Table) -> Result<i64, LedgerError> {
    let sql = format!("SELECT COUNT(*) FROM {}", table.name);
    sqlx::query(AssertSqlSafe(sql))
        .fetch_one(connection)
        .await
        .and_then(|row| row.try_get(0))
        .doing("count the rows of a table")
}

async fn copy_table(
    table: &Table,
    from: &mut AnyConnection,
    into: &mut AnyConnection,
) -> Result<(), LedgerError> {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let sql = format!("SELECT {} FROM {}", names.join(", "), table.name);
    let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(from);
    let mut page = Vec::with_capacity(ROWS_AT_ONCE);
    let mut bytes = 0;
    while let Some(row) = rows.try_next().await.doing("read a table")? {
        let row = values(table, &row)?;
        bytes += row
            .iter()
            .filter_map(Value::as_str)
            .map(str::len)
            .sum::<usize>();
        page.push(row);
        if page.len() == ROWS_AT_ONCE || bytes >= BYTES_AT_ONCE {
            insert(table, into, page.drain(..)).await?;
            bytes = 0;
        }
    }
    insert(table, into, page.drain(..)).await
}

fn values(table: &Table, row: &AnyRow) -> Result<Vec<Value>, LedgerError> {
    let columns = Columns::of(table.name, row);
    table
        .columns
        .iter()
        .map(|(name, kind)| {
            Ok(match kind {
                Kind::Number => columns.get::<Option<i64>>(name)?.into(),
                Kind::Real => columns.get::<Option<f64>>(name)?.into(),
                Kind::Text => columns.get::<Option<String>>(name)?.into(),
            })
        })
        .collect()
}

async fn insert(
    table: &Table,
    into: &mut AnyConnection,
    rows: impl Iterator<Item = Vec<Value>>,
) -> Result<(), LedgerError> {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let columns = table.columns.iter().enumerate();
    let values: Vec<String> = columns
        .map(|(number, (_, kind))| format!("CAST(value->>{number} AS {})", kind.as_sql()))
        .collect();
    let anew = match table.name {
        SEQUENCES => "ON CONFLICT (name) DO UPDATE SET next = excluded.next",
        _ => "",
    };
    let sql = format!(
        "INSERT INTO {table} ({names})
         SELECT {values}
         FROM {each}
         -- Or SQLite takes what follows for a join's ON.
         WHERE TRUE
         {anew}",
        table = table.name,
        names = names.join(", "),
        values = values.join(", "),
        each = Dialect::of(into).each()
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(batch(rows)?)
        .execute(into)
        .await
        .doing("write a table")?;
    Ok(())
}
