//! Dispatch: due jobs of attended, active campaigns get a new dispatch number and go on the wire.

use std::collections::HashMap;

use repilot_domain::{CampaignId, JobEvent, JobId, JobState, TenantName, Timestamp, WorkerId};
use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::counters::Deltas;
use crate::dialect::Dialect;
use crate::error::QueryContext as _;
use crate::rows::{Columns, batch, gathered};
use crate::{Ledger, LedgerError, locks};

/// A job that is to go on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatched {
    /// The job.
    pub job: JobId,
    /// The number that its claim must name.
    pub dispatch: i64,
}

impl Ledger {
    /// Tenants with an open, attended and active campaign.
    pub async fn tenants_with_work(&self, now: Timestamp) -> Result<Vec<TenantName>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT DISTINCT tenant FROM campaigns
             WHERE ended_at IS NULL
               AND status = 'active'
               AND attended_until > $1
             ORDER BY tenant",
        )
        .bind(now.as_millis())
        .fetch_all(&mut *reader)
        .await
        .doing("look for work")?;
        rows.iter()
            .map(|row| Columns::of("campaigns", row).word("tenant"))
            .collect()
    }

    /// How many jobs of each tenant are dispatched and not claimed, from the counters.
    pub async fn queued_by_tenant(&self) -> Result<HashMap<TenantName, usize>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT campaigns.tenant, CAST(SUM(counters.value) AS BIGINT) AS queued
             FROM counters
             JOIN campaigns ON campaigns.id = counters.campaign_id
             WHERE counters.name = 'queued'
               AND campaigns.ended_at IS NULL
             GROUP BY campaigns.tenant",
        )
        .fetch_all(&mut *reader)
        .await
        .doing("count queued jobs")?;
        rows.iter()
            .map(|row| {
                let columns = Columns::of("counters", row);
                let queued: i64 = columns.get("queued")?;
                Ok((
                    columns.word("tenant")?,
                    usize::try_from(queued).unwrap_or(0),
                ))
            })
            .collect()
    }

    /// Queues up to `limit` due jobs of a tenant, shared fairly among its campaigns.
    ///
    /// `turn` changes from call to call, so that what does not divide evenly goes round.
    pub async fn dispatch(
        &self,
        tenant: &TenantName,
        worker: &WorkerId,
        limit: usize,
        turn: usize,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<Dispatched>, LedgerError> {
        let mut transaction = self.begin().await?;
        let mut campaigns = locks::campaigns_where(&mut transaction, DISPATCHABLE, |query| {
            query.bind(tenant.as_str()).bind(now.as_millis())
        })
        .await?;
        if campaigns.is_empty() {
            return Ok(Vec::new());
        }
        let first = turn % campaigns.len();
        campaigns.rotate_left(first);
        let mut dispatched = Vec::with_capacity(limit);
        let mut deltas = Deltas::default();
        // A first round gives each campaign its share; a second gives away what some did not need.
        for round in 0..2 {
            for (index, campaign) in campaigns.iter().enumerate() {
                let left = limit - dispatched.len();
                let share = if round == 0 {
                    left.div_ceil(campaigns.len() - index)
                } else {
                    left
                };
                if share == 0 {
                    continue;
                }
                let before = dispatched.len();
                queue(
                    &mut transaction,
                    *campaign,
                    worker,
                    share,
                    now,
                    lease_until,
                    &mut dispatched,
                )
                .await?;
                let count = dispatched.len() - before;
                if count > 0 {
                    start_campaign(&mut transaction, *campaign, now).await?;
                }
                deltas.moved(
                    *campaign,
                    JobState::Pending,
                    JobEvent::Dispatch,
                    count as u64,
                )?;
            }
            if campaigns.len() == 1 {
                break;
            }
        }
        deltas.write(&mut transaction).await?;
        self.commit(transaction, "dispatch jobs").await?;
        Ok(dispatched)
    }

    /// When the next pending job of an attended, active campaign of the tenant is due.
    pub async fn next_due(
        &self,
        tenant: &TenantName,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, LedgerError> {
        let mut reader = self.reader().await?;
        let sql = format!("SELECT id FROM campaigns WHERE {DISPATCHABLE} ORDER BY id");
        let campaigns = sqlx::query(AssertSqlSafe(sql))
            .bind(tenant.as_str())
            .bind(now.as_millis())
            .fetch_all(&mut *reader)
            .await
            .doing("look for campaigns")?;
        let mut earliest: Option<i64> = None;
        for campaign in &campaigns {
            let campaign: i64 = Columns::of("campaigns", campaign).get("id")?;
            let row =
                sqlx::query("SELECT MIN(not_before) AS due FROM due_jobs WHERE campaign_id = $1")
                    .bind(campaign)
                    .fetch_one(&mut *reader)
                    .await
                    .doing("look for due jobs")?;
            let due: Option<i64> = row.try_get("due").doing("look for due jobs")?;
            earliest = match (earliest, due) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        Ok(earliest.map(Timestamp::from_millis))
    }

    /// Since when the job of each open campaign has been due that has been due longest.
    pub async fn oldest_due(
        &self,
        now: Timestamp,
    ) -> Result<Vec<(CampaignId, Timestamp)>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT id, due FROM (
                 SELECT id,
                        (SELECT MIN(not_before) FROM due_jobs
                         WHERE due_jobs.campaign_id = campaigns.id) AS due
                 FROM campaigns
                 WHERE ended_at IS NULL
             ) AS waiting
             WHERE due <= $1
             ORDER BY id",
        )
        .bind(now.as_millis())
        .fetch_all(&mut *reader)
        .await
        .doing("look for what has been due longest")?;
        rows.iter()
            .map(|row| {
                let columns = Columns::of("campaigns", row);
                Ok((CampaignId(columns.get("id")?), columns.time("due")?))
            })
            .collect()
    }
}

/// The campaigns of a tenant that may go on; takes the tenant and the time.
const DISPATCHABLE: &str = "tenant = $1
           AND ended_at IS NULL
           AND status = 'active'
           AND attended_until > $2";

/// Its first jobs go out.
async fn start_campaign(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    now: Timestamp,
) -> Result<(), LedgerError> {
    sqlx::query("UPDATE campaigns SET started_at = $2 WHERE id = $1 AND started_at IS NULL")
        .bind(campaign.0)
        .bind(now.as_millis())
        .execute(connection)
        .await
        .doing("start a campaign")?;
    Ok(())
}

async fn queue(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    worker: &WorkerId,
    limit: usize,
    now: Timestamp,
    lease_until: Timestamp,
    dispatched: &mut Vec<Dispatched>,
) -> Result<(), LedgerError> {
    let dialect = Dialect::of(connection);
    let sql = format!(
        "SELECT {}
         FROM (
             SELECT id, dispatch + 1 AS dispatch FROM due_jobs
             WHERE campaign_id = $1
               AND not_before <= $2
             ORDER BY not_before, id
             LIMIT $3
         ) AS due",
        dialect.gathered("id, dispatch")
    );
    let query = sqlx::query(AssertSqlSafe(sql))
        .bind(campaign.0)
        .bind(now.as_millis())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let due: Vec<(i64, i64)> = gathered(query, &mut *connection, "look for due jobs").await?;
    if due.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE jobs
         SET state = 'queued', dispatch = dispatch + 1, worker = $2, lease_until = $3
         WHERE {state} = 'pending'
           AND id IN (SELECT id FROM {each} AS due)",
        state = dialect.of_found("state"),
        each = dialect.each_id()
    );
    let queued = sqlx::query(AssertSqlSafe(sql))
        .bind(batch(due.iter().map(|(id, _)| *id))?)
        .bind(&worker.0)
        .bind(lease_until.as_millis())
        .execute(connection)
        .await
        .doing("dispatch jobs")?;
    if queued.rows_affected() != due.len() as u64 {
        return Err(LedgerError::Contended);
    }
    dispatched.extend(due.into_iter().map(|(id, dispatch)| Dispatched {
        job: JobId(id),
        dispatch,
    }));
    Ok(())
}
