//! Dead letters: grouped, requeued, discarded.

use std::collections::BTreeMap;

use repilot_domain::{
    Actor, AuditEvent, CampaignId, DeadReason, JobEvent, JobId, JobState, Timestamp,
};
use serde::Serialize;
use serde_json::json;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::counters::Deltas;
use crate::error::QueryContext as _;
use crate::rows::Columns;
use crate::{Ledger, LedgerError, audit, locks};

/// Which dead letters are meant. All of what is given must hold.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeadSelection {
    /// Those of this campaign.
    pub campaign: Option<CampaignId>,
    /// Those with this reason.
    pub reason: Option<DeadReason>,
    /// This one.
    pub job: Option<JobId>,
}

/// Dead letters of one campaign with one reason.
#[derive(Debug, Clone, Serialize)]
pub struct DeadGroup {
    /// The campaign's name.
    pub campaign: String,
    /// The reason.
    pub reason: DeadReason,
    /// How many.
    pub jobs: i64,
    /// What it means.
    pub meaning: &'static str,
    /// What to do about it.
    pub advice: &'static str,
}

impl Ledger {
    /// Dead letters by campaign and reason, from the counters.
    pub async fn dead_groups(&self) -> Result<Vec<DeadGroup>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT campaigns.name AS campaign_name, counters.reason, counters.value
             FROM counters JOIN campaigns ON campaigns.id = counters.campaign_id
             WHERE counters.name = 'dead'
               AND counters.reason <> ''
               AND counters.value > 0
             ORDER BY campaigns.id DESC, counters.value DESC",
        )
        .fetch_all(&mut *reader)
        .await
        .doing("read dead letters")?;
        rows.iter()
            .map(|row| {
                let columns = Columns::of("counters", row);
                let reason: DeadReason = columns.word("reason")?;
                Ok(DeadGroup {
                    campaign: columns.get("campaign_name")?,
                    reason,
                    jobs: columns.get("value")?,
                    meaning: reason.meaning(),
                    advice: reason.advice(),
                })
            })
            .collect()
    }

    /// Sends dead letters round again, with all their attempts before them; those of a cancelled
    /// campaign stay where they are. How many it were.
    ///
    /// One whose last call may have taken effect unseen is looked at first; one that was found with
    /// another user is called at once, from its first step on: whoever requeues it means that user,
    /// too. Any other goes on with the step at which it stopped.
    pub async fn requeue(
        &self,
        selection: DeadSelection,
        by: &Actor,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        let mut transaction = self.begin().await?;
        let (groups, counted) = selected(&mut transaction, selection, JobEvent::Requeue).await?;
        let sql = format!(
            "UPDATE jobs
             SET state = 'pending', attempts = 0, not_before = $4, finished_at = NULL,
                 uncertain = CASE WHEN reason = 'reassigned-meanwhile' THEN 0 ELSE uncertain END,
                 steps_done = CASE WHEN reason = 'reassigned-meanwhile' THEN 0 ELSE steps_done END,
                 reason = '', message = ''
             WHERE {SELECTED} AND {NOT_CANCELLED}"
        );
        let requeued = bound(sqlx::query(AssertSqlSafe(sql)), selection)
            .bind(now.as_millis())
            .execute(&mut *transaction)
            .await
            .doing("requeue dead letters")?
            .rows_affected();
        if requeued != counted {
            return Err(LedgerError::Contended);
        }
        for campaign in groups.keys() {
            sqlx::query("UPDATE campaigns SET ended_at = NULL WHERE id = $1")
                .bind(campaign.0)
                .execute(&mut *transaction)
                .await
                .doing("reopen a campaign")?;
        }
        tell(
            &mut transaction,
            &groups,
            selection,
            AuditEvent::Requeued,
            by,
            now,
        )
        .await?;
        self.commit(transaction, "requeue dead letters").await?;
        Ok(requeued)
    }

    /// Sets dead letters aside for good. How many it were.
    pub async fn discard(
        &self,
        selection: DeadSelection,
        by: &Actor,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        let mut transaction = self.begin().await?;
        let (groups, counted) = selected(&mut transaction, selection, JobEvent::Discard).await?;
        let sql = format!("UPDATE jobs SET state = 'skipped' WHERE {SELECTED}");
        let discarded = bound(sqlx::query(AssertSqlSafe(sql)), selection)
            .execute(&mut *transaction)
            .await
            .doing("discard dead letters")?
            .rows_affected();
        if discarded != counted {
            return Err(LedgerError::Contended);
        }
        tell(
            &mut transaction,
            &groups,
            selection,
            AuditEvent::Discarded,
            by,
            now,
        )
        .await?;
        self.commit(transaction, "discard dead letters").await?;
        Ok(discarded)
    }
}

/// Tells the audit, for each campaign, what became of how many dead letters.
async fn tell(
    connection: &mut AnyConnection,
    groups: &BTreeMap<CampaignId, u64>,
    selection: DeadSelection,
    event: AuditEvent,
    by: &Actor,
    now: Timestamp,
) -> Result<(), LedgerError> {
    for (campaign, jobs) in groups {
        let detail = json!({
            "jobs": jobs,
            "from": "dead",
            "reason": selection.reason,
            "job": selection.job,
        });
        audit::record(connection, now, by, Some(*campaign), event, &detail).await?;
    }
    Ok(())
}

/// Those that a selection means; takes three parameters.
const SELECTED: &str = "state = 'dead'
               AND id IN (
                   SELECT id FROM dead_jobs
                   WHERE (campaign_id = $1 OR $1 = 0)
                     AND (reason = $2 OR $2 = '')
                     AND (id = $3 OR $3 = 0)
               )";

/// Nor forgotten: what is left of those goes in a moment.
const NOT_CANCELLED: &str = "campaign_id NOT IN (
         SELECT id FROM campaigns WHERE status = 'cancelled' OR pruned_at IS NOT NULL
     )";

type Query<'q> = sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments>;

fn bound(query: Query<'_>, selection: DeadSelection) -> Query<'_> {
    query
        .bind(selection.campaign.map_or(0, |id| id.0))
        .bind(selection.reason.map_or("", DeadReason::as_str))
        .bind(selection.job.map_or(0, |id| id.0))
}

/// The campaigns that a selection can mean.
const CAMPAIGNS_MEANT: &str = "(id = $1 OR $1 = 0)
               AND ($2 = 0 OR id IN (SELECT campaign_id FROM jobs WHERE id = $2))";

/// Counts the selected dead letters off, and gives how many it are in each campaign, and in all.
async fn selected(
    connection: &mut AnyConnection,
    selection: DeadSelection,
    event: JobEvent,
) -> Result<(BTreeMap<CampaignId, u64>, u64), LedgerError> {
    locks::campaigns_where(connection, CAMPAIGNS_MEANT, |query| {
        let campaign = selection.campaign.map_or(0, |id| id.0);
        query
            .bind(campaign)
            .bind(selection.job.map_or(0, |id| id.0))
    })
    .await?;
    let also = match event {
        JobEvent::Requeue => NOT_CANCELLED,
        _ => "TRUE",
    };
    let sql = format!(
        "SELECT campaign_id, reason, COUNT(*) AS jobs FROM jobs
         WHERE {SELECTED} AND {also}
         GROUP BY campaign_id, reason"
    );
    let rows = bound(sqlx::query(AssertSqlSafe(sql)), selection)
        .fetch_all(&mut *connection)
        .await
        .doing("read dead letters")?;
    let mut deltas = Deltas::default();
    let mut campaigns = BTreeMap::new();
    let mut counted = 0;
    for row in &rows {
        let columns = Columns::of("jobs", row);
        let campaign = CampaignId(columns.get("campaign_id")?);
        let jobs: i64 = columns.get("jobs")?;
        let reason: String = columns.get("reason")?;
        deltas.moved(campaign, JobState::Dead, event, jobs.unsigned_abs())?;
        deltas.add(campaign, JobState::Dead.as_str(), &reason, -jobs);
        *campaigns.entry(campaign).or_default() += jobs.unsigned_abs();
        counted += jobs.unsigned_abs();
    }
    deltas.write(connection).await?;
    Ok((campaigns, counted))
}
