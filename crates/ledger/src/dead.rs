//! Dead letters: grouped, requeued, discarded.

use repilot_domain::{
    Actor, CampaignId, DeadReason, JobAct, JobCondition, JobId, JobQuery, JobState, Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::QueryContext as _;
use crate::rows::Columns;
use crate::search::JobSelection;
use crate::{Ledger, LedgerError};

/// Which dead letters are meant. All of what is given must hold.
#[derive(Debug, Clone, Default)]
pub struct DeadSelection {
    /// Those of this campaign.
    pub campaign: Option<CampaignId>,
    /// Those with this reason.
    pub reason: Option<DeadReason>,
    /// This one.
    pub job: Option<JobId>,
    /// Those that a search finds.
    pub query: JobQuery,
}

/// Dead letters of one campaign with one reason.
#[derive(Debug, Clone, Serialize, ToSchema)]
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
    /// What Graph said of the last of them, in its innermost message; empty where it said nothing.
    pub message: String,
}

impl Ledger {
    /// Dead letters by campaign and reason, from the counters; one message of each, by its place.
    pub async fn dead_groups(&self) -> Result<Vec<DeadGroup>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT campaigns.name AS campaign_name, counters.reason, counters.value,
                    COALESCE((
                        SELECT jobs.message FROM jobs
                        WHERE jobs.id = (
                            SELECT MAX(dead_jobs.id) FROM dead_jobs
                            WHERE dead_jobs.campaign_id = counters.campaign_id
                              AND dead_jobs.reason = counters.reason
                        )
                    ), '') AS message
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
                    message: columns.get("message")?,
                })
            })
            .collect()
    }

    /// Sends dead letters round again, with all their attempts before them: see [`Ledger::act`].
    /// How many it were.
    pub async fn requeue(
        &self,
        selection: &DeadSelection,
        by: &Actor,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        self.act_on_dead(JobAct::Requeue, selection, by, now).await
    }

    /// Sets dead letters aside for good. How many it were.
    pub async fn discard(
        &self,
        selection: &DeadSelection,
        by: &Actor,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        self.act_on_dead(JobAct::Discard, selection, by, now).await
    }

    async fn act_on_dead(
        &self,
        act: JobAct,
        selection: &DeadSelection,
        by: &Actor,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        let query = selection.as_query();
        let meant = self.jobs_meant(selection.campaign, &query).await?;
        let selection = JobSelection::All {
            campaign: selection.campaign,
            query,
            meant,
        };
        Ok(self.act(act, &selection, by, now).await?.jobs)
    }
}

impl DeadSelection {
    fn as_query(&self) -> JobQuery {
        let mut query = self
            .query
            .clone()
            .and(JobCondition::State(vec![JobState::Dead]));
        if let Some(reason) = self.reason {
            query = query.and(JobCondition::Reason(vec![reason.as_str().to_owned()]));
        }
        if let Some(job) = self.job {
            query = query.and(JobCondition::Job(job));
        }
        query
    }
}
