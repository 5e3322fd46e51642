//! Steps within a job: what one has done is kept before the next is called.
//!
//! The job stays its worker's. Whoever takes it over after a crash finds how far it was and goes on
//! there, with a look at the device first.

use std::collections::HashMap;

use repilot_domain::{AttemptOutcome, CampaignId, JobEvent, JobId, JobState, Progress, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::counters::{CALLS, Deltas, THROTTLED};
use crate::dialect::Dialect;
use crate::error::QueryContext as _;
use crate::rows::{Columns, batch};
use crate::{LedgerError, NewAttempt, record};

/// What a worker says of a step that is done while a further one follows.
#[derive(Debug, Clone)]
pub struct Advance {
    /// The job.
    pub job: JobId,
    /// The dispatch number of the claim.
    pub dispatch: i64,
    /// Its campaign, as the claim named it.
    pub campaign: CampaignId,
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
) -> Result<Vec<JobId>, LedgerError> {
    if advances.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "UPDATE job_rows
         SET steps_done = said.steps_done,
             stepped_at = $3,
             attempts = 0,
             uncertain = 0,
             reason = '',
             message = ''
         FROM (
             SELECT CAST(value->>0 AS BIGINT) AS id,
                    CAST(value->>1 AS BIGINT) AS dispatch,
                    CAST(value->>2 AS BIGINT) AS steps_done
             FROM {each}
         ) AS said
         CROSS JOIN jobs_in_hand AS held
         WHERE held.id = said.id
           AND held.dispatch = said.dispatch
           AND held.state = 'running'
           AND held.worker = $2
           AND job_rows.id = held.id
         RETURNING job_rows.id, job_rows.campaign_id",
        each = Dialect::of(connection).each()
    );
    let said = batch(advances.iter().map(|said| {
        let done = i64::try_from(said.progress.done()).unwrap_or(i64::MAX);
        (said.job.0, said.dispatch, done)
    }))?;
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(said)
        .bind(worker)
        .bind(now.as_millis())
        .fetch_all(&mut *connection)
        .await
        .doing("keep steps")?;
    let mut kept = Vec::with_capacity(rows.len());
    let mut attempts = Vec::with_capacity(rows.len());
    for row in &rows {
        let columns = Columns::of("jobs", row);
        let job = JobId(columns.get("id")?);
        let campaign = CampaignId(columns.get("campaign_id")?);
        deltas.moved(campaign, JobState::Running, JobEvent::Advance, 1)?;
        kept.push(job);
        for said in advances.iter().filter(|said| said.job == job) {
            for attempt in &said.attempts {
                deltas.add(campaign, CALLS, "", 1);
                if attempt.outcome == AttemptOutcome::Throttled {
                    deltas.add(campaign, THROTTLED, "", 1);
                }
                attempts.push((job, said.dispatch, attempt));
            }
        }
    }
    record::attempts(connection, worker, attempts).await?;
    Ok(kept)
}

/// How many jobs of one campaign, or of each, stand between two steps, whatever became of them: their
/// devices were changed, and are not yet what they shall be. Only of those that have several steps.
pub(crate) async fn between_steps(
    connection: &mut AnyConnection,
    campaign: Option<CampaignId>,
) -> Result<HashMap<CampaignId, i64>, LedgerError> {
    let rows = sqlx::query(
        "SELECT campaigns.id AS campaign_id, COUNT(*) AS between_steps
         FROM campaigns
         JOIN jobs ON jobs.campaign_id = campaigns.id
         WHERE (campaigns.id = $1 OR $1 = 0)
           AND campaigns.action = 'reassign'
           AND jobs.steps_done > 0
         GROUP BY campaigns.id",
    )
    .bind(campaign.map_or(0, |id| id.0))
    .fetch_all(connection)
    .await
    .doing("count jobs between two steps")?;
    let count = |row: &AnyRow| {
        let columns = Columns::of("jobs", row);
        let campaign = CampaignId(columns.get("campaign_id")?);
        Ok((campaign, columns.get("between_steps")?))
    };
    rows.iter().map(count).collect()
}
