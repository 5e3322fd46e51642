//! Leases: who holds a job renews it; what is not renewed goes back to `pending`.
//!
//! A job that was *running* may have been called: its attempt is recorded as lost, and whoever
//! takes it next looks at the device first. A job that was only *queued* was never called.

use std::collections::BTreeSet;
use std::time::Duration;

use repilot_domain::{
    Actor, AttemptStep, CampaignId, JobEvent, JobId, JobState, Step, Timestamp, WorkerId,
};

use sqlx::{AnyConnection, AssertSqlSafe};

use crate::campaign_control::{cancel_chunk, cancel_returned};
use crate::counters::Deltas;
use crate::dialect::Dialect;
use crate::error::QueryContext as _;
use crate::rows::{Columns, batch, pairs, progress};
use crate::{Ledger, LedgerError, NewAttempt, QueuedJob, attempt, in_hand, locks};

/// No lease is promised for longer: one that ends later was given before a clock was set back.
pub(crate) const LEASE_MAX: Duration = Duration::from_mins(1);

/// What a rescue found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rescued {
    /// Jobs whose wire was lost.
    pub queued: usize,
    /// Jobs whose worker was lost, perhaps in the middle of a call.
    pub running: usize,
}

impl Ledger {
    /// Renews the leases of everything that the worker holds.
    pub async fn renew_leases(
        &self,
        worker: &WorkerId,
        lease_until: Timestamp,
    ) -> Result<u64, LedgerError> {
        self.renew(worker, lease_until, "state IN ('queued', 'running')")
            .await
    }

    /// Renews the leases of what the worker runs. What it has dispatched lies where others can lose
    /// it: that is dispatched again when its lease runs out.
    pub async fn renew_running(
        &self,
        worker: &WorkerId,
        lease_until: Timestamp,
    ) -> Result<u64, LedgerError> {
        self.renew(worker, lease_until, "state = 'running'").await
    }

    async fn renew(
        &self,
        worker: &WorkerId,
        lease_until: Timestamp,
        which: &'static str,
    ) -> Result<u64, LedgerError> {
        let mut transaction = self.begin().await?;
        let condition = format!("{which} AND worker = $1");
        let held = in_hand::which(&mut transaction, &condition, |query| query.bind(&worker.0));
        let held = held.await?;
        let dialect = Dialect::of(&transaction);
        let sql = format!(
            "UPDATE jobs
             SET lease_until = $2
             WHERE id IN (
                 SELECT id FROM jobs
                 WHERE id IN (SELECT id FROM {each} AS held)
                   AND {which}
                   AND worker = $3
                 {locking}
             )",
            each = dialect.each_id(),
            locking = dialect.locking_free_ones()
        );
        let done = sqlx::query(AssertSqlSafe(sql))
            .bind(held)
            .bind(lease_until.as_millis())
            .bind(&worker.0)
            .execute(&mut *transaction)
            .await
            .doing("renew leases")?;
        self.commit(transaction, "renew leases").await?;
        Ok(done.rows_affected())
    }

    /// Returns jobs whose lease ran out, and ends what a killed process had begun to cancel.
    pub async fn rescue(&self, by: &Actor, now: Timestamp) -> Result<Rescued, LedgerError> {
        let latest = now.after(LEASE_MAX);
        if !self.is_rescue_needed(now, latest).await? {
            return Ok(Rescued::default());
        }
        let mut transaction = self.begin().await?;
        let locked = locks::campaigns_where(&mut transaction, TO_RESCUE, |query| {
            query.bind(now.as_millis()).bind(latest.as_millis())
        })
        .await?;
        let lost = Lost {
            campaigns: batch(locked.iter().map(|campaign| campaign.0))?,
            now,
            latest,
        };
        let mut deltas = Deltas::default();
        let queued = lost.return_queued(&mut transaction, &mut deltas).await?;
        let (running, returned) = lost.return_running(&mut transaction, &mut deltas).await?;
        deltas.write(&mut transaction).await?;
        for campaign in returned {
            cancel_returned(&mut transaction, campaign, by, now).await?;
        }
        lost.cancel_rest(&mut transaction, by).await?;
        self.commit(transaction, "rescue jobs").await?;
        Ok(Rescued { queued, running })
    }

    async fn is_rescue_needed(
        &self,
        now: Timestamp,
        latest: Timestamp,
    ) -> Result<bool, LedgerError> {
        let mut reader = self.reader().await?;
        let sql = format!("SELECT id FROM campaigns WHERE {TO_RESCUE} LIMIT 1");
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(now.as_millis())
            .bind(latest.as_millis())
            .fetch_optional(&mut *reader)
            .await
            .doing("look for jobs to rescue")?;
        Ok(found.is_some())
    }

    /// Takes everything back that the worker holds unclaimed: it stops, or its lane is closed.
    pub async fn recall(&self, worker: &WorkerId) -> Result<u64, LedgerError> {
        let mut transaction = self.begin().await?;
        let locked =
            locks::campaigns_where(&mut transaction, HELD, |query| query.bind(&worker.0)).await?;
        let dialect = Dialect::of(&transaction);
        let condition = format!(
            "state = 'queued'
               AND worker = $2
               AND +campaign_id IN (SELECT id FROM {} AS locked)",
            dialect.each_id()
        );
        let locked = batch(locked.iter().map(|campaign| campaign.0))?;
        let queued = in_hand::which(&mut transaction, &condition, |query| {
            query.bind(locked).bind(&worker.0)
        })
        .await?;
        let sql = format!(
            "UPDATE jobs
             SET state = 'pending', worker = ''
             WHERE {state} = 'queued'
               AND worker = $2
               AND id IN (SELECT id FROM {each} AS queued)
             RETURNING campaign_id",
            state = dialect.of_found("state"),
            each = dialect.each_id()
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(queued)
            .bind(&worker.0)
            .fetch_all(&mut *transaction)
            .await
            .doing("recall jobs")?;
        let mut deltas = Deltas::default();
        for row in &rows {
            let campaign = CampaignId(Columns::of("jobs", row).get("campaign_id")?);
            deltas.moved(campaign, JobState::Queued, JobEvent::Recall, 1)?;
        }
        deltas.write(&mut transaction).await?;
        self.commit(transaction, "recall jobs").await?;
        Ok(rows.len() as u64)
    }
}

/// What is rescued: of these campaigns, which are locked, the jobs whose lease ends before now or
/// later than any lease may.
struct Lost {
    /// A [`batch`].
    campaigns: String,
    now: Timestamp,
    latest: Timestamp,
}

impl Lost {
    /// Those in this state, as a [`batch`].
    async fn which(
        &self,
        connection: &mut AnyConnection,
        state: JobState,
    ) -> Result<String, LedgerError> {
        let condition = format!(
            "state = $4
               AND (lease_until < $2 OR lease_until > $3)
               AND +campaign_id IN (SELECT id FROM {} AS locked)",
            Dialect::of(connection).each_id()
        );
        in_hand::which(connection, &condition, |query| {
            query
                .bind(self.campaigns.clone())
                .bind(self.now.as_millis())
                .bind(self.latest.as_millis())
                .bind(state.as_str())
        })
        .await
    }

    /// Queued jobs go back as if they had never left; how many.
    async fn return_queued(
        &self,
        connection: &mut AnyConnection,
        deltas: &mut Deltas,
    ) -> Result<usize, LedgerError> {
        let lost = self.which(connection, JobState::Queued).await?;
        let dialect = Dialect::of(connection);
        let sql = format!(
            "UPDATE jobs
             SET state = 'pending', worker = ''
             WHERE {state} = 'queued'
               AND (lease_until < $2 OR lease_until > $3)
               AND id IN (SELECT id FROM {each} AS lost)
             RETURNING campaign_id",
            state = dialect.of_found("state"),
            each = dialect.each_id()
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(lost)
            .bind(self.now.as_millis())
            .bind(self.latest.as_millis())
            .fetch_all(connection)
            .await
            .doing("rescue jobs")?;
        for row in &rows {
            let campaign = CampaignId(Columns::of("jobs", row).get("campaign_id")?);
            deltas.moved(campaign, JobState::Queued, JobEvent::Rescue, 1)?;
        }
        Ok(rows.len())
    }

    /// Running jobs go back uncertain; how many, and to which campaigns.
    async fn return_running(
        &self,
        connection: &mut AnyConnection,
        deltas: &mut Deltas,
    ) -> Result<(usize, BTreeSet<CampaignId>), LedgerError> {
        let lost = self.which(connection, JobState::Running).await?;
        let dialect = Dialect::of(connection);
        let sql = format!(
            "SELECT id, dispatch, campaign_id, worker, lease_until, action, steps_done FROM jobs
             WHERE {state} = 'running'
               AND (lease_until < $2 OR lease_until > $3)
               AND id IN (SELECT id FROM {each} AS lost)
             -- What its owner renews just now is not lost.
             {locking}",
            state = dialect.of_found("state"),
            each = dialect.each_id(),
            locking = dialect.locking_free_ones()
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(lost)
            .bind(self.now.as_millis())
            .bind(self.latest.as_millis())
            .fetch_all(&mut *connection)
            .await
            .doing("rescue jobs")?;
        let mut campaigns = BTreeSet::new();
        for row in &rows {
            let columns = Columns::of("jobs", row);
            let job = JobId(columns.get("id")?);
            let worker: String = columns.get("worker")?;
            sqlx::query(
                "UPDATE jobs
                 SET state = 'pending', worker = '', uncertain = 1, not_before = $2,
                     reason = 'uncertain', message = 'its worker vanished'
                 WHERE id = $1 AND state = 'running'",
            )
            .bind(job.0)
            .bind(self.now.as_millis())
            .execute(&mut *connection)
            .await
            .doing("rescue a job")?;
            let progress = progress(&columns)?;
            let lost = NewAttempt::lost(
                progress.next().map_or(AttemptStep::Act, Step::attempt),
                columns.time("lease_until")?.min(self.now),
                self.now,
                "the worker vanished; the call may have been made",
            );
            let dispatch = columns.get("dispatch")?;
            attempt::insert(connection, &worker, &[(job, dispatch, &lost)]).await?;
            let campaign = CampaignId(columns.get("campaign_id")?);
            deltas.moved(campaign, JobState::Running, JobEvent::Rescue, 1)?;
            campaigns.insert(campaign);
        }
        Ok((rows.len(), campaigns))
    }

    /// What a killed process had begun to cancel.
    async fn cancel_rest(
        &self,
        connection: &mut AnyConnection,
        by: &Actor,
    ) -> Result<(), LedgerError> {
        let sql = format!(
            "SELECT id FROM campaigns
             WHERE ended_at IS NULL
               AND status = 'cancelled'
               AND id IN (SELECT id FROM {} AS locked)",
            Dialect::of(connection).each_id()
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(&self.campaigns)
            .fetch_all(&mut *connection)
            .await
            .doing("look for cancelled campaigns")?;
        for row in &rows {
            let campaign = CampaignId(Columns::of("campaigns", row).get("id")?);
            cancel_chunk(connection, campaign, by, self.now).await?;
        }
        Ok(())
    }
}

/// The campaigns with a job whose lease ran out, or with what a killed process had begun to cancel;
/// takes the earliest and the latest end that a lease may have.
const TO_RESCUE: &str = "id IN (
               SELECT campaign_id FROM jobs_in_hand
               WHERE lease_until < $1 OR lease_until > $2
           )
           OR (ended_at IS NULL AND status = 'cancelled')";

/// The campaigns with a job that the worker holds; takes its name.
const HELD: &str = "id IN (
               SELECT campaign_id FROM jobs_in_hand WHERE worker = $1
           )";

/// Takes single jobs back that are still queued under their number.
pub(crate) async fn recall(
    connection: &mut AnyConnection,
    jobs: &[QueuedJob],
    deltas: &mut Deltas,
) -> Result<(), LedgerError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let dialect = Dialect::of(connection);
    let sql = format!(
        "UPDATE jobs
         SET state = 'pending', worker = ''
         FROM {each} AS recalls
         WHERE jobs.id = recalls.id
           AND jobs.dispatch = recalls.dispatch
           AND {state} = 'queued'
         RETURNING jobs.campaign_id",
        state = dialect.of_found("jobs.state"),
        each = dialect.each_pair()
    );
    let recalls = pairs(jobs.iter().map(|queued| (queued.job, queued.dispatch)))?;
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(recalls)
        .fetch_all(&mut *connection)
        .await
        .doing("recall jobs")?;
    for row in &rows {
        let campaign = CampaignId(Columns::of("jobs", row).get("campaign_id")?);
        deltas.moved(campaign, JobState::Queued, JobEvent::Recall, 1)?;
    }
    Ok(())
}
