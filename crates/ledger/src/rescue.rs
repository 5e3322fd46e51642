//! Leases: who holds a job renews it; what is not renewed goes back to `pending`.
//!
//! A job that was *running* may have been called: its attempt is recorded as lost, and whoever
//! takes it next looks at the device first. A job that was only *queued* was never called.

use std::time::Duration;

use repilot_domain::{CampaignId, JobEvent, JobId, JobState, Timestamp, WorkerId};

use sqlx::{AnyConnection, AssertSqlSafe};

use crate::campaign_control::{cancel_chunk, cancel_returned};
use crate::counters::Deltas;
use crate::dialect::Dialect;
use crate::error::QueryContext as _;
use crate::rows::{Columns, pairs};
use crate::{Ledger, LedgerError, NewAttempt, attempt};

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
        let mut transaction = self.begin().await?;
        let done = sqlx::query(
            "UPDATE jobs
             SET lease_until = $2
             WHERE state IN ('queued', 'running') AND worker = $1",
        )
        .bind(&worker.0)
        .bind(lease_until.as_millis())
        .execute(&mut *transaction)
        .await
        .doing("renew leases")?;
        transaction.commit().await.doing("renew leases")?;
        Ok(done.rows_affected())
    }

    /// Returns jobs whose lease ran out, and ends what a killed process had begun to cancel.
    pub async fn rescue(&self, now: Timestamp) -> Result<Rescued, LedgerError> {
        let mut transaction = self.begin().await?;
        let mut rescued = Rescued::default();
        let mut deltas = Deltas::default();
        let queued = sqlx::query(
            "UPDATE jobs
             SET state = 'pending', worker = ''
             WHERE state IN ('queued', 'running')
               AND state = 'queued'
               AND (lease_until < $1 OR lease_until > $2)
             RETURNING campaign_id",
        )
        .bind(now.as_millis())
        .bind(now.after(LEASE_MAX).as_millis())
        .fetch_all(&mut *transaction)
        .await
        .doing("rescue jobs")?;
        for row in &queued {
            let campaign = CampaignId(Columns::of("jobs", row).get("campaign_id")?);
            deltas.moved(campaign, JobState::Queued, JobEvent::Rescue, 1)?;
            rescued.queued += 1;
        }
        let running = sqlx::query(
            "SELECT id, dispatch, campaign_id, worker, lease_until FROM jobs
             WHERE state IN ('queued', 'running')
               AND state = 'running'
               AND (lease_until < $1 OR lease_until > $2)",
        )
        .bind(now.as_millis())
        .bind(now.after(LEASE_MAX).as_millis())
        .fetch_all(&mut *transaction)
        .await
        .doing("rescue jobs")?;
        let mut campaigns = Vec::new();
        for row in &running {
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
            .bind(now.as_millis())
            .execute(&mut *transaction)
            .await
            .doing("rescue a job")?;
            let lost = NewAttempt::lost(
                columns.time("lease_until")?.min(now),
                now,
                "the worker vanished; the call may have been made",
            );
            let dispatch = columns.get("dispatch")?;
            attempt::insert(&mut transaction, &worker, &[(job, dispatch, &lost)]).await?;
            let campaign = CampaignId(columns.get("campaign_id")?);
            deltas.moved(campaign, JobState::Running, JobEvent::Rescue, 1)?;
            if !campaigns.contains(&campaign) {
                campaigns.push(campaign);
            }
            rescued.running += 1;
        }
        deltas.write(&mut transaction).await?;
        for campaign in campaigns {
            cancel_returned(&mut transaction, campaign, now).await?;
        }
        let cancelled =
            sqlx::query("SELECT id FROM campaigns WHERE ended_at IS NULL AND status = 'cancelled'")
                .fetch_all(&mut *transaction)
                .await
                .doing("look for cancelled campaigns")?;
        for row in &cancelled {
            let campaign = CampaignId(Columns::of("campaigns", row).get("id")?);
            cancel_chunk(&mut transaction, campaign, now).await?;
        }
        transaction.commit().await.doing("rescue jobs")?;
        Ok(rescued)
    }

    /// Takes everything back that the worker holds unclaimed: it stops, or its lane is closed.
    pub async fn recall(&self, worker: &WorkerId) -> Result<u64, LedgerError> {
        let mut transaction = self.begin().await?;
        let rows = sqlx::query(
            "UPDATE jobs
             SET state = 'pending', worker = ''
             WHERE state IN ('queued', 'running')
               AND state = 'queued'
               AND worker = $1
             RETURNING campaign_id",
        )
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
        transaction.commit().await.doing("recall jobs")?;
        Ok(rows.len() as u64)
    }
}

/// Takes single jobs back that are still queued under their number.
pub(crate) async fn recall(
    connection: &mut AnyConnection,
    jobs: &[(JobId, i64)],
    deltas: &mut Deltas,
) -> Result<(), LedgerError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE jobs
         SET state = 'pending', worker = ''
         FROM {} AS recalls
         WHERE jobs.id = recalls.id
           AND jobs.dispatch = recalls.dispatch
           AND jobs.state = 'queued'
         RETURNING jobs.campaign_id",
        Dialect::of(connection).each_pair()
    );
    let recalls = pairs(jobs.iter().copied())?;
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
