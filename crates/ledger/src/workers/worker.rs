//! Worker processes, as they announce themselves.

use std::time::Duration;

use repilot_domain::{Actor, Timestamp, WorkerId};
use serde::Serialize;
use sqlx::AssertSqlSafe;
use utoipa::ToSchema;

use crate::error::QueryContext as _;
use crate::storage::commit_marks::forget_marks;
use crate::storage::dialect::Dialect;
use crate::storage::rows::Columns;
use crate::{Ledger, LedgerError};

/// Workers that nobody has heard of for so long are forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(24);

/// A worker process.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WorkerRow {
    /// Its name in claims and attempts.
    pub id: WorkerId,
    /// The machine it runs on.
    pub host: String,
    /// Its process there.
    pub process_id: i64,
    /// Of the program.
    pub version: String,
    /// When it came up.
    pub started_at: Timestamp,
    /// When it was last heard of.
    pub heartbeat_at: Timestamp,
    /// Jobs that it holds.
    pub in_flight: i64,
    /// What it lacks just now, in words; empty where all is well.
    pub trouble: String,
    /// Version of the time zone database that it goes by, as in `2026f`; empty where it does not say.
    pub tz_version: String,
}

impl WorkerRow {
    /// The worker, as the audit knows it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::worker(&self.id, &self.host)
    }
}

impl Ledger {
    /// Announces a worker, or says that it is still there.
    pub async fn register(&self, worker: &WorkerRow) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        let sql = format!(
            "DELETE FROM workers
             WHERE id IN (
                 SELECT id FROM workers WHERE heartbeat_at < $1
                 {}
             )",
            Dialect::of(&transaction).locking_free_ones()
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(worker.heartbeat_at.before(FORGOTTEN_AFTER).as_millis())
            .execute(&mut *transaction)
            .await
            .doing("forget lost workers")?;
        forget_marks(&mut transaction).await?;
        sqlx::query(
            "INSERT INTO workers (
                 id, host, process_id, version, started_at, heartbeat_at, in_flight, trouble,
                 tz_version
             )
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (id)
             DO UPDATE SET heartbeat_at = excluded.heartbeat_at,
                           in_flight = excluded.in_flight,
                           trouble = excluded.trouble",
        )
        .bind(&worker.id.0)
        .bind(&worker.host)
        .bind(worker.process_id)
        .bind(&worker.version)
        .bind(worker.started_at.as_millis())
        .bind(worker.heartbeat_at.as_millis())
        .bind(worker.in_flight)
        .bind(&worker.trouble)
        .bind(&worker.tz_version)
        .execute(&mut *transaction)
        .await
        .doing("announce a worker")?;
        self.commit(transaction, "announce a worker").await
    }

    /// Takes a worker off the list: it has stopped.
    pub async fn deregister(&self, worker: &WorkerId) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        sqlx::query("DELETE FROM workers WHERE id = $1")
            .bind(&worker.0)
            .execute(&mut *transaction)
            .await
            .doing("retire a worker")?;
        self.commit(transaction, "retire a worker").await
    }

    /// Workers heard of since then.
    pub async fn workers(&self, since: Timestamp) -> Result<Vec<WorkerRow>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows =
            sqlx::query("SELECT * FROM workers WHERE heartbeat_at >= $1 ORDER BY started_at")
                .bind(since.as_millis())
                .fetch_all(&mut *reader)
                .await
                .doing("read workers")?;
        rows.iter()
            .map(|row| {
                let columns = Columns::of("workers", row);
                Ok(WorkerRow {
                    id: WorkerId(columns.get("id")?),
                    host: columns.get("host")?,
                    process_id: columns.get("process_id")?,
                    version: columns.get("version")?,
                    started_at: columns.time("started_at")?,
                    heartbeat_at: columns.time("heartbeat_at")?,
                    in_flight: columns.get("in_flight")?,
                    trouble: columns.get("trouble")?,
                    tz_version: columns.get("tz_version")?,
                })
            })
            .collect()
    }
}
