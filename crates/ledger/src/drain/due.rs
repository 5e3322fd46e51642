//! What there is to do: who has due jobs, how many are on their way, and when the next one is due.

use std::collections::HashMap;

use repilot_domain::{CampaignId, TenantName, Timestamp};
use sqlx::{AssertSqlSafe, Row as _};

use crate::drain::dispatchable::{READY, Ready, dispatchable, has_work};
use crate::error::QueryContext as _;
use crate::jobs::in_doubt::IN_DOUBT;
use crate::storage::rows::Columns;
use crate::{Ledger, LedgerError};

impl Ledger {
    /// Tenants with an open and attended campaign that may run now, or has jobs in doubt.
    pub async fn tenants_with_work(&self, now: Timestamp) -> Result<Vec<TenantName>, LedgerError> {
        let mut reader = self.reader().await?;
        let sql = format!(
            "SELECT DISTINCT tenant FROM campaigns
             WHERE tenant <> $1
               AND {}
             ORDER BY tenant",
            has_work()
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            // No tenant has this name.
            .bind("")
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

    /// When the next pending job of an attended campaign of the tenant is due that may go out.
    pub async fn next_due(
        &self,
        tenant: &TenantName,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, LedgerError> {
        let mut reader = self.reader().await?;
        let sql = format!(
            "SELECT {READY} FROM campaigns WHERE {} ORDER BY id",
            dispatchable()
        );
        let campaigns = sqlx::query(AssertSqlSafe(sql))
            .bind(tenant.as_str())
            .bind(now.as_millis())
            .fetch_all(&mut *reader)
            .await
            .doing("look for campaigns")?;
        let mut earliest: Option<i64> = None;
        for campaign in &campaigns {
            let campaign = Ready::read(campaign)?;
            let in_doubt;
            let sql = if campaign.looks_only {
                in_doubt = format!(
                    "SELECT MIN(job_rows.not_before) AS due FROM job_rows
                     WHERE job_rows.campaign_id = $1 AND {IN_DOUBT}"
                );
                &in_doubt
            } else if campaign.canary_is_running {
                "SELECT MIN(due_jobs.not_before) AS due
                 FROM canary_jobs
                 CROSS JOIN due_jobs
                 WHERE canary_jobs.campaign_id = $1
                   AND due_jobs.campaign_id = $1
                   AND due_jobs.id = canary_jobs.job_id"
            } else {
                "SELECT MIN(not_before) AS due FROM due_jobs WHERE campaign_id = $1"
            };
            let row = sqlx::query(AssertSqlSafe(sql.to_owned()))
                .bind(campaign.id.0)
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
                        -- What a lost worker left is due before all others, and has no time.
                        (SELECT MIN(not_before) FROM due_jobs
                         WHERE due_jobs.campaign_id = campaigns.id
                           AND due_jobs.not_before > 0) AS due
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
