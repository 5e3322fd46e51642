//! Steering a campaign: attend, pause, resume, cancel.

use repilot_domain::{CampaignId, CampaignStatus, JobState, Timestamp};
use sqlx::AnyConnection;

use crate::counters::{Deltas, end_if_done};
use crate::error::QueryContext as _;
use crate::{Campaign, Ledger, LedgerError};

/// How the reason of a person's pause begins.
const BY_PERSON: &str = "paused by a person";

impl Campaign {
    /// Whether a person paused it, rather than a worker whom the tenant refused.
    #[must_use]
    pub fn is_paused_by_person(&self) -> bool {
        self.status == CampaignStatus::Paused && self.status_reason.starts_with(BY_PERSON)
    }
}

impl Ledger {
    /// Promises to move a campaign on until then; without a campaign, all that are open.
    pub async fn attend(
        &self,
        campaign: Option<CampaignId>,
        until: Timestamp,
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "UPDATE campaigns
             SET attended_until = $1
             WHERE ended_at IS NULL
               AND attended_until < $1
               AND (id = $2 OR $2 = 0)",
        )
        .bind(until.as_millis())
        .bind(campaign.map_or(0, |id| id.0))
        .execute(&mut *transaction)
        .await
        .doing("attend campaigns")?;
        transaction.commit().await.doing("attend campaigns")
    }

    /// Takes the promise back, so that nobody else moves the campaign on for its remainder.
    pub async fn leave(&self, campaign: CampaignId) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        sqlx::query("UPDATE campaigns SET attended_until = 0 WHERE id = $1")
            .bind(campaign.0)
            .execute(&mut *transaction)
            .await
            .doing("leave a campaign")?;
        transaction.commit().await.doing("leave a campaign")
    }

    /// Pauses an active campaign: what is on the wire goes back, what is in flight ends.
    /// Whether it was active.
    pub async fn pause(&self, campaign: CampaignId, reason: &str) -> Result<bool, LedgerError> {
        let mut transaction = self.begin().await?;
        let paused = pause_within(&mut transaction, campaign, reason).await?;
        transaction.commit().await.doing("pause a campaign")?;
        Ok(paused)
    }

    /// Pauses a campaign because a person says so: it goes on only when a person says so.
    pub async fn pause_by_person(
        &self,
        campaign: CampaignId,
        reason: &str,
    ) -> Result<bool, LedgerError> {
        let reason = match reason.trim() {
            "" => BY_PERSON.to_owned(),
            reason => format!("{BY_PERSON}: {reason}"),
        };
        self.pause(campaign, &reason).await
    }

    /// Lets a paused campaign go on. Whether it was paused.
    pub async fn resume(&self, campaign: CampaignId) -> Result<bool, LedgerError> {
        let mut transaction = self.begin().await?;
        let done = sqlx::query(
            "UPDATE campaigns
             SET status = 'active', status_reason = ''
             WHERE id = $1 AND status = 'paused'",
        )
        .bind(campaign.0)
        .execute(&mut *transaction)
        .await
        .doing("resume a campaign")?;
        transaction.commit().await.doing("resume a campaign")?;
        Ok(done.rows_affected() == 1)
    }

    /// Cancels a campaign: what has not been called yet never will be. How many jobs that is.
    pub async fn cancel(&self, campaign: CampaignId, now: Timestamp) -> Result<u64, LedgerError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "UPDATE campaigns
             SET status = 'cancelled', status_reason = 'cancelled by a person',
                 enqueued_at = COALESCE(enqueued_at, $2)
             WHERE id = $1",
        )
        .bind(campaign.0)
        .bind(now.as_millis())
        .execute(&mut *transaction)
        .await
        .doing("cancel a campaign")?;
        let mut cancelled = 0;
        let mut deltas = Deltas::default();
        for state in [JobState::Pending, JobState::Queued] {
            let done = sqlx::query(
                "UPDATE jobs
                 SET state = 'cancelled', finished_at = $3
                 WHERE campaign_id = $1 AND state = $2",
            )
            .bind(campaign.0)
            .bind(state.as_str())
            .bind(now.as_millis())
            .execute(&mut *transaction)
            .await
            .doing("cancel jobs")?;
            let count = i64::try_from(done.rows_affected()).unwrap_or(i64::MAX);
            deltas.add(campaign, state.as_str(), "", -count);
            deltas.add(campaign, JobState::Cancelled.as_str(), "", count);
            cancelled += done.rows_affected();
        }
        deltas.write(&mut transaction).await?;
        end_if_done(&mut transaction, campaign, now).await?;
        transaction.commit().await.doing("cancel a campaign")?;
        Ok(cancelled)
    }
}

/// Pauses within a transaction of the caller's.
pub(crate) async fn pause_within(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    reason: &str,
) -> Result<bool, LedgerError> {
    let done = sqlx::query(
        "UPDATE campaigns
         SET status = 'paused', status_reason = $2
         WHERE id = $1 AND status = 'active' AND ended_at IS NULL",
    )
    .bind(campaign.0)
    .bind(reason)
    .execute(&mut *connection)
    .await
    .doing("pause a campaign")?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    let recalled = sqlx::query(
        "UPDATE jobs
         SET state = 'pending', worker = ''
         WHERE campaign_id = $1 AND state = 'queued'",
    )
    .bind(campaign.0)
    .execute(&mut *connection)
    .await
    .doing("recall jobs")?;
    let count = i64::try_from(recalled.rows_affected()).unwrap_or(i64::MAX);
    let mut deltas = Deltas::default();
    deltas.add(campaign, JobState::Queued.as_str(), "", -count);
    deltas.add(campaign, JobState::Pending.as_str(), "", count);
    deltas.write(connection).await?;
    Ok(true)
}

/// What comes back to a cancelled campaign is cancelled with it: a retry, or a rescued job.
pub(crate) async fn cancel_returned(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let done = sqlx::query(
        "UPDATE jobs
         SET state = 'cancelled', finished_at = $2
         WHERE campaign_id = $1
           AND state = 'pending'
           AND EXISTS (SELECT 1 FROM campaigns WHERE id = $1 AND status = 'cancelled')",
    )
    .bind(campaign.0)
    .bind(now.as_millis())
    .execute(&mut *connection)
    .await
    .doing("cancel a returned job")?;
    let count = i64::try_from(done.rows_affected()).unwrap_or(i64::MAX);
    let mut deltas = Deltas::default();
    deltas.add(campaign, JobState::Pending.as_str(), "", -count);
    deltas.add(campaign, JobState::Cancelled.as_str(), "", count);
    deltas.write(&mut *connection).await?;
    end_if_done(connection, campaign, now).await
}
