//! Jobs between two steps, and devices that have no user meanwhile.

use std::collections::HashMap;

use repilot_domain::{CampaignId, Timestamp};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::LedgerError;
use crate::error::QueryContext as _;
use crate::storage::dialect::Dialect;
use crate::storage::rows::Columns;

/// That the device of `stopped`, a row of `job_rows`, has no user because the job stopped between its
/// two steps. Whether a worker has the job just now is asked apart.
pub(crate) const HAS_NO_USER: &str = "stopped.steps_done > 0
               AND stopped.reason NOT IN ('reassigned-meanwhile', 'not-found')
               AND NOT EXISTS (
                   SELECT 1 FROM users_again WHERE users_again.job_id = stopped.id
               )
               AND NOT EXISTS (
                   SELECT 1 FROM job_rows AS later
                   WHERE later.rolls_back = stopped.id
                     AND (later.state = 'succeeded' OR later.reason = 'not-found')
                     AND later.finished_at >= COALESCE(stopped.stepped_at, 0)
               )";

/// That no live worker has the job of `stopped`; takes the time as its second parameter.
const IS_IN_NO_HAND: &str = "NOT EXISTS (
                   SELECT 1 FROM jobs_in_hand
                   WHERE jobs_in_hand.id = stopped.id
                     AND jobs_in_hand.lease_until >= $2
               )";

/// Jobs of a campaign between two steps.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BetweenSteps {
    /// All of them, whatever their state.
    pub(crate) jobs: i64,
    /// Those whose device has no user now, and that no live worker has.
    pub(crate) without_user: i64,
    /// Those of these that are still to be done.
    pub(crate) without_user_open: i64,
}

/// Jobs between two steps, of one campaign or of each: only of those that have several steps.
pub(crate) async fn between_steps(
    connection: &mut AnyConnection,
    campaign: Option<CampaignId>,
    now: Timestamp,
) -> Result<HashMap<CampaignId, BetweenSteps>, LedgerError> {
    let sql = format!(
        "SELECT campaigns.id AS campaign_id,
                COUNT(*) AS jobs,
                CAST(SUM(CASE WHEN {HAS_NO_USER} AND {IS_IN_NO_HAND}
                         THEN 1 ELSE 0 END) AS BIGINT) AS without_user,
                CAST(SUM(CASE WHEN stopped.state = 'pending'
                               AND {HAS_NO_USER} AND {IS_IN_NO_HAND}
                         THEN 1 ELSE 0 END) AS BIGINT) AS without_user_open
         FROM campaigns
         JOIN job_rows AS stopped ON stopped.campaign_id = campaigns.id
         WHERE (campaigns.id = $1 OR $1 = 0)
           AND campaigns.action = 'reassign'
           AND stopped.steps_done > 0
         GROUP BY campaigns.id"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(campaign.map_or(0, |id| id.0))
        .bind(now.as_millis())
        .fetch_all(connection)
        .await
        .doing("count jobs between two steps")?;
    let mut counts = HashMap::with_capacity(rows.len());
    for row in &rows {
        let columns = Columns::of("job_rows", row);
        let found = BetweenSteps {
            jobs: columns.get("jobs")?,
            without_user: columns.get("without_user")?,
            without_user_open: columns.get("without_user_open")?,
        };
        counts.insert(CampaignId(columns.get("campaign_id")?), found);
    }
    Ok(counts)
}

/// Jobs that go round again are judged anew: what a listing showed before holds no longer.
pub(crate) async fn judge_anew(
    connection: &mut AnyConnection,
    jobs: &[i64],
) -> Result<(), LedgerError> {
    let dialect = Dialect::of(connection);
    let sql = format!(
        "DELETE FROM users_again WHERE job_id {}",
        dialect.is_named()
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(dialect.numbers(jobs.iter().copied()))
        .execute(connection)
        .await
        .doing("judge jobs anew")?;
    Ok(())
}
