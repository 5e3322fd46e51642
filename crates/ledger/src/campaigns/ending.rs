//! The end of a campaign: what is checked after a settlement, and when it ends.

use repilot_domain::{Actor, AuditEvent, CampaignId, CanaryPhase, Timestamp};
use serde_json::{Map, Value};
use sqlx::AnyConnection;

use crate::error::QueryContext as _;
use crate::jobs::between_steps::between_steps;
use crate::storage::rows::Columns;
use crate::{LedgerError, audit};

/// What a settlement looks at beside its jobs: in one statement, of a campaign that has not ended.
pub(crate) struct EndChecks {
    /// Its list is in and none of its jobs is open.
    pub(crate) is_done: bool,
    pub(crate) canary_is_running: bool,
    pub(crate) has_breaker: bool,
}

impl EndChecks {
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
