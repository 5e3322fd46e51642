//! Claims: a queued job of that dispatch number becomes the worker's.

use repilot_domain::{CampaignId, DeviceId, JobEvent, JobId, JobState, Timestamp};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::LedgerError;
use crate::counters::Deltas;
use crate::error::QueryContext as _;
use crate::rows::{Columns, MAX_ROWS, padded_size, values};

/// What a worker needs to know of a job that it has claimed.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// The job.
    pub id: JobId,
    /// The dispatch number that fences what the worker will say of it.
    pub dispatch: i64,
    /// Its campaign.
    pub campaign: CampaignId,
    /// The device to act on.
    pub device: DeviceId,
    /// Who was assigned when the plan was made; empty where nobody was.
    pub previous_user: String,
    /// Attempts spent so far.
    pub attempts: u32,
    /// A call may have taken effect unseen: look first.
    pub uncertain: bool,
    /// Until when the claim holds.
    pub lease_until: Timestamp,
}

/// Claims those of `jobs` that are still queued under their number.
pub(crate) async fn claim(
    connection: &mut AnyConnection,
    worker: &str,
    jobs: &[(JobId, i64)],
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<Vec<ClaimedJob>, LedgerError> {
    let mut claimed = Vec::with_capacity(jobs.len());
    let mut deltas = Deltas::default();
    let mut campaigns = Vec::new();
    for chunk in jobs.chunks(MAX_ROWS) {
        let size = padded_size(chunk.len());
        let sql = format!(
            "WITH claims (id, dispatch) AS (VALUES {})
             UPDATE jobs
             SET state = 'running', worker = $1, lease_until = $2
             FROM claims
             WHERE jobs.id = claims.id
               AND jobs.dispatch = claims.dispatch
               AND jobs.state = 'queued'
             RETURNING jobs.id, jobs.dispatch, jobs.campaign_id, jobs.device_id,
                       jobs.user_principal_name, jobs.attempts, jobs.uncertain",
            values(&["BIGINT", "BIGINT"], size, 3)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql))
            .bind(worker)
            .bind(lease_until.as_millis());
        for index in 0..size {
            let (job, dispatch) = chunk[index.min(chunk.len() - 1)];
            query = query.bind(job.0).bind(dispatch);
        }
        let rows = query
            .fetch_all(&mut *connection)
            .await
            .doing("claim jobs")?;
        for row in &rows {
            let columns = Columns::of("jobs", row);
            let campaign = CampaignId(columns.get("campaign_id")?);
            deltas.moved(campaign, JobState::Queued, JobEvent::Claim, 1)?;
            if !campaigns.contains(&campaign) {
                campaigns.push(campaign);
            }
            claimed.push(ClaimedJob {
                id: JobId(columns.get("id")?),
                dispatch: columns.get("dispatch")?,
                campaign,
                device: DeviceId(columns.get("device_id")?),
                previous_user: columns.get("user_principal_name")?,
                attempts: u32::try_from(columns.get::<i64>("attempts")?).unwrap_or(u32::MAX),
                uncertain: columns.get::<i64>("uncertain")? != 0,
                lease_until,
            });
        }
    }
    deltas.write(connection).await?;
    for campaign in campaigns {
        sqlx::query("UPDATE campaigns SET started_at = $2 WHERE id = $1 AND started_at IS NULL")
            .bind(campaign.0)
            .bind(now.as_millis())
            .execute(&mut *connection)
            .await
            .doing("start a campaign")?;
    }
    Ok(claimed)
}
