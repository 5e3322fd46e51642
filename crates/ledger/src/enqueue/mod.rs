//! Putting a plan into the ledger, chunk by chunk; doing it again adds nothing.

pub(crate) mod follow_up;
pub(crate) mod refusal;
pub(crate) mod search_keys;
pub(crate) mod task;

pub use follow_up::{FollowUp, NextUser, TriedAgain};
pub use refusal::{RecordedRefusal, Refusal};
pub use task::Task;

use std::collections::HashMap;

use repilot_domain::{Actor, AuditEvent, CampaignId, Device, JobState, Timestamp, WithCauses};
use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::campaigns::campaign::must_take_jobs;
use crate::campaigns::canary;
use crate::campaigns::ending::end_if_done;
use crate::error::QueryContext as _;
use crate::jobs::after_others::AFTER_ANOTHER;
use crate::jobs::counters::Deltas;
use crate::storage::dialect::{Dialect, tell};
use crate::storage::locks;
use crate::storage::rows::{Columns, batch, gathered};
use crate::storage::sequences::take_ids;
use crate::{Ledger, LedgerError, audit};

/// A device that becomes a job.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// The device, as the inventory has it.
    pub device: Device,
    /// Where the list named it.
    pub line: u64,
    /// What is to be done to it.
    pub task: Task,
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Enqueued {
    /// New jobs.
    pub added: u64,
    /// Devices that the campaign had already.
    pub present: u64,
    /// New jobs that wait for another campaign's job of their device.
    pub waiting: u64,
    /// Devices with an open job in another campaign of the tenant: they got none.
    pub busy: Vec<BusyDevice>,
}

/// A device that got no job, since another campaign has an open one for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusyDevice {
    /// Where the list named it.
    pub line: u64,
    /// The device's serial number.
    pub serial: String,
    /// The other campaign's name.
    pub campaign: String,
}

/// The word for such a device among refused rows.
pub const BUSY: &str = "busy";

impl BusyDevice {
    /// The same as a refused row.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        Refusal {
            line: self.line,
            value: self.serial.clone(),
            reason: BUSY.to_owned(),
            detail: format!("the device has an open job in campaign {}", self.campaign),
        }
    }
}

/// So many jobs of a campaign are too many to be read and sorted for a page of them.
const LONG: i64 = 10_000;

impl Ledger {
    /// Says that a list goes into a campaign: until all of it is in, the campaign cannot end.
    /// Nothing goes into a campaign that was cancelled.
    pub async fn begin_list(
        &self,
        campaign: CampaignId,
        list: &NewList,
        by: &Actor,
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
        let detail = json!({ "list": list.name, "sha256": list.sha256 });
        audit::record(
            &mut transaction,
            now,
            by,
            Some(campaign),
            AuditEvent::ListBegun,
            &detail,
        )
        .await?;
        self.commit(transaction, "begin a list").await
    }

    /// Adds a chunk of jobs to a campaign, in one transaction. A device has at most one job in a tenant
    /// that may be called: those that another campaign has yet to do are left out, and said, or wait for
    /// its end where their task says so.
    pub async fn enqueue(
        &self,
        campaign: CampaignId,
        jobs: &[NewJob],
        now: Timestamp,
    ) -> Result<Enqueued, LedgerError> {
        let mut transaction = self.begin().await?;
        let mut elsewhere = HashMap::new();
        if !jobs.is_empty() {
            locks::tenants_of(&mut transaction, [campaign]).await?;
            reopen(&mut transaction, campaign).await?;
            elsewhere = open_elsewhere(&mut transaction, campaign, jobs).await?;
        }
        let busy: Vec<BusyDevice> = jobs
            .iter()
            .filter(|job| !job.task.after_others)
            .filter_map(|job| {
                Some(BusyDevice {
                    line: job.line,
                    serial: job.device.serial.clone(),
                    campaign: elsewhere.get(job.device.id.as_str())?.clone(),
                })
            })
            .collect();
        let waits = |job: &NewJob| elsewhere.contains_key(job.device.id.as_str());
        let jobs: Vec<(&NewJob, bool)> = jobs
            .iter()
            .map(|job| (job, waits(job)))
            .filter(|(job, waits)| job.task.after_others || !waits)
            .collect();
        let waiting = jobs.iter().filter(|(_, waits)| *waits).count() as u64;
        let jobs = jobs.as_slice();
        let count = i64::try_from(jobs.len()).unwrap_or(i64::MAX);
        let first = take_ids(&mut transaction, "job", count).await?;
        let added = insert_rows(&mut transaction, campaign, jobs, first, now).await?;
        sqlx::query(
            "INSERT INTO due_jobs (campaign_id, not_before, id, dispatch)
             SELECT campaign_id, not_before, id, dispatch FROM job_rows
             WHERE id >= $1 AND id < $2",
        )
        .bind(first)
        .bind(first + count)
        .execute(&mut *transaction)
        .await
        .doing("make jobs due")?;
        let new: Vec<&NewJob> = jobs.iter().map(|(job, _)| *job).collect();
        search_keys::insert(&mut transaction, campaign, &new, first).await?;
        let mut deltas = Deltas::default();
        deltas.add(
            campaign,
            JobState::Pending.as_str(),
            "",
            i64::try_from(added).unwrap_or(i64::MAX),
        );
        deltas.write(&mut transaction).await?;
        self.commit(transaction, "enqueue jobs").await?;
        let all = u64::try_from(jobs.len()).unwrap_or(u64::MAX);
        Ok(Enqueued {
            added,
            present: all - added,
            waiting: waiting.min(added),
            busy,
        })
    }

    /// Says that the whole list is in: from now on the campaign can end, unless another list is
    /// still on its way.
    pub async fn finish_list(
        &self,
        campaign: CampaignId,
        list_sha256: &str,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        locks::campaign(&mut transaction, campaign).await?;
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
        let detail = list_detail(&mut transaction, campaign, list_sha256).await?;
        audit::record(
            &mut transaction,
            now,
            by,
            Some(campaign),
            AuditEvent::ListEnqueued,
            &detail,
        )
        .await?;
        canary::choose_if_whole(&mut transaction, campaign).await?;
        end_if_done(&mut transaction, campaign, by, now).await?;
        self.commit(transaction, "finish a list").await?;
        if detail["jobs"].as_i64().is_some_and(|jobs| jobs >= LONG) {
            self.take_stock().await;
        }
        Ok(())
    }

    /// The database does so by itself before long; a list that is in is in without it.
    async fn take_stock(&self) {
        let statements = self.dialect().after_a_list();
        if statements.is_empty() {
            return;
        }
        let taken = async {
            let mut connection = self.writer().await?;
            tell(&mut connection, statements, "take stock of a list").await
        };
        if let Err(error) = taken.await {
            tracing::debug!(error = %WithCauses(&error), "pages may be slow for a minute");
        }
    }
}

/// Makes the rows of new jobs, each with whether it waits for another campaign's, the first of which has
/// this number, as far as the campaign does not have
/// their devices already; how many it made.
async fn insert_rows(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    jobs: &[(&NewJob, bool)],
    first: i64,
    now: Timestamp,
) -> Result<u64, LedgerError> {
    let sql = format!(
        "INSERT INTO job_rows (
                 id, campaign_id, device_id, serial, group_tag, model,
                 user_principal_name, addressable_user_name, line, not_before, created_at,
                 action, new_user_principal_name, new_addressable_user_name, rolls_back,
                 uncertain, state
             )
             SELECT CAST(value->>0 AS BIGINT),
                    $2,
                    CAST(value->>1 AS TEXT),
                    CAST(value->>2 AS TEXT),
                    CAST(value->>3 AS TEXT),
                    CAST(value->>4 AS TEXT),
                    CAST(value->>5 AS TEXT),
                    CAST(value->>6 AS TEXT),
                    CAST(value->>7 AS BIGINT),
                    CAST(value->>13 AS BIGINT),
                    $3,
                    CAST(value->>8 AS TEXT),
                    CAST(value->>9 AS TEXT),
                    CAST(value->>10 AS TEXT),
                    CAST(value->>11 AS BIGINT),
                    CAST(value->>12 AS BIGINT),
                    'pending'
             FROM {}
             -- Or SQLite takes what follows for a join's ON.
             WHERE TRUE
             ON CONFLICT DO NOTHING",
        Dialect::of(connection).each()
    );
    let rows = batch(jobs.iter().zip(first..).map(|((job, waits), id)| {
        let (device, task) = (&job.device, &job.task);
        let due = if *waits { AFTER_ANOTHER } else { now };
        (
            id,
            device.id.as_str(),
            &device.serial,
            &device.group_tag,
            &device.model,
            &device.user_principal_name,
            &device.addressable_user_name,
            job.line,
            task.action.as_str(),
            &task.new_user,
            &task.new_user_name,
            task.rolls_back.map(|job| job.0),
            // What another job did meanwhile is seen before the first call.
            i64::from(task.look_first || *waits),
            due.as_millis(),
        )
    }))?;
    let added = sqlx::query(AssertSqlSafe(sql))
        .bind(rows)
        .bind(campaign.0)
        .bind(now.as_millis())
        .execute(&mut *connection)
        .await
        .doing("enqueue jobs")?
        .rows_affected();
    Ok(added)
}

/// Those of these devices that a campaign has no job for, and another of its tenant an open one, each
/// with that campaign's name. The tenant is locked.
async fn open_elsewhere(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    jobs: &[NewJob],
) -> Result<HashMap<String, String>, LedgerError> {
    let dialect = Dialect::of(connection);
    let sql = format!(
        "SELECT {gathered}
         FROM campaigns AS own
         -- In this order: other open campaigns are few, the jobs many.
         CROSS JOIN campaigns AS other
         CROSS JOIN {each} AS said
         CROSS JOIN job_rows AS elsewhere
         WHERE own.id = $2
           AND other.tenant = own.tenant
           AND other.id <> own.id
           AND other.ended_at IS NULL
           AND elsewhere.campaign_id = other.id
           AND elsewhere.device_id = said.word
           -- In a hand, too, its own row says so.
           AND elsewhere.state = 'pending'
           AND NOT EXISTS (
               SELECT 1 FROM job_rows AS present
               WHERE present.campaign_id = own.id AND present.device_id = said.word
           )",
        gathered = dialect.gathered("elsewhere.device_id, other.name"),
        each = dialect.each_word()
    );
    let query = sqlx::query(AssertSqlSafe(sql))
        .bind(batch(jobs.iter().map(|job| job.device.id.as_str()))?)
        .bind(campaign.0);
    let found: Vec<(String, String)> = gathered(query, connection, "look for busy devices").await?;
    Ok(found.into_iter().collect())
}

/// What the audit says of a list that is in: which it is, and how many jobs the campaign has now.
async fn list_detail(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    sha256: &str,
) -> Result<Value, LedgerError> {
    let row = sqlx::query(
        "SELECT COALESCE(
                    (SELECT name FROM lists WHERE campaign_id = $1 AND sha256 = $2), ''
                ) AS name,
                CAST(COALESCE(SUM(value), 0) AS BIGINT) AS jobs
         FROM counters
         WHERE campaign_id = $1
           AND reason = ''
           AND name NOT IN ('calls', 'throttled')",
    )
    .bind(campaign.0)
    .bind(sha256)
    .fetch_one(connection)
    .await
    .doing("read a list")?;
    let columns = Columns::of("lists", &row);
    Ok(json!({
        "list": columns.get::<String>("name")?,
        "sha256": sha256,
        "jobs": columns.get::<i64>("jobs")?,
    }))
}

/// A campaign that something goes into has not ended; one that was cancelled or forgotten takes
/// nothing. It is locked by this.
async fn reopen(connection: &mut AnyConnection, campaign: CampaignId) -> Result<(), LedgerError> {
    let reopened = sqlx::query(
        "UPDATE campaigns
         SET ended_at = NULL, enqueued_at = NULL
         WHERE id = $1 AND status <> 'cancelled' AND pruned_at IS NULL",
    )
    .bind(campaign.0)
    .execute(&mut *connection)
    .await
    .doing("reopen a campaign")?;
    match reopened.rows_affected() {
        0 => must_take_jobs(connection, campaign).await,
        _ => Ok(()),
    }
}
