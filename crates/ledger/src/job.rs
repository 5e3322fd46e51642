//! Reading jobs.

use std::collections::{HashMap, HashSet};

use repilot_domain::{
    Action, CampaignId, DeviceId, JobId, JobState, Past, TenantName, Timestamp, Verification,
};
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};
use utoipa::ToSchema;

use crate::dialect::Dialect;
use crate::error::QueryContext as _;
use crate::rows::{Columns, batch, gathered, progress};
use crate::{Ledger, LedgerError};

/// A job as the ledger has it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// Its campaign.
    pub campaign: CampaignId,
    /// The device.
    pub device_id: DeviceId,
    /// The device's serial number.
    pub serial: String,
    /// The device's group tag.
    pub group_tag: String,
    /// The device's model.
    pub model: String,
    /// Who was assigned when the plan was made.
    pub user_principal_name: String,
    /// Their display name.
    pub addressable_user_name: String,
    /// What is to be done to the device.
    pub action: Action,
    /// Who is to be assigned; empty where nobody is.
    pub new_user_principal_name: String,
    /// Their display name.
    pub new_addressable_user_name: String,
    /// Steps that are done although the job is not.
    pub steps_done: i64,
    /// When the last of these was.
    pub stepped_at: Option<Timestamp>,
    /// Of a job between two steps: where it stands, in words; empty elsewhere.
    pub stands: String,
    /// The job that this one takes back.
    pub rolls_back: Option<JobId>,
    /// Where the list named the device.
    pub line: i64,
    /// Where the job is.
    pub state: JobState,
    /// How often it was dispatched.
    pub dispatch: i64,
    /// Attempts spent.
    pub attempts: i64,
    /// Whether a call may have taken effect unseen.
    pub uncertain: bool,
    /// The earliest moment of its next call.
    pub not_before: Timestamp,
    /// Until when its holder has promised to be alive.
    pub lease_until: Timestamp,
    /// Who holds it, or held it last.
    pub worker: String,
    /// Why it is dead, or waits.
    pub reason: String,
    /// The last answer, in words.
    pub message: String,
    /// The last call's HTTP status.
    pub last_status: Option<i64>,
    /// The last call's `request-id`.
    pub last_request_id: Option<String>,
    /// Whether it is one of its campaign's canary, which goes first.
    pub is_canary: bool,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When it became terminal.
    pub finished_at: Option<Timestamp>,
    /// What the inventory said of it after it had succeeded; none while nobody looked.
    pub verification: Option<Verification>,
    /// When somebody looked.
    pub verified_at: Option<Timestamp>,
}

/// What [`Job::read`] reads.
const COLUMNS: &str = "jobs.*,
             (
                 SELECT COUNT(*) FROM canary_jobs
                 WHERE canary_jobs.campaign_id = jobs.campaign_id
                   AND canary_jobs.job_id = jobs.id
             ) AS canaries,
             (
                 SELECT status FROM attempts
                 WHERE job_id = jobs.id
                 ORDER BY dispatch DESC, finished_at DESC
                 LIMIT 1
             ) AS last_status,
             (
                 SELECT request_id FROM attempts
                 WHERE job_id = jobs.id
                 ORDER BY dispatch DESC, finished_at DESC
                 LIMIT 1
             ) AS last_request_id";

/// Whether another open campaign has still to do the device of `jobs`.
pub(crate) const IS_ELSEWHERE: &str = "EXISTS (
                 SELECT 1
                 FROM campaigns AS own
                 JOIN campaigns AS other
                   ON other.tenant = own.tenant
                  AND other.id <> own.id
                  AND other.ended_at IS NULL
                 JOIN jobs AS elsewhere
                   ON elsewhere.campaign_id = other.id
                  AND elsewhere.device_id = jobs.device_id
                 WHERE own.id = jobs.campaign_id
                   AND elsewhere.state IN ('pending', 'queued', 'running')
             )";

/// A stretch of a list, by key: stable however the list changes meanwhile.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Those after this one.
    pub after: JobId,
    /// At most so many.
    pub limit: u32,
}

impl Job {
    /// What taking it back looks at.
    #[must_use]
    pub fn past(&self) -> Past<'_> {
        Past {
            state: self.state,
            action: self.action,
            steps_done: usize::try_from(self.steps_done).unwrap_or_default(),
            // What was to be looked at first, and was never on its way, has called nothing.
            is_unknown: self.uncertain && self.dispatch > 0,
            previous: &self.user_principal_name,
            wanted: &self.new_user_principal_name,
        }
    }

    fn read(row: &AnyRow) -> Result<Self, LedgerError> {
        let columns = Columns::of("jobs", row);
        let state = columns.word("state")?;
        let new_user: String = columns.get("new_user_principal_name")?;
        let stands = match state {
            JobState::Succeeded => None,
            _ => progress(&columns)?.words(&new_user),
        };
        Ok(Self {
            id: JobId(columns.get("id")?),
            campaign: CampaignId(columns.get("campaign_id")?),
            device_id: DeviceId(columns.get("device_id")?),
            serial: columns.get("serial")?,
            group_tag: columns.get("group_tag")?,
            model: columns.get("model")?,
            user_principal_name: columns.get("user_principal_name")?,
            addressable_user_name: columns.get("addressable_user_name")?,
            action: columns.word("action")?,
            new_user_principal_name: new_user,
            new_addressable_user_name: columns.get("new_addressable_user_name")?,
            steps_done: columns.get("steps_done")?,
            stepped_at: columns.time_if_any("stepped_at")?,
            stands: stands.unwrap_or_default(),
            rolls_back: columns.get::<Option<i64>>("rolls_back")?.map(JobId),
            line: columns.get("line")?,
            state,
            dispatch: columns.get("dispatch")?,
            attempts: columns.get("attempts")?,
            uncertain: columns.get::<i64>("uncertain")? != 0,
            not_before: columns.time("not_before")?,
            lease_until: columns.time("lease_until")?,
            worker: columns.get("worker")?,
            reason: columns.get("reason")?,
            message: columns.get("message")?,
            last_status: columns.get("last_status")?,
            last_request_id: columns.get("last_request_id")?,
            is_canary: columns.get::<i64>("canaries")? != 0,
            created_at: columns.time("created_at")?,
            finished_at: columns.time_if_any("finished_at")?,
            verification: columns.word_if_any("verification")?,
            verified_at: columns.time_if_any("verified_at")?,
        })
    }
}

impl Ledger {
    /// A job and its campaign's name.
    pub async fn job(&self, id: JobId) -> Result<Option<(Job, String)>, LedgerError> {
        let mut reader = self.reader().await?;
        let row = sqlx::query(AssertSqlSafe(format!(
            "SELECT {COLUMNS}, campaigns.name AS campaign_name
             FROM jobs JOIN campaigns ON campaigns.id = jobs.campaign_id
             WHERE jobs.id = $1"
        )))
        .bind(id.0)
        .fetch_optional(&mut *reader)
        .await
        .doing("read a job")?;
        row.map(|row| {
            let name = Columns::of("campaigns", &row).get("campaign_name")?;
            Ok((Job::read(&row)?, name))
        })
        .transpose()
    }

    /// A page of a campaign's jobs, by number.
    pub async fn jobs(&self, campaign: CampaignId, page: Page) -> Result<Vec<Job>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM jobs
             WHERE campaign_id = $1
               AND id > $2
             ORDER BY id
             LIMIT $3"
        )))
        .bind(campaign.0)
        .bind(page.after.0)
        .bind(i64::from(page.limit))
        .fetch_all(&mut *reader)
        .await
        .doing("read jobs")?;
        rows.iter().map(Job::read).collect()
    }

    /// Those of these jobs that are there, in this order.
    pub(crate) async fn jobs_of(
        connection: &mut AnyConnection,
        ids: &[i64],
    ) -> Result<Vec<Job>, LedgerError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM jobs
             WHERE id IN (SELECT id FROM {each} AS found)",
            each = Dialect::of(connection).each_id()
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(batch(ids)?)
            .fetch_all(connection)
            .await
            .doing("read jobs")?;
        let mut jobs: Vec<Job> = rows.iter().map(Job::read).collect::<Result<_, _>>()?;
        let places: HashMap<i64, usize> = ids.iter().copied().zip(0..).collect();
        jobs.sort_by_key(|job| places.get(&job.id.0).copied());
        Ok(jobs)
    }

    /// The devices of a tenant that have a job to be done in an open campaign other than this.
    pub async fn devices_in_hand(
        &self,
        tenant: &TenantName,
        but: Option<CampaignId>,
    ) -> Result<HashSet<String>, LedgerError> {
        let mut reader = self.reader().await?;
        let sql = format!(
            "SELECT {}
             FROM campaigns
             JOIN jobs ON jobs.campaign_id = campaigns.id
             WHERE campaigns.tenant = $1
               AND campaigns.ended_at IS NULL
               AND campaigns.id <> $2
               AND jobs.state IN ('pending', 'queued', 'running')",
            Dialect::of(&reader).gathered("jobs.device_id")
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(tenant.as_str())
            .bind(but.map_or(0, |campaign| campaign.0));
        let rows: Vec<[String; 1]> = gathered(query, &mut reader, "look for busy devices").await?;
        Ok(rows.into_iter().map(|[device]| device).collect())
    }

    /// The devices that a campaign has jobs for, the jobs, and whom they assign.
    pub async fn devices_promised(
        &self,
        campaign: CampaignId,
    ) -> Result<Vec<(String, JobId, String)>, LedgerError> {
        let mut reader = self.reader().await?;
        let sql = format!(
            "SELECT {} FROM jobs WHERE campaign_id = $1",
            Dialect::of(&reader).gathered("device_id, id, new_user_principal_name")
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(campaign.0);
        let rows: Vec<(String, i64, String)> =
            gathered(query, &mut reader, "look for promised devices").await?;
        let row = |(device, job, user)| (device, JobId(job), user);
        Ok(rows.into_iter().map(row).collect())
    }
}
