//! Attempts: what was asked of Graph, and what it said.

use repilot_domain::{AttemptOutcome, AttemptStep, JobId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::QueryContext as _;
use crate::storage::rows::Columns;
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
