//! Putting a plan into the ledger, chunk by chunk; doing it again adds nothing.

use repilot_domain::{CampaignId, Device, JobState, Timestamp};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::campaign::take_ids;
use crate::counters::{Deltas, end_if_done};
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

/// A device list that goes into a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewList {
    /// Of its bytes, in hexadecimal.
    pub sha256: String,
    /// What it is called: a file's name.
    pub name: String,
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
    /// Says that a list goes into a campaign: until all of it is in, the campaign cannot end.
    /// Nothing goes into a campaign that was cancelled.
    pub async fn begin_list(
        &self,
        campaign: CampaignId,
        list: &NewList,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        reopen(&mut transaction, campaign).await?;
        sqlx::query(
            "INSERT INTO lists (campaign_id, sha256, name, begun_at)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (campaign_id, sha256)
             DO UPDATE SET enqueued_at = NULL",
        )
        .bind(campaign.0)
        .bind(&list.sha256)
        .bind(&list.name)
        .bind(now.as_millis())
        .execute(&mut *transaction)
        .await
        .doing("begin a list")?;
        transaction.commit().await.doing("begin a list")
    }

    /// Adds a chunk of jobs to a campaign, in one transaction.
    pub async fn enqueue(
        &self,
        campaign: CampaignId,
        jobs: &[NewJob],
        now: Timestamp,
    ) -> Result<Enqueued, LedgerError> {
        let mut transaction = self.begin().await?;
        if !jobs.is_empty() {
            reopen(&mut transaction, campaign).await?;
        }
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
        transaction.commit().await.doing("enqueue jobs")?;
        let all = u64::try_from(jobs.len()).unwrap_or(u64::MAX);
        Ok(Enqueued {
            added,
            present: all - added,
        })
    }

    /// Says that the whole list is in: from now on the campaign can end, unless another list is
    /// still on its way.
    pub async fn finish_list(
        &self,
        campaign: CampaignId,
        list_sha256: &str,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "UPDATE lists
             SET enqueued_at = $3
             WHERE campaign_id = $1 AND sha256 = $2",
        )
        .bind(campaign.0)
        .bind(list_sha256)
        .bind(now.as_millis())
        .execute(&mut *transaction)
        .await
        .doing("finish a list")?;
        sqlx::query(
            "UPDATE campaigns
             SET enqueued_at = $2
             WHERE id = $1
               AND NOT EXISTS (
                   SELECT 1 FROM lists WHERE campaign_id = $1 AND enqueued_at IS NULL
               )",
        )
        .bind(campaign.0)
        .bind(now.as_millis())
        .execute(&mut *transaction)
        .await
        .doing("finish a list")?;
        end_if_done(&mut transaction, campaign, now).await?;
        transaction.commit().await.doing("finish a list")
    }
}

/// A campaign that something goes into has not ended; one that was cancelled takes nothing.
async fn reopen(connection: &mut AnyConnection, campaign: CampaignId) -> Result<(), LedgerError> {
    let reopened = sqlx::query(
        "UPDATE campaigns
         SET ended_at = NULL, enqueued_at = NULL
         WHERE id = $1 AND status <> 'cancelled'",
    )
    .bind(campaign.0)
    .execute(connection)
    .await
    .doing("reopen a campaign")?;
    match reopened.rows_affected() {
        0 => Err(LedgerError::Cancelled(campaign)),
        _ => Ok(()),
    }
}
