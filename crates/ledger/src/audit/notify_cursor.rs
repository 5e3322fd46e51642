//! How far each destination of notifications has been told what the audit recorded.
//!
//! A cursor is leased to one process at a time, by the clock that all processes share. None of these
//! statements takes another lock.

use repilot_domain::Timestamp;
use serde::Serialize;
use sqlx::{AssertSqlSafe, Row as _};

use crate::error::QueryContext as _;
use crate::storage::dialect::Dialect;
use crate::storage::rows::{Columns, batch, storable};
use crate::{Ledger, LedgerError};

/// A destination's cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotifyCursor {
    /// Whose.
    pub destination: String,
    /// The last row of the audit that it was told of, or that does not concern it.
    pub seq: i64,
    /// How often the next message failed, in a row.
    pub failures: i64,
    /// When it is tried again.
    pub next_at: Timestamp,
    /// Why it failed last; empty where it did not.
    pub last_error: String,
}

impl Ledger {
    /// Makes a destination known, which is told of what happens from now on.
    pub async fn open_notify_cursor(&self, destination: &str) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO notify_cursors (destination, seq)
             SELECT $1, COALESCE(MAX(seq), 0) FROM audit
             WHERE TRUE
             ON CONFLICT DO NOTHING",
        )
        .bind(destination)
        .execute(&mut *transaction)
        .await
        .doing("open a destination")?;
        self.commit(transaction, "open a destination").await
    }

    /// The destinations that there may be something to tell, and that nobody else is telling.
    pub async fn due_notify_cursors(
        &self,
        owner: &str,
        now: Timestamp,
    ) -> Result<Vec<String>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT destination FROM notify_cursors
             WHERE seq < (SELECT COALESCE(MAX(seq), 0) FROM audit)
               AND next_at <= $2
               AND (owner = $1 OR lease_until < $2)",
        )
        .bind(owner)
        .bind(now.as_millis())
        .fetch_all(&mut *reader)
        .await
        .doing("look for what is to be told")?;
        rows.iter()
            .map(|row| Columns::of("notify_cursors", row).get("destination"))
            .collect()
    }

    /// Whether any of these has not been told everything.
    pub async fn has_unsent(&self, destinations: Vec<&str>) -> Result<bool, LedgerError> {
        let mut reader = self.reader().await?;
        let sql = format!(
            "SELECT COUNT(*) AS unsent FROM notify_cursors
             WHERE seq < (SELECT COALESCE(MAX(seq), 0) FROM audit)
               AND destination IN (SELECT word FROM {} AS names)",
            Dialect::of(&reader).each_word()
        );
        let unsent: i64 = sqlx::query(AssertSqlSafe(sql))
            .bind(batch(destinations)?)
            .fetch_one(&mut *reader)
            .await
            .and_then(|row| row.try_get("unsent"))
            .doing("look for what is to be told")?;
        Ok(unsent > 0)
    }

    /// Takes a destination's cursor for a while; `None` where another process has it, or it is not
    /// its time yet.
    pub async fn claim_notify_cursor(
        &self,
        destination: &str,
        owner: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<NotifyCursor>, LedgerError> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query(
            "UPDATE notify_cursors
             SET owner = $2, lease_until = $4
             WHERE destination = $1
               AND next_at <= $3
               AND (owner = $2 OR lease_until < $3)
             RETURNING destination, seq, failures, next_at, last_error",
        )
        .bind(destination)
        .bind(owner)
        .bind(now.as_millis())
        .bind(lease_until.as_millis())
        .fetch_optional(&mut *transaction)
        .await
        .doing("take a destination")?;
        self.commit(transaction, "take a destination").await?;
        row.as_ref().map(read).transpose()
    }

    /// The destination has been told so far. One that was taken by another process meanwhile stays as
    /// it is.
    pub async fn advance_notify_cursor(
        &self,
        destination: &str,
        owner: &str,
        seq: i64,
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "UPDATE notify_cursors
             SET seq = $3, failures = 0, next_at = 0, last_error = ''
             WHERE destination = $1 AND owner = $2 AND seq < $3",
        )
        .bind(destination)
        .bind(owner)
        .bind(seq)
        .execute(&mut *transaction)
        .await
        .doing("note what was told")?;
        self.commit(transaction, "note what was told").await
    }

    /// The destination did not take its next message, which is sent again then.
    pub async fn fail_notify_cursor(
        &self,
        destination: &str,
        owner: &str,
        next_at: Timestamp,
        why: &str,
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "UPDATE notify_cursors
             SET failures = failures + 1, next_at = $3, last_error = $4
             WHERE destination = $1 AND owner = $2",
        )
        .bind(destination)
        .bind(owner)
        .bind(next_at.as_millis())
        .bind(storable(why))
        .execute(&mut *transaction)
        .await
        .doing("note what was not told")?;
        self.commit(transaction, "note what was not told").await
    }

    /// Lets go of every destination of a process that ends.
    pub async fn release_notify_cursors(&self, owner: &str) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        sqlx::query("UPDATE notify_cursors SET owner = '', lease_until = 0 WHERE owner = $1")
            .bind(owner)
            .execute(&mut *transaction)
            .await
            .doing("let go of destinations")?;
        self.commit(transaction, "let go of destinations").await
    }

    /// Every destination that was ever told anything.
    pub async fn notify_cursors(&self) -> Result<Vec<NotifyCursor>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query("SELECT * FROM notify_cursors ORDER BY destination")
            .fetch_all(&mut *reader)
            .await
            .doing("read destinations")?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &sqlx::any::AnyRow) -> Result<NotifyCursor, LedgerError> {
    let columns = Columns::of("notify_cursors", row);
    Ok(NotifyCursor {
        destination: columns.get("destination")?,
        seq: columns.get("seq")?,
        failures: columns.get("failures")?,
        next_at: columns.time("next_at")?,
        last_error: columns.get("last_error")?,
    })
}
