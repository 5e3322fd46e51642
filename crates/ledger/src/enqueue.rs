//! Putting a plan into the ledger, chunk by chunk; doing it again adds nothing.

use repilot_domain::{CampaignId, Device, JobState, Timestamp};
use serde::Serialize;
use sqlx::AssertSqlSafe;

use crate::campaign::take_ids;
use crate::counters::{Deltas, REFUSED, end_if_done};
use crate::error::QueryContext as _;
use crate::rows::{MAX_ROWS, padded_size, values};
use crate::{Ledger, LedgerError};

/// A device that becomes a job.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// The device, as the inventory has it.
    pub device: Device,
    /// Where the list named it.
    pub line: u64,
}

/// A row of the list that became none.
#[derive(Debug, Clone, Serialize)]
pub struct Refusal {
    /// Where in the list.
    pub line: u64,
    /// What the row said.
    pub value: String,
    /// The reason's word.
    pub reason: String,
    /// The reason, in words.
    pub detail: String,
}

/// How many jobs a chunk made, and how many were there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Enqueued {
    /// New jobs.
    pub added: u64,
    /// Devices that the campaign had already.
    pub present: u64,
}

const JOB_TYPES: [&str; 11] = [
    "BIGINT", "BIGINT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "BIGINT", "BIGINT",
    "BIGINT",
];

impl Ledger {
    /// Adds a chunk of jobs to a campaign, in one transaction.
    pub async fn enqueue(
        &self,
        campaign: CampaignId,
        jobs: &[NewJob],
        now: Timestamp,
    ) -> Result<Enqueued, LedgerError> {
        let mut transaction = self.begin().await?;
        let mut added = 0;
        for chunk in jobs.chunks(MAX_ROWS) {
            let count = i64::try_from(chunk.len()).unwrap_or(i64::MAX);
            let first = take_ids(&mut transaction, "job", count).await?;
            let size = padded_size(chunk.len());
            let sql = format!(
                "INSERT INTO jobs (
                     id, campaign_id, device_id, serial, group_tag, model,
                     user_principal_name, addressable_user_name, line, not_before, created_at,
                     state
                 )
                 SELECT new.*, 'pending'
                 FROM (VALUES {}) AS new
                 WHERE TRUE
                 ON CONFLICT DO NOTHING",
                values(&JOB_TYPES, size, 1)
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for index in 0..size {
                let index = index.min(chunk.len() - 1);
                let job = &chunk[index];
                let id = first + i64::try_from(index).unwrap_or(i64::MAX);
                query = query
                    .bind(id)
                    .bind(campaign.0)
                    .bind(job.device.id.as_str())
                    .bind(&job.device.serial)
                    .bind(&job.device.group_tag)
                    .bind(&job.device.model)
                    .bind(&job.device.user_principal_name)
                    .bind(&job.device.addressable_user_name)
                    .bind(i64::try_from(job.line).unwrap_or(i64::MAX))
                    .bind(now.as_millis())
                    .bind(now.as_millis());
            }
            let done = query
                .execute(&mut *transaction)
                .await
                .doing("enqueue jobs")?;
            added += done.rows_affected();
        }
        let mut deltas = Deltas::default();
        deltas.add(
            campaign,
            JobState::Pending.as_str(),
            "",
            i64::try_from(added).unwrap_or(i64::MAX),
        );
        deltas.write(&mut transaction).await?;
        if added > 0 {
            sqlx::query("UPDATE campaigns SET ended_at = NULL WHERE id = $1")
                .bind(campaign.0)
                .execute(&mut *transaction)
                .await
                .doing("reopen a campaign")?;
        }
        transaction.commit().await.doing("enqueue jobs")?;
        let all = u64::try_from(jobs.len()).unwrap_or(u64::MAX);
        Ok(Enqueued {
            added,
            present: all - added,
        })
    }

    /// Records rows that the plan refused; those recorded before are left as they are.
    pub async fn record_refusals(
        &self,
        campaign: CampaignId,
        refusals: &[Refusal],
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        let mut deltas = Deltas::default();
        for refusal in refusals {
            let done = sqlx::query(
                "INSERT INTO refusals (campaign_id, line, value, reason, detail)
                 VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT DO NOTHING",
            )
            .bind(campaign.0)
            .bind(i64::try_from(refusal.line).unwrap_or(i64::MAX))
            .bind(&refusal.value)
            .bind(&refusal.reason)
            .bind(&refusal.detail)
            .execute(&mut *transaction)
            .await
            .doing("record refused rows")?;
            if done.rows_affected() == 1 {
                deltas.add(campaign, REFUSED, &refusal.reason, 1);
            }
        }
        deltas.write(&mut transaction).await?;
        transaction.commit().await.doing("record refused rows")
    }

    /// Says that the whole list is in: from now on the campaign can end.
    pub async fn finish_enqueue(
        &self,
        campaign: CampaignId,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        sqlx::query("UPDATE campaigns SET enqueued_at = $2 WHERE id = $1 AND enqueued_at IS NULL")
            .bind(campaign.0)
            .bind(now.as_millis())
            .execute(&mut *transaction)
            .await
            .doing("finish an enqueue")?;
        end_if_done(&mut transaction, campaign, now).await?;
        transaction.commit().await.doing("finish an enqueue")
    }
}
