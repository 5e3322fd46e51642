//! Jobs in doubt: a call of theirs may have taken effect unseen, and nobody has looked since.
//!
//! They are looked at before anything else. In a campaign that a person paused or cancelled nothing else
//! becomes of them: they are looked at, and not called. What is found done succeeds; what is not waits
//! with the rest of a paused campaign, and is cancelled with the rest of a cancelled one. So the sums of a
//! campaign that was cancelled after a worker was lost are those of its devices.

use std::collections::HashMap;

use repilot_domain::CampaignId;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::LedgerError;
use crate::error::QueryContext as _;
use crate::storage::rows::Columns;

/// That a row of `job_rows` is of a job in doubt. One that goes round again has to be looked at as well,
/// and nothing is in doubt of it.
pub(crate) const IN_DOUBT: &str = "job_rows.uncertain = 1
           AND job_rows.state = 'pending'
           AND EXISTS (
               SELECT 1 FROM attempts
               WHERE attempts.job_id = job_rows.id
                 AND attempts.outcome IN ('ambiguous', 'lost')
           )";

/// That a row of `campaigns` is of one whose jobs in doubt are looked at although nothing is called. Of a
/// tenant that refuses everything, or without a sign-in, nothing would be seen.
pub(crate) const LOOKS_ONLY: &str = "(status = 'cancelled'
           OR status = 'paused' AND pause_cause IN ('person', 'canary', 'breaker', 'deadline'))";

/// The same, and that there are such jobs.
pub(crate) fn is_to_be_looked_at() -> String {
    format!(
        "ended_at IS NULL
           AND {LOOKS_ONLY}
           AND EXISTS (
               SELECT 1 FROM job_rows
               WHERE job_rows.campaign_id = campaigns.id
                 AND {IN_DOUBT}
           )"
    )
}

/// How many jobs in doubt a campaign has, or each of all that have any.
pub(crate) async fn count(
    connection: &mut AnyConnection,
    campaign: Option<CampaignId>,
) -> Result<HashMap<CampaignId, i64>, LedgerError> {
    let sql = format!(
        "SELECT campaigns.id AS campaign_id, COUNT(*) AS jobs
         -- In this order: each campaign has few of these.
         FROM campaigns
         CROSS JOIN job_rows
         WHERE (campaigns.id = $1 OR $1 = 0)
           AND campaigns.ended_at IS NULL
           AND job_rows.campaign_id = campaigns.id
           AND {IN_DOUBT}
         GROUP BY campaigns.id"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(campaign.map_or(0, |id| id.0))
        .fetch_all(connection)
        .await
        .doing("count jobs in doubt")?;
    let counts = rows.iter().map(|row| {
        let columns = Columns::of("job_rows", row);
        let campaign = CampaignId(columns.get("campaign_id")?);
        Ok((campaign, columns.get("jobs")?))
    });
    counts.collect()
}
