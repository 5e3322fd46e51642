//! Jobs that wait for another campaign's job of their device.
//!
//! A device has one open job in a tenant that may be called. Where a list was enqueued with leave to wait
//! (`--after-others`), a device with an open job elsewhere gets its job nevertheless: pending like any
//! other, so that it is counted, paused, cancelled and checked like any other, but due at
//! [`AFTER_ANOTHER`], a moment that never comes. Once no other job of the device may be called, it is due
//! at once; of several that wait the one enqueued first.
//!
//! Whoever makes a job open holds the tenant (see `locks`), and so does whoever lets one go on here: of
//! two ends that race each finds what the other did, and no device has two jobs that may be called.
//!
//! The other job may have changed who has the device. The job that waited still expects whom its plan
//! showed, and its device is looked at before its first call, whatever `sighted_within` says: where
//! somebody else has it, also because the other campaign assigned it to them, it becomes the dead letter
//! `reassigned-meanwhile` with that name. What the other job was to do is no proof of what it did, nor that
//! whoever planned this list knew of it; who requeues the letter says so.

use repilot_domain::{CampaignId, Timestamp};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::error::QueryContext as _;
use crate::jobs::state_tables;
use crate::storage::locks;
use crate::storage::rows::{Columns, gathered};
use crate::{Ledger, LedgerError};

/// When a job is due that waits for another campaign's: the last second of the year 9999.
pub(crate) const AFTER_ANOTHER: Timestamp = Timestamp::from_millis(253_402_300_799_000);

/// Jobs that one transaction lets go on.
const CHUNK: i64 = 2_000;

impl Ledger {
    /// Makes those jobs due that waited for another campaign's job of their device which has come to an
    /// end since, however it did. How many.
    pub async fn release_after_others(&self, now: Timestamp) -> Result<u64, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT id FROM campaigns
             WHERE ended_at IS NULL
               AND EXISTS (
                   SELECT 1 FROM due_jobs
                   WHERE due_jobs.campaign_id = campaigns.id
                     AND due_jobs.not_before = $1
               )
             ORDER BY id",
        )
        .bind(AFTER_ANOTHER.as_millis())
        .fetch_all(&mut *reader)
        .await
        .doing("look for jobs that wait for others")?;
        drop(reader);
        let mut released = 0;
        for row in &rows {
            let campaign = CampaignId(Columns::of("campaigns", row).get("id")?);
            loop {
                let chunk = self.release_of(campaign, now).await?;
                released += chunk;
                if chunk < CHUNK.unsigned_abs() {
                    break;
                }
            }
        }
        Ok(released)
    }

    async fn release_of(&self, campaign: CampaignId, now: Timestamp) -> Result<u64, LedgerError> {
        let mut transaction = self.begin().await?;
        locks::tenants_of(&mut transaction, [campaign]).await?;
        locks::campaign(&mut transaction, campaign).await?;
        let free = free(&mut transaction, campaign).await?;
        if free.is_empty() {
            transaction.take_back().await;
            return Ok(0);
        }
        state_tables::leave_due(&mut transaction, campaign, &free).await?;
        let sql = format!(
            "UPDATE job_rows SET not_before = $2 WHERE id {}",
            self.dialect().is_named()
        );
        state_tables::change(&mut transaction, &sql, &free, "let jobs go on", |query| {
            query.bind(now.as_millis())
        })
        .await?;
        state_tables::become_due(&mut transaction, &free).await?;
        self.commit(transaction, "let jobs go on").await?;
        Ok(free.len() as u64)
    }
}

/// Waiting jobs of a campaign whose devices no other job may be called for.
async fn free(
    connection: &mut AnyConnection,
    campaign: CampaignId,
) -> Result<Vec<i64>, LedgerError> {
    let dialect = crate::storage::dialect::Dialect::of(connection);
    let sql = format!(
        "SELECT {gathered} FROM (
             SELECT own.id
             FROM due_jobs
             CROSS JOIN job_rows AS own
             WHERE due_jobs.campaign_id = $1
               AND due_jobs.not_before = $2
               AND own.id = due_jobs.id
               AND NOT EXISTS (
                   SELECT 1
                   FROM campaigns AS mine
                   CROSS JOIN campaigns AS other
                   CROSS JOIN job_rows AS elsewhere
                   WHERE mine.id = $1
                     AND other.tenant = mine.tenant
                     AND other.id <> mine.id
                     AND other.ended_at IS NULL
                     AND elsewhere.campaign_id = other.id
                     AND elsewhere.device_id = own.device_id
                     -- In a hand, too, its own row says so.
                     AND elsewhere.state = 'pending'
                     AND (elsewhere.not_before < $2 OR elsewhere.id < own.id)
               )
             ORDER BY own.id
             LIMIT {CHUNK}
         ) AS free",
        gathered = dialect.gathered("id")
    );
    let query = sqlx::query(AssertSqlSafe(sql))
        .bind(campaign.0)
        .bind(AFTER_ANOTHER.as_millis());
    let free: Vec<[i64; 1]> =
        gathered(query, connection, "look for jobs that wait for others").await?;
    Ok(free.into_iter().map(|[id]| id).collect())
}

/// Of a job of `jobs` that waits for another campaign's: that campaign's name, empty once it has ended;
/// null of any other.
pub(crate) fn waits_for() -> String {
    format!(
        "CASE WHEN jobs.state = 'pending' AND jobs.not_before = {at} THEN COALESCE((
             SELECT MIN(other.name)
             FROM campaigns AS mine
             CROSS JOIN campaigns AS other
             CROSS JOIN job_rows AS elsewhere
             WHERE mine.id = jobs.campaign_id
               AND other.tenant = mine.tenant
               AND other.id <> mine.id
               AND other.ended_at IS NULL
               AND elsewhere.campaign_id = other.id
               AND elsewhere.device_id = jobs.device_id
               AND elsewhere.state = 'pending'
               AND (elsewhere.not_before < {at} OR elsewhere.id < jobs.id)
         ), '') END",
        at = AFTER_ANOTHER.as_millis()
    )
}
