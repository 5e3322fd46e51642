//! Steps within a job: what one has done is kept before the next is called.
//!
//! The job stays its worker's. Whoever takes it over after a crash finds how far it was and goes on
//! there, with a look at the device first.

use repilot_domain::{AttemptOutcome, JobEvent, JobState, Progress, Timestamp};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::error::QueryContext as _;
use crate::jobs::counters::{CALLS, Deltas, THROTTLED};
use crate::jobs::{attempt_rows, state_tables};
use crate::storage::dialect::Dialect;
use crate::storage::rows::batch;
use crate::{ClaimKey, LedgerError, NewAttempt};

/// What a worker says of a step that is done while a further one follows.
#[derive(Debug, Clone)]
pub struct Advance {
    /// The claim that it is said of.
    pub key: ClaimKey,
    /// How far the job is now.
    pub progress: Progress,
    /// What was asked of Graph for the step, in order.
    pub attempts: Vec<NewAttempt>,
}

/// Keeps how far those jobs are whose claim still holds, and says which those are. Each step has
/// its attempts to spend.
pub(crate) async fn advance(
    connection: &mut AnyConnection,
    worker: &str,
    advances: &[&Advance],
    now: Timestamp,
    deltas: &mut Deltas,
) -> Result<Vec<ClaimKey>, LedgerError> {
    if advances.is_empty() {
        return Ok(Vec::new());
    }
    let keys = advances.iter().map(|said| said.key);
    let mut held = state_tables::held_keys(connection, worker, keys).await?;
    // Once only, should it have been said twice.
    let said: Vec<&Advance> = advances
        .iter()
        .copied()
        .filter(|said| held.remove(&said.key))
        .collect();
    let sql = format!(
        "UPDATE job_rows
         SET steps_done = said.steps_done,
             stepped_at = $2,
             attempts = 0,
             uncertain = 0,
             reason = '',
             message = ''
         FROM (
             SELECT CAST(value->>0 AS BIGINT) AS id,
                    CAST(value->>1 AS BIGINT) AS steps_done
             FROM {each}
         ) AS said
         WHERE job_rows.id = said.id",
        each = Dialect::of(connection).each()
    );
    let steps = batch(said.iter().map(|said| {
        let done = i64::try_from(said.progress.done()).unwrap_or(i64::MAX);
        (said.key.job, done)
    }))?;
    let kept = sqlx::query(AssertSqlSafe(sql))
        .bind(steps)
        .bind(now.as_millis())
        .execute(&mut *connection)
        .await
        .doing("keep steps")?;
    state_tables::all_of(kept.rows_affected(), said.len())?;
    let mut attempts = Vec::with_capacity(said.len());
    for said in &said {
        let campaign = said.key.campaign;
        deltas.moved(campaign, JobState::Running, JobEvent::Advance, 1)?;
        for attempt in &said.attempts {
            deltas.add(campaign, CALLS, "", 1);
            if attempt.outcome == AttemptOutcome::Throttled {
                deltas.add(campaign, THROTTLED, "", 1);
            }
            attempts.push((said.key.job, said.key.dispatch, attempt));
        }
    }
    attempt_rows::attempts(connection, worker, attempts).await?;
    Ok(said.iter().map(|said| said.key).collect())
}
