//! Reading jobs.

use std::borrow::Cow;
use std::collections::HashMap;

use repilot_domain::{
    Action, CampaignId, DeviceId, JobId, JobState, Past, Progress, TenantName, Timestamp,
    Verification,
};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe};
use utoipa::ToSchema;

use crate::error::QueryContext as _;
use crate::jobs::after_others::waits_for;
use crate::jobs::between_steps::HAS_NO_USER;
use crate::storage::dialect::Dialect;
use crate::storage::rows::{Columns, Inner, gathered, wide};
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
    /// Campaign whose open job of the device it waits for; empty once that has ended, and none of a job
    /// that waits for no other.
    pub waits_for: Option<String>,
    /// Whether its device has no user now, because the job stopped, or just is, between its two steps.
    pub without_user: bool,
    /// The job that this one takes back, or whose device it assigns.
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
    /// Who had the device when it was last seen before its call; none where nothing is known beyond
    /// the plan.
    pub seen_user: Option<String>,
    /// Their display name.
    pub seen_name: Option<String>,
    /// When that was seen.
    pub seen_at: Option<Timestamp>,
    /// Who has the device now, of one that was found with another user.
    pub found_user: Option<String>,
    /// When they were found.
    pub found_at: Option<Timestamp>,
    /// Whom a person let the job take the device from, instead of who was planned.
    pub accepted_user: Option<String>,
}

/// What a [`JobRow`] is gathered from.
fn columns(dialect: Dialect) -> String {
    let last_call = dialect.found_array(
        "status, request_id",
        "FROM attempts
         WHERE job_id = jobs.id
         ORDER BY dispatch DESC, finished_at DESC
         LIMIT 1",
    );
    let sighting = dialect.found_array(
        "user_principal_name, addressable_user_name, seen_at, found_user, found_at, accepted_user",
        "FROM sightings WHERE sightings.id = jobs.id",
    );
    format!(
        "jobs.id, jobs.campaign_id, jobs.device_id, jobs.serial, jobs.group_tag, jobs.model,
         jobs.user_principal_name, jobs.addressable_user_name, jobs.action,
         jobs.new_user_principal_name, jobs.new_addressable_user_name, jobs.steps_done,
         jobs.stepped_at, jobs.rolls_back, jobs.line, jobs.state, jobs.dispatch, jobs.attempts,
         jobs.uncertain, jobs.not_before, jobs.lease_until, jobs.worker, jobs.reason, jobs.message,
         -- One that never left was never called.
         CASE WHEN jobs.dispatch > 0 THEN {last_call} END,
         (
             SELECT COUNT(*) FROM canary_jobs
             WHERE canary_jobs.campaign_id = jobs.campaign_id
               AND canary_jobs.job_id = jobs.id
         ),
         jobs.created_at, jobs.finished_at, jobs.verification, jobs.verified_at,
         CASE WHEN jobs.steps_done > 0 THEN (
             SELECT COUNT(*) FROM job_rows AS stopped
             WHERE stopped.id = jobs.id AND {HAS_NO_USER}
         ) ELSE 0 END,
         {waits_for},
         {sighting}",
        waits_for = waits_for()
    )
}

/// A job as it is gathered: [`columns`], in their order.
#[derive(Deserialize)]
struct JobRow {
    id: JobId,
    campaign: CampaignId,
    device_id: DeviceId,
    serial: String,
    group_tag: String,
    model: String,
    user_principal_name: String,
    addressable_user_name: String,
    action: Action,
    new_user_principal_name: String,
    new_addressable_user_name: String,
    steps_done: i64,
    stepped_at: Option<Timestamp>,
    rolls_back: Option<JobId>,
    line: i64,
    state: JobState,
    dispatch: i64,
    attempts: i64,
    uncertain: i64,
    not_before: Timestamp,
    lease_until: Timestamp,
    worker: String,
    reason: String,
    message: String,
    /// Status and request id.
    last_call: Option<Inner<(Option<i64>, Option<String>)>>,
    canaries: i64,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
    verification: String,
    verified_at: Option<Timestamp>,
    without_user: i64,
    waits_for: Option<String>,
    sighting: Option<Inner<SightingRow>>,
}

/// Who had the device, their name, when that was seen; who was found and when; whom a person accepted.
type SightingRow = (
    String,
    String,
    Timestamp,
    Option<String>,
    Option<Timestamp>,
    Option<String>,
);

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
            previous: self.had().0,
            wanted: &self.new_user_principal_name,
        }
    }

    /// The last answer or, where somebody else was found, who has the device now.
    #[must_use]
    pub fn said(&self) -> Cow<'_, str> {
        match &self.found_user {
            Some(user) => Cow::Owned(format!("{user} has it now")),
            None => Cow::Borrowed(&self.message),
        }
    }

    /// Who had the device before the job's call, and their display name: as it was last seen, or as it
    /// was planned where nothing else was seen.
    #[must_use]
    pub fn had(&self) -> (&str, &str) {
        match (&self.seen_user, &self.seen_name) {
            (Some(user), Some(name)) => (user, name),
            _ => (&self.user_principal_name, &self.addressable_user_name),
        }
    }

    fn of(row: JobRow) -> Result<Self, LedgerError> {
        let done = usize::try_from(row.steps_done).unwrap_or(0);
        let stands = match row.state {
            JobState::Succeeded => None,
            _ => Progress::new(row.action, done).words(&row.new_user_principal_name),
        };
        let (last_status, last_request_id) =
            row.last_call.map(|Inner(call)| call).unwrap_or_default();
        let verification = match row.verification.as_str() {
            "" => None,
            word => Some(word.parse().map_err(|source| LedgerError::BadData {
                table: "job_rows",
                column: "verification",
                row: row.id.to_string(),
                source: Box::new(source),
            })?),
        };
        let (seen, found_user, found_at, accepted_user) = match row.sighting {
            Some(Inner((user, name, seen_at, found_user, found_at, accepted))) => {
                let is_seen = seen_at > Timestamp::default();
                let seen = is_seen.then_some((user, name, seen_at));
                (seen, found_user, found_at, accepted)
            }
            None => (None, None, None, None),
        };
        let (seen_user, seen_name, seen_at) = match seen {
            Some((user, name, at)) => (Some(user), Some(name), Some(at)),
            None => (None, None, None),
        };
        Ok(Self {
            id: row.id,
            campaign: row.campaign,
            device_id: row.device_id,
            serial: row.serial,
            group_tag: row.group_tag,
            model: row.model,
            user_principal_name: row.user_principal_name,
            addressable_user_name: row.addressable_user_name,
            action: row.action,
            new_user_principal_name: row.new_user_principal_name,
            new_addressable_user_name: row.new_addressable_user_name,
            steps_done: row.steps_done,
            stepped_at: row.stepped_at,
            stands: stands.unwrap_or_default(),
            waits_for: row.waits_for,
            without_user: row.without_user != 0,
            rolls_back: row.rolls_back,
            line: row.line,
            state: row.state,
            dispatch: row.dispatch,
            attempts: row.attempts,
            uncertain: row.uncertain != 0,
            not_before: row.not_before,
            lease_until: row.lease_until,
            worker: row.worker,
            reason: row.reason,
            message: row.message,
            last_status,
            last_request_id,
            is_canary: row.canaries != 0,
            created_at: row.created_at,
            finished_at: row.finished_at,
            verification,
            verified_at: row.verified_at,
            seen_user,
            seen_name,
            seen_at,
            found_user,
            found_at,
            accepted_user,
        })
    }
}

/// The jobs of a query over `jobs`, which begins with its `WHERE`, in no order.
async fn read(
    connection: &mut AnyConnection,
    query: &str,
    bind: impl FnOnce(Query<'_, Any, AnyArguments>) -> Query<'_, Any, AnyArguments>,
) -> Result<Vec<Job>, LedgerError> {
    let dialect = Dialect::of(connection);
    let sql = format!(
        "SELECT {} FROM jobs {query}",
        dialect.wide(&columns(dialect))
    );
    let query = bind(sqlx::query(AssertSqlSafe(sql)));
    let rows: Vec<JobRow> = wide(query, connection, "read jobs").await?;
    rows.into_iter().map(Job::of).collect()
}

impl Ledger {
    /// A job and its campaign's name.
    pub async fn job(&self, id: JobId) -> Result<Option<(Job, String)>, LedgerError> {
        let mut reader = self.reader().await?;
        let jobs = read(&mut reader, "WHERE jobs.id = $1", |query| query.bind(id.0)).await?;
        let Some(job) = jobs.into_iter().next() else {
            return Ok(None);
        };
        let row = sqlx::query("SELECT id, name FROM campaigns WHERE id = $1")
            .bind(job.campaign.0)
            .fetch_one(&mut *reader)
            .await
            .doing("read a job")?;
        let name = Columns::of("campaigns", &row).get("name")?;
        Ok(Some((job, name)))
    }

    /// A page of a campaign's jobs, by number.
    pub async fn jobs(&self, campaign: CampaignId, page: Page) -> Result<Vec<Job>, LedgerError> {
        let mut reader = self.reader().await?;
        let of_page = "WHERE jobs.id IN (
                 SELECT id FROM job_rows
                 WHERE campaign_id = $1
                   AND id > $2
                 ORDER BY id
                 LIMIT $3
             )";
        let jobs = read(&mut reader, of_page, |query| {
            query
                .bind(campaign.0)
                .bind(page.after.0)
                .bind(i64::from(page.limit))
        });
        let mut jobs = jobs.await?;
        jobs.sort_by_key(|job| job.id);
        Ok(jobs)
    }

    /// Those of these jobs that are there, in this order.
    pub(crate) async fn jobs_of(
        connection: &mut AnyConnection,
        ids: &[i64],
    ) -> Result<Vec<Job>, LedgerError> {
        let dialect = Dialect::of(connection);
        let named = format!("WHERE jobs.id {}", dialect.is_named());
        let numbers = dialect.numbers(ids.iter().copied());
        let mut jobs = read(connection, &named, |query| query.bind(numbers)).await?;
        let places: HashMap<i64, usize> = ids.iter().copied().zip(0..).collect();
        jobs.sort_by_key(|job| places.get(&job.id.0).copied());
        Ok(jobs)
    }

    /// The devices of a tenant that have a job to be done in an open campaign other than this.
    pub async fn devices_in_hand(
        &self,
        tenant: &TenantName,
        but: Option<CampaignId>,
    ) -> Result<HashMap<String, String>, LedgerError> {
        let mut reader = self.reader().await?;
        let sql = format!(
            "SELECT {}
             FROM campaigns
             JOIN jobs ON jobs.campaign_id = campaigns.id
             WHERE campaigns.tenant = $1
               AND campaigns.ended_at IS NULL
               AND campaigns.id <> $2
               AND jobs.state IN ('pending', 'queued', 'running')
               AND NOT EXISTS (
                   SELECT 1 FROM job_rows AS present
                   WHERE present.campaign_id = $2 AND present.device_id = jobs.device_id
               )",
            Dialect::of(&reader).gathered("jobs.device_id, campaigns.name")
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(tenant.as_str())
            .bind(but.map_or(0, |campaign| campaign.0));
        let busy: Vec<(String, String)> =
            gathered(query, &mut reader, "look for busy devices").await?;
        Ok(busy.into_iter().collect())
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
