//! Counters of a campaign, changed in the transaction that changes what they count.

use std::collections::BTreeMap;

use repilot_domain::{Actor, AuditEvent, CampaignId, CanaryPhase, JobEvent, JobState, Timestamp};
use serde_json::{Map, Value};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::campaigns::without_user::between_steps;
use crate::error::QueryContext as _;
use crate::storage::dialect::Dialect;
use crate::storage::rows::Columns;
use crate::{LedgerError, audit};

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

/// What a settlement looks at beside its jobs: in one statement, of a campaign that has not ended.
pub(crate) struct Aftermath {
    /// Its list is in and none of its jobs is open.
    pub(crate) is_done: bool,
    pub(crate) canary_is_running: bool,
    pub(crate) has_breaker: bool,
}

impl Aftermath {
    /// `None` where the campaign has ended.
    pub(crate) async fn read(
        connection: &mut AnyConnection,
        campaign: CampaignId,
    ) -> Result<Option<Self>, LedgerError> {
        let row = sqlx::query(
            "SELECT canary_phase,
                    max_failures,
                    CAST(CASE WHEN enqueued_at IS NOT NULL
                               AND NOT EXISTS (
                                   SELECT 1 FROM counters
                                   WHERE campaign_id = $1
                                     AND name IN ('pending', 'queued', 'running')
                                     AND value > 0
                               )
                         THEN 1 ELSE 0 END AS BIGINT) AS is_done
             FROM campaigns
             WHERE id = $1 AND ended_at IS NULL",
        )
        .bind(campaign.0)
        .fetch_optional(connection)
        .await
        .doing("look at a campaign")?;
        let Some(row) = row else { return Ok(None) };
        let columns = Columns::of("campaigns", &row);
        let phase: CanaryPhase = columns.word("canary_phase")?;
        Ok(Some(Self {
            is_done: columns.get::<i64>("is_done")? != 0,
            canary_is_running: phase == CanaryPhase::Running,
            has_breaker: !columns.get::<String>("max_failures")?.is_empty(),
        }))
    }
}

/// Marks the campaign ended when its list is in and none of its jobs is open.
pub(crate) async fn end_if_done(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    by: &Actor,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let ended = sqlx::query(
        "UPDATE campaigns
         SET ended_at = $2
         WHERE id = $1
           AND ended_at IS NULL
           AND enqueued_at IS NOT NULL
           AND NOT EXISTS (
               SELECT 1 FROM counters
               WHERE campaign_id = $1
                 AND name IN ('pending', 'queued', 'running')
                 AND value > 0
           )",
    )
    .bind(campaign.0)
    .bind(now.as_millis())
    .execute(&mut *connection)
    .await
    .doing("end a campaign")?;
    if ended.rows_affected() == 0 {
        return Ok(());
    }
    let counts = counts(connection, campaign, now).await?;
    audit::record(
        connection,
        now,
        by,
        Some(campaign),
        AuditEvent::Ended,
        &counts,
    )
    .await
}

/// What is counted of a campaign's jobs by state, for the audit.
async fn counts(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    now: Timestamp,
) -> Result<Value, LedgerError> {
    let rows = sqlx::query(
        "SELECT name, value FROM counters
         WHERE campaign_id = $1 AND reason = '' AND value <> 0",
    )
    .bind(campaign.0)
    .fetch_all(&mut *connection)
    .await
    .doing("read counters")?;
    let mut counts = Map::new();
    for row in &rows {
        let columns = Columns::of("counters", row);
        counts.insert(columns.get("name")?, columns.get::<i64>("value")?.into());
    }
    let between = between_steps(connection, Some(campaign), now).await?;
    if let Some(between) = between
        .get(&campaign)
        .filter(|found| found.without_user > 0)
    {
        counts.insert("without_user".to_owned(), between.without_user.into());
    }
    Ok(Value::Object(counts))
}
