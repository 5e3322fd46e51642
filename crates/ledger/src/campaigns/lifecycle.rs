//! Steering a campaign: attend, pause, resume, cancel.

use repilot_domain::{
    Actor, AuditEvent, CampaignId, CampaignStatus, CanaryPhase, JobEvent, JobState, PauseCause,
    TenantName, Timestamp,
};
use serde_json::json;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::campaigns::breaker;
use crate::drain::in_doubt::IN_DOUBT;
use crate::drain::rescue;
use crate::error::QueryContext as _;
use crate::jobs::counters::{Deltas, end_if_done};
use crate::jobs::state_tables;
use crate::jobs::state_tables::Renewed;
use crate::storage::dialect::Dialect;
use crate::storage::locks;
use crate::storage::rows::{Columns, batch, gathered, storable};
use crate::{Campaign, Ledger, LedgerError, audit};

/// Jobs that one transaction cancels: over in some 100 ms, so that nobody's lease runs out.
const CANCEL_CHUNK: i64 = 10_000;

/// How the reason of a person's pause begins.
const BY_PERSON: &str = "paused by a person";

impl Campaign {
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
    pub async fn attend(&self, campaign: CampaignId, until: Timestamp) -> Result<(), LedgerError> {
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
    pub async fn attend_tenants<'a>(
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
    pub async fn leave(&self, campaign: CampaignId) -> Result<(), LedgerError> {
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

/// Pauses within a transaction of the caller's, which has locked the campaign.
pub(crate) async fn pause_within(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    (cause, reason): (PauseCause, &str),
    by: &Actor,
    now: Timestamp,
) -> Result<bool, LedgerError> {
    let done = sqlx::query(
        "UPDATE campaigns
         SET status = 'paused', status_reason = $2, pause_cause = $3,
             stopped_by = $4, stopped_at = $5
         WHERE id = $1
           AND ended_at IS NULL
           AND (status = 'active'
                -- A new sign-in lifts this pause by itself, and must lift no other.
                OR (status = 'paused' AND pause_cause = 'sign-in' AND $3 <> 'sign-in'))",
    )
    .bind(campaign.0)
    .bind(storable(reason))
    .bind(cause.as_str())
    .bind(&by.name)
    .bind(now.as_millis())
    .execute(&mut *connection)
    .await
    .doing("pause a campaign")?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    recall_queued(connection, campaign).await?;
    let event = match cause {
        PauseCause::Canary => AuditEvent::CanaryWaiting,
        PauseCause::Breaker => AuditEvent::BreakerTripped,
        PauseCause::Person | PauseCause::Tenant | PauseCause::Deadline | PauseCause::SignIn => {
            AuditEvent::Paused
        }
    };
    audit::record(
        connection,
        now,
        by,
        Some(campaign),
        event,
        &json!({ "reason": reason }),
    )
    .await?;
    Ok(true)
}

/// Takes everything of a campaign back that is on the wire; the caller has locked the campaign.
pub(crate) async fn recall_queued(
    connection: &mut AnyConnection,
    campaign: CampaignId,
) -> Result<(), LedgerError> {
    let condition = "state = 'queued' AND campaign_id = $1";
    let queued = state_tables::in_hand(connection, condition, Renewed::Too, |query| {
        query.bind(campaign.0)
    });
    let queued = queued.await?;
    let mut deltas = Deltas::default();
    rescue::give_back(connection, &queued, JobEvent::Recall, &mut deltas).await?;
    deltas.write(connection).await
}

/// What comes back to a cancelled campaign is cancelled with it: a retry, or a job whose device was looked
/// at. What is in doubt waits for that.
pub(crate) async fn cancel_returned(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    by: &Actor,
    now: Timestamp,
) -> Result<u64, LedgerError> {
    let row = sqlx::query("SELECT status FROM campaigns WHERE id = $1")
        .bind(campaign.0)
        .fetch_one(&mut *connection)
        .await
        .doing("read a campaign's status")?;
    match Columns::of("campaigns", &row).word("status")? {
        CampaignStatus::Active | CampaignStatus::Paused => Ok(0),
        CampaignStatus::Cancelled => cancel_chunk(connection, campaign, by, now).await,
    }
}

/// Cancels some of a cancelled campaign's jobs, and ends it when none is open; how many it were.
pub(crate) async fn cancel_chunk(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    by: &Actor,
    now: Timestamp,
) -> Result<u64, LedgerError> {
    let due = certain(connection, campaign, CANCEL_CHUNK).await?;
    cancel_jobs(connection, campaign, &due, now).await?;
    let cancelled = due.len() as u64;
    let mut deltas = Deltas::default();
    deltas.moved(campaign, JobState::Pending, JobEvent::Cancel, cancelled)?;
    deltas.write(&mut *connection).await?;
    end_if_done(connection, campaign, by, now).await?;
    Ok(cancelled)
}

/// Some of a campaign's due jobs that are not in doubt.
async fn certain(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    limit: i64,
) -> Result<Vec<i64>, LedgerError> {
    let sql = format!(
        "SELECT {}
         FROM (
             SELECT id FROM due_jobs
             WHERE campaign_id = $1
               AND id NOT IN (
                   SELECT job_rows.id FROM job_rows
                   WHERE job_rows.campaign_id = $1
                     AND {IN_DOUBT}
               )
             ORDER BY not_before, id
             LIMIT $2
         ) AS due",
        Dialect::of(connection).gathered("id")
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(campaign.0).bind(limit);
    let due: Vec<[i64; 1]> = gathered(query, connection, "look for pending jobs").await?;
    Ok(due.into_iter().map(|[id]| id).collect())
}

/// Cancels due jobs of a campaign.
async fn cancel_jobs(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    due: &[i64],
    now: Timestamp,
) -> Result<(), LedgerError> {
    state_tables::leave_due(connection, campaign, due).await?;
    let sql = format!(
        "UPDATE job_rows
         SET state = 'cancelled', finished_at = $2, worker = ''
         WHERE id {}",
        Dialect::of(connection).is_named()
    );
    let now = now.as_millis();
    state_tables::change(connection, &sql, due, "cancel jobs", |query| {
        query.bind(now)
    })
    .await
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
