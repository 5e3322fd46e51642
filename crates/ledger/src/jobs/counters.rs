//! Counters of a campaign, changed in the transaction that changes what they count.

use std::collections::BTreeMap;

use repilot_domain::{CampaignId, JobEvent, JobState};
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::LedgerError;
use crate::error::QueryContext as _;
use crate::storage::dialect::Dialect;

/// Calls to Graph that an attempt row stands for.
pub(crate) const CALLS: &str = "calls";
/// Calls that Graph answered with 429.
pub(crate) const THROTTLED: &str = "throttled";
/// Rows that the plan refused, by reason.
pub(crate) const REFUSED: &str = "refused";

/// Jobs that succeeded or became dead letters, as often as they did: what the breaker counts by.
pub(crate) const OUTCOMES: &str = "outcomes";
/// The reason of that counter: it counts no jobs, as counters without one do.
pub(crate) const OUTCOMES_SETTLED: &str = "settled";
/// Jobs that were held against the inventory, by what it said.
pub(crate) const VERIFIED: &str = "verified";

/// Counters that one statement changes: a batch seldom changes more.
const ROWS_AT_ONCE: usize = 16;

/// Changes to counters, summed up before they are written; in one order, so that two processes
/// that change the same campaigns never wait for each other in a circle.
#[derive(Debug, Default)]
pub(crate) struct Deltas(BTreeMap<(CampaignId, &'static str, String), i64>);

impl Deltas {
    pub(crate) fn add(&mut self, campaign: CampaignId, name: &'static str, reason: &str, by: i64) {
        *self
            .0
            .entry((campaign, name, reason.to_owned()))
            .or_default() += by;
    }

    /// An event befell so many jobs of a state. SQL that does what [`JobState::apply`] does not
    /// know ends here, and its transaction with it.
    pub(crate) fn moved(
        &mut self,
        campaign: CampaignId,
        from: JobState,
        event: JobEvent,
        jobs: u64,
    ) -> Result<(), LedgerError> {
        let to = from.apply(event)?;
        let jobs = i64::try_from(jobs).unwrap_or(i64::MAX);
        self.add(campaign, from.as_str(), "", -jobs);
        self.add(campaign, to.as_str(), "", jobs);
        Ok(())
    }

    pub(crate) async fn write(self, connection: &mut AnyConnection) -> Result<(), LedgerError> {
        let changed: Vec<_> = self.0.into_iter().filter(|(_, by)| *by != 0).collect();
        for chunk in changed.chunks(ROWS_AT_ONCE) {
            let sql = format!(
                "INSERT INTO counters (campaign_id, name, reason, value)
                 {}
                 ON CONFLICT (campaign_id, name, reason)
                 DO UPDATE SET value = counters.value + excluded.value",
                Dialect::of(connection).rows(chunk.len(), 4)
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for ((campaign, name, reason), by) in chunk {
                query = query
                    .bind(campaign.0)
                    .bind(*name)
                    .bind(reason.as_str())
                    .bind(*by);
            }
            query.execute(&mut *connection).await.doing("count")?;
        }
        Ok(())
    }
}

/// How many of a campaign's jobs are not terminal.
pub(crate) async fn open_jobs(
    connection: &mut AnyConnection,
    campaign: CampaignId,
) -> Result<i64, LedgerError> {
    sqlx::query(
        "SELECT CAST(COALESCE(SUM(value), 0) AS BIGINT) FROM counters
         WHERE campaign_id = $1 AND name IN ('pending', 'queued', 'running')",
    )
    .bind(campaign.0)
    .fetch_one(connection)
    .await
    .and_then(|row| row.try_get(0))
    .doing("count open jobs")
}
