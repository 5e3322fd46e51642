//! Attempts: what was asked of Graph, and what it said.

use std::collections::BTreeMap;

use repilot_domain::{AttemptOutcome, AttemptStep, JobId, Timestamp};
use serde::Serialize;
use sqlx::{AnyConnection, AssertSqlSafe};
use utoipa::ToSchema;

use crate::dialect::Dialect;
use crate::error::QueryContext as _;
use crate::rows::{Columns, storable};
use crate::{Ledger, LedgerError};

/// A call to Graph, to be recorded.
#[derive(Debug, Clone)]
pub struct NewAttempt {
    /// What was asked.
    pub step: AttemptStep,
    /// What came of it.
    pub outcome: AttemptOutcome,
    /// When it was sent.
    pub started_at: Timestamp,
    /// When its answer, or the lack of one, was known.
    pub finished_at: Timestamp,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// Graph's `error.code`.
    pub code: Option<String>,
    /// The innermost message.
    pub message: Option<String>,
    /// Graph's `request-id`.
    pub request_id: Option<String>,
    /// What was sent as `client-request-id`.
    pub client_request_id: Option<String>,
    /// The answer's `Date` header, as it came.
    pub server_date: Option<String>,
    /// The answer's `x-ms-ags-diagnostic` header, as it came.
    pub diagnostic: Option<String>,
}

impl NewAttempt {
    /// A call that may have been made, by somebody who can no longer say.
    #[must_use]
    pub fn lost(
        step: AttemptStep,
        started_at: Timestamp,
        finished_at: Timestamp,
        message: &str,
    ) -> Self {
        Self {
            step,
            outcome: AttemptOutcome::Lost,
            started_at,
            finished_at,
            status: None,
            code: None,
            message: Some(message.to_owned()),
            request_id: None,
            client_request_id: None,
            server_date: None,
            diagnostic: None,
        }
    }
}

/// An attempt as the ledger has it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Attempt {
    /// Under which dispatch of the job.
    pub dispatch: i64,
    /// What was asked.
    pub step: AttemptStep,
    /// What came of it.
    pub outcome: AttemptOutcome,
    /// Who asked.
    pub worker: String,
    /// When it was sent.
    pub started_at: Timestamp,
    /// When its answer, or the lack of one, was known.
    pub finished_at: Timestamp,
    /// The HTTP status, where there was an answer.
    pub status: Option<i64>,
    /// Graph's `error.code`.
    pub code: Option<String>,
    /// The innermost message.
    pub message: Option<String>,
    /// Graph's `request-id`.
    pub request_id: Option<String>,
    /// What was sent as `client-request-id`.
    pub client_request_id: Option<String>,
    /// The answer's `Date` header, as it came.
    pub server_date: Option<String>,
    /// The answer's `x-ms-ags-diagnostic` header, as it came.
    pub diagnostic: Option<String>,
}

/// Rows a statement: a batch is made of few of them, and each size is prepared once.
const ROWS_AT_ONCE: [usize; 5] = [256, 64, 16, 4, 1];

/// An attempt of a job under a dispatch.
type Row<'a> = (JobId, i64, &'a NewAttempt);

/// What many attempts of a batch have in common, and is told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Alike<'a> {
    dispatch: i64,
    step: &'static str,
    outcome: &'static str,
    status: Option<u16>,
    server_date: Option<&'a str>,
}

impl<'a> Alike<'a> {
    fn of((_, dispatch, attempt): Row<'a>) -> Self {
        Self {
            dispatch,
            step: attempt.step.as_str(),
            outcome: attempt.outcome.as_str(),
            status: attempt.status,
            server_date: attempt.server_date.as_deref(),
        }
    }
}

/// Records attempts.
pub(crate) async fn insert(
    connection: &mut AnyConnection,
    worker: &str,
    attempts: &[Row<'_>],
) -> Result<(), LedgerError> {
    let mut alike: BTreeMap<Alike<'_>, Vec<Row<'_>>> = BTreeMap::new();
    for row in attempts {
        alike.entry(Alike::of(*row)).or_default().push(*row);
    }
    for (alike, rows) in alike {
        let mut left = rows.as_slice();
        for size in ROWS_AT_ONCE {
            while left.len() >= size {
                let (rows, rest) = left.split_at(size);
                insert_rows(connection, worker, alike, rows).await?;
                left = rest;
            }
        }
    }
    Ok(())
}

async fn insert_rows(
    connection: &mut AnyConnection,
    worker: &str,
    alike: Alike<'_>,
    rows: &[Row<'_>],
) -> Result<(), LedgerError> {
    let sql = format!(
        "INSERT INTO attempts (
             job_id, started_at, finished_at,
             code, message, request_id, client_request_id, diagnostic,
             worker, dispatch, step, outcome, status, server_date
         )
         {}",
        Dialect::of(connection).rows_with(6, rows.len(), 8)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql))
        .bind(worker)
        .bind(alike.dispatch)
        .bind(alike.step)
        .bind(alike.outcome)
        .bind(alike.status.map(i64::from))
        .bind(alike.server_date);
    for (job, _, attempt) in rows {
        query = query
            .bind(job.0)
            .bind(attempt.started_at.as_millis())
            .bind(attempt.finished_at.as_millis())
            .bind(attempt.code.as_deref().map(storable))
            .bind(attempt.message.as_deref().map(storable))
            .bind(attempt.request_id.as_deref())
            .bind(attempt.client_request_id.as_deref())
            .bind(attempt.diagnostic.as_deref());
    }
    query.execute(connection).await.doing("record attempts")?;
    Ok(())
}

impl Ledger {
    /// Every attempt of a job, oldest first.
    pub async fn attempts(&self, job: JobId) -> Result<Vec<Attempt>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT * FROM attempts
             WHERE job_id = $1
             ORDER BY dispatch, started_at, finished_at",
        )
        .bind(job.0)
        .fetch_all(&mut *reader)
        .await
        .doing("read attempts")?;
        rows.iter()
            .map(|row| {
                let columns = Columns::of("attempts", row);
                Ok(Attempt {
                    dispatch: columns.get("dispatch")?,
                    step: columns.word("step")?,
                    outcome: columns.word("outcome")?,
                    worker: columns.get("worker")?,
                    started_at: columns.time("started_at")?,
                    finished_at: columns.time("finished_at")?,
                    status: columns.get("status")?,
                    code: columns.get("code")?,
                    message: columns.get("message")?,
                    request_id: columns.get("request_id")?,
                    client_request_id: columns.get("client_request_id")?,
                    server_date: columns.get("server_date")?,
                    diagnostic: columns.get("diagnostic")?,
                })
            })
            .collect()
    }
}
