//! Cancelling jobs of a cancelled campaign, some at a time.

use repilot_domain::{Actor, CampaignId, CampaignStatus, JobEvent, JobState, Timestamp};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::LedgerError;
use crate::campaigns::ending::end_if_done;
use crate::error::QueryContext as _;
use crate::jobs::counters::Deltas;
use crate::jobs::in_doubt::IN_DOUBT;
use crate::jobs::state_tables;
use crate::storage::dialect::Dialect;
use crate::storage::rows::{Columns, gathered};

/// Jobs that one transaction cancels: over in some 100 ms, so that nobody's lease runs out.
pub(crate) const CANCEL_CHUNK: i64 = 10_000;

/// What comes back to a cancelled campaign is cancelled with it: a retry, or a job whose device was looked
/// at. What is in doubt waits for that.
pub(crate) async fn cancel_returned(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    by: &Actor,
    now: Timestamp,
) -> Result<u64, LedgerError> {
    let row = sqlx::query("SELECT status FROM campaigns WHERE id = $1")
        .bind(campaign.0)
        .fetch_one(&mut *connection)
        .await
        .doing("read a campaign's status")?;
    match Columns::of("campaigns", &row).word("status")? {
        CampaignStatus::Active | CampaignStatus::Paused => Ok(0),
        CampaignStatus::Cancelled => cancel_chunk(connection, campaign, by, now).await,
    }
}

/// Cancels some of a cancelled campaign's jobs, and ends it when none is open; how many it were.
pub(crate) async fn cancel_chunk(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    by: &Actor,
    now: Timestamp,
) -> Result<u64, LedgerError> {
    let due = certain(connection, campaign, CANCEL_CHUNK).await?;
    cancel_jobs(connection, campaign, &due, now).await?;
    let cancelled = due.len() as u64;
    let mut deltas = Deltas::default();
    deltas.moved(campaign, JobState::Pending, JobEvent::Cancel, cancelled)?;
    deltas.write(&mut *connection).await?;
    end_if_done(connection, campaign, by, now).await?;
    Ok(cancelled)
}

/// Some of a campaign's due jobs that are not in doubt.
pub(crate) async fn certain(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    limit: i64,
) -> Result<Vec<i64>, LedgerError> {
    let sql = format!(
        "SELECT {}
         FROM (
             SELECT id FROM due_jobs
             WHERE campaign_id = $1
               AND id NOT IN (
                   SELECT job_rows.id FROM job_rows
                   WHERE job_rows.campaign_id = $1
                     AND {IN_DOUBT}
               )
             ORDER BY not_before, id
             LIMIT $2
         ) AS due",
        Dialect::of(connection).gathered("id")
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(campaign.0).bind(limit);
    let due: Vec<[i64; 1]> = gathered(query, connection, "look for pending jobs").await?;
    Ok(due.into_iter().map(|[id]| id).collect())
}

/// Cancels due jobs of a campaign.
pub(crate) async fn cancel_jobs(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    due: &[i64],
    now: Timestamp,
) -> Result<(), LedgerError> {
    state_tables::leave_due(connection, campaign, due).await?;
    let sql = format!(
        "UPDATE job_rows
         SET state = 'cancelled', finished_at = $2, worker = ''
         WHERE id {}",
        Dialect::of(connection).is_named()
    );
    let now = now.as_millis();
    state_tables::change(connection, &sql, due, "cancel jobs", |query| {
        query.bind(now)
    })
    .await
}
