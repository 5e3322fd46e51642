//! Leases: who holds a job renews it; what is not renewed goes back to `pending`.
//!
//! A job that was *running* may have been called: its attempt is recorded as lost, and whoever
//! takes it next looks at the device first. A job that was only *queued* was never called.

use std::collections::BTreeSet;

use repilot_domain::{
    Actor, AttemptStep, CampaignId, JobEvent, JobState, Step, Timestamp, WorkerId,
};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::campaigns::cancel::{cancel_chunk, cancel_returned};
use crate::error::QueryContext as _;
use crate::jobs::attempt_rows;
use crate::jobs::counters::Deltas;
use crate::jobs::lease::LEASE_MAX;
use crate::jobs::recall::give_back;
use crate::jobs::state_tables::{self, InHand, Renewed};
use crate::storage::dialect::Dialect;
use crate::storage::locks;
use crate::storage::rows::{Columns, progress};
use crate::{ClaimKey, Ledger, LedgerError, NewAttempt};

/// What a rescue found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rescued {
    /// Jobs whose wire was lost.
    pub queued: usize,
    /// Jobs whose worker was lost, perhaps in the middle of a call.
    pub running: usize,
}

impl Ledger {
    /// Renews the leases of what the worker has dispatched and of what it has claimed, by its own
    /// word. What the ledger alone says that it had claimed runs out.
    pub async fn renew_leases(
        &self,
        worker: &WorkerId,
        claimed: &[ClaimKey],
        lease_until: Timestamp,
    ) -> Result<u64, LedgerError> {
        let mut transaction = self.begin().await?;
        let queued = (
            "state = $1 AND worker = $2",
            JobState::Queued.as_str().to_owned(),
        );
        let queued = renew(&mut transaction, queued, worker, lease_until).await?;
        let running = renew_claimed(&mut transaction, worker, claimed, lease_until).await?;
        self.commit(transaction, "renew leases").await?;
        Ok(queued + running)
    }

    /// The same for what the worker has claimed alone. What it has dispatched lies where others can
    /// lose it: that is dispatched again when its lease runs out.
    pub async fn renew_claimed(
        &self,
        worker: &WorkerId,
        claimed: &[ClaimKey],
        lease_until: Timestamp,
    ) -> Result<u64, LedgerError> {
        let mut transaction = self.begin().await?;
        let running = renew_claimed(&mut transaction, worker, claimed, lease_until).await?;
        self.commit(transaction, "renew leases").await?;
        Ok(running)
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
            campaigns: self.dialect().numbers(locked.iter().map(|id| id.0)),
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
        let condition = format!(
            "state = 'queued'
               AND worker = $2
               AND campaign_id {}",
            Dialect::of(&transaction).is_named()
        );
        let locked = self.dialect().numbers(locked.iter().map(|id| id.0));
        let queued = state_tables::in_hand(&mut transaction, &condition, Renewed::Too, |query| {
            query.bind(locked).bind(&worker.0)
        })
        .await?;
        let mut deltas = Deltas::default();
        give_back(&mut transaction, &queued, JobEvent::Recall, &mut deltas).await?;
        deltas.write(&mut transaction).await?;
        self.commit(transaction, "recall jobs").await?;
        Ok(queued.len() as u64)
    }
}

async fn renew_claimed(
    connection: &mut AnyConnection,
    worker: &WorkerId,
    claimed: &[ClaimKey],
    lease_until: Timestamp,
) -> Result<u64, LedgerError> {
    if claimed.is_empty() {
        return Ok(0);
    }
    let dialect = Dialect::of(connection);
    let held = state_tables::held_of(dialect, JobState::Running);
    let held = dialect.is_found_by(&format!("SELECT held.id {held} AND held.worker = $2"));
    let held = format!("id {held}");
    let claimed = (held.as_str(), state_tables::keys(claimed.iter().copied())?);
    renew(connection, claimed, worker, lease_until).await
}

/// Renews those of a worker's jobs for which a condition holds; it takes a text and the worker. What
/// somebody changes just now is left to them.
async fn renew(
    connection: &mut AnyConnection,
    (condition, text): (&str, String),
    worker: &WorkerId,
    lease_until: Timestamp,
) -> Result<u64, LedgerError> {
    let dialect = Dialect::of(connection);
    let sql = format!(
        "UPDATE jobs_in_hand SET lease_until = $3
         WHERE id {}",
        dialect.is_found_by(&format!(
            "SELECT id FROM jobs_in_hand
             WHERE {condition}
             {}",
            dialect.locking_free_ones()
        ))
    );
    let renewed = sqlx::query(AssertSqlSafe(sql))
        .bind(text)
        .bind(&worker.0)
        .bind(lease_until.as_millis())
        .execute(connection)
        .await
        .doing("renew leases")?;
    Ok(renewed.rows_affected())
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
    /// Those in this state. What its owner renews just now is not lost.
    async fn which(
        &self,
        connection: &mut AnyConnection,
        state: JobState,
    ) -> Result<Vec<InHand>, LedgerError> {
        let condition = format!(
            "state = $4
               AND (lease_until < $2 OR lease_until > $3)
               AND campaign_id {}",
            Dialect::of(connection).is_named()
        );
        state_tables::in_hand(connection, &condition, Renewed::Not, |query| {
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
        give_back(connection, &lost, JobEvent::Rescue, deltas).await?;
        Ok(lost.len())
    }

    /// Running jobs go back uncertain; how many, and to which campaigns.
    async fn return_running(
        &self,
        connection: &mut AnyConnection,
        deltas: &mut Deltas,
    ) -> Result<(usize, BTreeSet<CampaignId>), LedgerError> {
        let lost = self.which(connection, JobState::Running).await?;
        let mut campaigns = BTreeSet::new();
        for held in &lost {
            let row = sqlx::query(
                "SELECT worker, lease_until, action, steps_done FROM jobs WHERE id = $1",
            )
            .bind(held.job.0)
            .fetch_one(&mut *connection)
            .await
            .doing("rescue a job")?;
            let columns = Columns::of("jobs", &row);
            let worker: String = columns.get("worker")?;
            let progress = progress(&columns)?;
            let attempt = NewAttempt::lost(
                progress.next().map_or(AttemptStep::Act, Step::attempt),
                columns.time("lease_until")?.min(self.now),
                self.now,
                "the worker vanished; the call may have been made",
            );
            // Before all that is due: a look costs no write, and until then nobody knows what was done.
            sqlx::query(
                "UPDATE job_rows
                 SET dispatch = $2, worker = '', uncertain = 1, not_before = 0,
                     reason = 'uncertain', message = 'its worker vanished'
                 WHERE id = $1",
            )
            .bind(held.job.0)
            .bind(held.dispatch)
            .execute(&mut *connection)
            .await
            .doing("rescue a job")?;
            attempt_rows::attempts(
                connection,
                &worker,
                vec![(held.job, held.dispatch, &attempt)],
            )
            .await?;
            deltas.moved(held.campaign, JobState::Running, JobEvent::Rescue, 1)?;
            campaigns.insert(held.campaign);
        }
        let jobs: Vec<i64> = lost.iter().map(|held| held.job.0).collect();
        state_tables::leave_hand(connection, &jobs).await?;
        state_tables::become_due(connection, &jobs).await?;
        Ok((lost.len(), campaigns))
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
               AND id {}",
            Dialect::of(connection).is_named()
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
