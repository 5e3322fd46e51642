//! Dead letters: grouped, requeued, discarded.

use repilot_domain::{CampaignId, DeadReason, JobId, JobState, Timestamp};
use serde::Serialize;

use crate::counters::Deltas;
use crate::error::QueryContext as _;
use crate::rows::Columns;
use crate::{Ledger, LedgerError};

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
    /// campaign stay where they are.
    pub async fn requeue(
        &self,
        selection: DeadSelection,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        self.revive(selection, JobState::Pending, now).await
    }

    /// Sets dead letters aside for good.
    pub async fn discard(
        &self,
        selection: DeadSelection,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        self.revive(selection, JobState::Skipped, now).await
    }

    async fn revive(
        &self,
        selection: DeadSelection,
        to: JobState,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        let mut transaction = self.begin().await?;
        let rows = sqlx::query(
            "SELECT id, campaign_id, reason FROM jobs
             WHERE state = 'dead'
               AND (campaign_id = $1 OR $1 = 0)
               AND (reason = $2 OR $2 = '')
               AND (id = $3 OR $3 = 0)
               AND ($4 <> 'pending' OR campaign_id NOT IN (
                   SELECT id FROM campaigns WHERE status = 'cancelled'
               ))",
        )
        .bind(selection.campaign.map_or(0, |id| id.0))
        .bind(selection.reason.map_or("", DeadReason::as_str))
        .bind(selection.job.map_or(0, |id| id.0))
        .bind(to.as_str())
        .fetch_all(&mut *transaction)
        .await
        .doing("read dead letters")?;
        let mut deltas = Deltas::default();
        let mut reopened = Vec::new();
        for row in &rows {
            let columns = Columns::of("jobs", row);
            let campaign = CampaignId(columns.get("campaign_id")?);
            let reason: String = columns.get("reason")?;
            sqlx::query(
                "UPDATE jobs
                 SET state = $2, attempts = 0, uncertain = 0, not_before = $3,
                     finished_at = CASE WHEN $2 = 'pending' THEN NULL ELSE finished_at END
                 WHERE id = $1 AND state = 'dead'",
            )
            .bind(columns.get::<i64>("id")?)
            .bind(to.as_str())
            .bind(now.as_millis())
            .execute(&mut *transaction)
            .await
            .doing("change a dead letter")?;
            deltas.moved(campaign, JobState::Dead, to);
            deltas.add(campaign, JobState::Dead.as_str(), &reason, -1);
            if to == JobState::Pending && !reopened.contains(&campaign) {
                reopened.push(campaign);
            }
        }
        deltas.write(&mut transaction).await?;
        for campaign in reopened {
            sqlx::query("UPDATE campaigns SET ended_at = NULL WHERE id = $1")
                .bind(campaign.0)
                .execute(&mut *transaction)
                .await
                .doing("reopen a campaign")?;
        }
        transaction.commit().await.doing("change dead letters")?;
        Ok(rows.len() as u64)
    }
}
