//! Steering a campaign: attend, pause, resume, cancel.

use repilot_domain::{
    Actor, AuditEvent, CampaignId, CampaignStatus, CanaryPhase, PauseCause, TenantName, Timestamp,
};
use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::campaigns::breaker;
use crate::campaigns::cancel::cancel_returned;
use crate::campaigns::pause::{pause_within, recall_queued};
use crate::error::QueryContext as _;
use crate::jobs::counters::open_jobs;
use crate::storage::dialect::Dialect;
use crate::storage::locks;
use crate::storage::rows::{Columns, batch};
use crate::{Campaign, Ledger, LedgerError, audit};

/// How the reason of a person's pause begins.
const BY_PERSON: &str = "paused by a person";

impl Campaign {
    /// Whether it may go on together with others, unlooked at: a person paused it, and its deadline has
    /// not passed. A canary that waits, a breaker that tripped or a tenant that refuses asks for a look.
    #[must_use]
    pub fn may_be_resumed_with_others(&self, now: Timestamp) -> bool {
        self.pause_cause == Some(PauseCause::Person)
            && !self.has_ended()
            && self.passed_deadline(now).is_none()
    }

    /// Whether a person paused it, rather than a worker whom the tenant refused.
    #[must_use]
    pub fn is_paused_by_person(&self) -> bool {
        self.status == CampaignStatus::Paused && self.status_reason.starts_with(BY_PERSON)
    }
}

impl Campaign {
    /// Whether it is paused until a person has signed in again, and goes on by itself after that.
    #[must_use]
    pub fn waits_for_sign_in(&self) -> bool {
        self.status == CampaignStatus::Paused && self.pause_cause == Some(PauseCause::SignIn)
    }

    /// Whether its jobs in doubt are looked at although it is paused: not where the tenant refuses
    /// everything, or nobody is signed in.
    #[must_use]
    pub const fn looks_while_paused(&self) -> bool {
        match self.pause_cause {
            Some(
                PauseCause::Person
                | PauseCause::Canary
                | PauseCause::Breaker
                | PauseCause::Deadline,
            ) => true,
            None | Some(PauseCause::Tenant | PauseCause::SignIn) => false,
        }
    }

    /// Whether the `run` that began it may try again by itself: only the tenant stopped it. What a
    /// person paused, or what stopped by itself so that a person looks at it, waits for that person.
    #[must_use]
    pub fn may_be_tried_again(&self) -> bool {
        match self.pause_cause {
            None => !self.is_paused_by_person(),
            Some(PauseCause::Tenant | PauseCause::SignIn) => true,
            Some(
                PauseCause::Person
                | PauseCause::Canary
                | PauseCause::Breaker
                | PauseCause::Deadline,
            ) => false,
        }
    }
}

impl Ledger {
    /// Promises to move a campaign on until then.
    pub async fn lease_campaign(
        &self,
        campaign: CampaignId,
        until: Timestamp,
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "UPDATE campaigns
             SET attended_until = $1
             WHERE id = $2 AND ended_at IS NULL AND attended_until < $1",
        )
        .bind(until.as_millis())
        .bind(campaign.0)
        .execute(&mut *transaction)
        .await
        .doing("attend a campaign")?;
        self.commit(transaction, "attend a campaign").await
    }

    /// Promises to move every open campaign of these tenants on until then.
    pub async fn lease_tenants<'a>(
        &self,
        tenants: impl IntoIterator<Item = &'a TenantName>,
        until: Timestamp,
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        let dialect = Dialect::of(&transaction);
        let sql = format!(
            "UPDATE campaigns
             SET attended_until = $2
             WHERE id IN (
                 SELECT id FROM campaigns
                 WHERE tenant IN (SELECT word FROM {words} AS tenants)
                   AND ended_at IS NULL
                   AND attended_until < $2
                 ORDER BY id
                 {locking}
             )",
            words = dialect.each_word(),
            locking = dialect.locking()
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(batch(tenants.into_iter().map(TenantName::as_str))?)
            .bind(until.as_millis())
            .execute(&mut *transaction)
            .await
            .doing("attend campaigns")?;
        self.commit(transaction, "attend campaigns").await
    }

    /// Takes the promise back, so that nobody else moves the campaign on for its remainder.
    pub async fn release_campaign(&self, campaign: CampaignId) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        sqlx::query("UPDATE campaigns SET attended_until = 0 WHERE id = $1")
            .bind(campaign.0)
            .execute(&mut *transaction)
            .await
            .doing("leave a campaign")?;
        self.commit(transaction, "leave a campaign").await
    }

    /// Pauses an active campaign: what is on the wire goes back, what is in flight ends.
    /// Whether it was active.
    pub async fn pause(
        &self,
        campaign: CampaignId,
        reason: &str,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        let mut transaction = self.begin().await?;
        locks::campaign(&mut transaction, campaign).await?;
        let paused = pause_within(
            &mut transaction,
            campaign,
            (PauseCause::Person, reason),
            by,
            now,
        )
        .await?;
        self.commit(transaction, "pause a campaign").await?;
        Ok(paused)
    }

    /// Pauses a campaign because a person says so: it goes on only when a person says so.
    pub async fn pause_by_person(
        &self,
        campaign: CampaignId,
        reason: &str,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        let reason = match reason.trim() {
            "" => BY_PERSON.to_owned(),
            reason => format!("{BY_PERSON}: {reason}"),
        };
        self.pause(campaign, &reason, by, now).await
    }

    /// Lets a paused campaign go on: after its canary the rest goes out, and its breaker counts anew.
    /// Whether it was paused.
    pub async fn resume(
        &self,
        campaign: CampaignId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        self.resume_paused_by(campaign, None, by, now).await
    }

    /// The same, where `cause` is given only of a campaign that it paused.
    pub(crate) async fn resume_paused_by(
        &self,
        campaign: CampaignId,
        cause: Option<PauseCause>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        let mut transaction = self.begin().await?;
        locks::campaign(&mut transaction, campaign).await?;
        let row = sqlx::query("SELECT canary_phase FROM campaigns WHERE id = $1")
            .bind(campaign.0)
            .fetch_one(&mut *transaction)
            .await
            .doing("resume a campaign")?;
        let phase: CanaryPhase = Columns::of("campaigns", &row).word("canary_phase")?;
        let done = sqlx::query(
            "UPDATE campaigns
             SET status = 'active', status_reason = '', pause_cause = '',
                 stopped_by = '', stopped_at = NULL,
                 canary_by = CASE WHEN canary_phase = 'waiting' THEN $3 ELSE canary_by END,
                 canary_at = CASE WHEN canary_phase = 'waiting' THEN $4 ELSE canary_at END,
                 canary_phase = CASE WHEN canary_phase = 'waiting' THEN 'passed'
                                     ELSE canary_phase END
             WHERE id = $1
               AND status = 'paused'
               AND ($2 = '' OR pause_cause = $2)",
        )
        .bind(campaign.0)
        .bind(cause.map_or("", PauseCause::as_str))
        .bind(&by.name)
        .bind(now.as_millis())
        .execute(&mut *transaction)
        .await
        .doing("resume a campaign")?;
        let resumed = done.rows_affected() == 1;
        if resumed {
            breaker::arm(&mut transaction, campaign).await?;
            if phase == CanaryPhase::Waiting {
                let (event, detail) = (AuditEvent::CanaryPassed, json!({}));
                audit::record(&mut transaction, now, by, Some(campaign), event, &detail).await?;
            }
            audit::record(
                &mut transaction,
                now,
                by,
                Some(campaign),
                AuditEvent::Resumed,
                &json!({}),
            )
            .await?;
        }
        self.commit(transaction, "resume a campaign").await?;
        Ok(resumed)
    }

    /// Cancels a campaign: what has not been called yet never will be. How many jobs that is.
    ///
    /// Jobs in doubt stay open until a worker has looked at their devices: what was done succeeds, and
    /// the others are cancelled then. [`CampaignCounts::uncertain`](crate::CampaignCounts::uncertain)
    /// says how many those are.
    ///
    /// The campaign is cancelled at once; its jobs follow in transactions that keep nobody waiting.
    /// Should the process end between them, the next rescue ends it. One that has ended stays as it
    /// is.
    pub async fn cancel(
        &self,
        campaign: CampaignId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        let mut transaction = self.begin().await?;
        locks::campaign(&mut transaction, campaign).await?;
        let done = sqlx::query(
            "UPDATE campaigns
             SET status = 'cancelled', status_reason = 'cancelled by a person',
                 stopped_by = $3, stopped_at = $2,
                 enqueued_at = COALESCE(enqueued_at, $2)
             WHERE id = $1 AND ended_at IS NULL",
        )
        .bind(campaign.0)
        .bind(now.as_millis())
        .bind(&by.name)
        .execute(&mut *transaction)
        .await
        .doing("cancel a campaign")?;
        if done.rows_affected() == 1 {
            let detail = json!({ "open": open_jobs(&mut transaction, campaign).await? });
            audit::record(
                &mut transaction,
                now,
                by,
                Some(campaign),
                AuditEvent::Cancelled,
                &detail,
            )
            .await?;
        }
        // From here on no more of it gets on the wire than is looked at.
        recall_queued(&mut transaction, campaign).await?;
        let mut cancelled = cancel_returned(&mut transaction, campaign, by, now).await?;
        self.commit(transaction, "cancel a campaign").await?;
        let mut chunk = cancelled;
        while chunk > 0 {
            let mut transaction = self.begin().await?;
            locks::campaign(&mut transaction, campaign).await?;
            chunk = cancel_returned(&mut transaction, campaign, by, now).await?;
            self.commit(transaction, "cancel jobs").await?;
            cancelled += chunk;
        }
        Ok(cancelled)
    }
}
