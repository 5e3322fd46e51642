//! Verification: the jobs that succeeded, held against a listing of the inventory that is younger
//! than their success, a page of devices at a time. And the way back round for those whose device is
//! found as it was before.

use repilot_domain::{
    Actor, AuditEvent, CampaignId, Device, JobEvent, JobState, Timestamp, Verification,
};
use serde::Serialize;
use serde_json::json;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::campaigns::campaign::must_take_jobs;
use crate::error::QueryContext as _;
use crate::jobs::counters::{Deltas, VERIFIED};
use crate::jobs::job::IS_ELSEWHERE;
use crate::jobs::state_tables;
use crate::storage::dialect::Dialect;
use crate::storage::locks;
use crate::storage::rows::{Columns, batch, gathered};
use crate::{Ledger, LedgerError, Listing, audit, inventory};

/// Jobs looked through at once for devices that the inventory does not list.
const CHUNK: i64 = 5_000;

/// Jobs that one transaction sends round again: over in some 100 ms, so that nobody's lease runs out.
const REOPEN_CHUNK: i64 = 5_000;

/// Jobs that can be verified, and those that cannot yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Verifiable {
    /// Jobs that succeeded no later than asked for.
    pub old_enough: i64,
    /// Jobs that succeeded later.
    pub too_young: i64,
    /// When the last of all succeeded.
    pub last_at: Option<Timestamp>,
}

impl Ledger {
    /// How many jobs of a campaign succeeded until then, and how many since.
    pub async fn verifiable(
        &self,
        campaign: CampaignId,
        until: Timestamp,
    ) -> Result<Verifiable, LedgerError> {
        let mut reader = self.reader().await?;
        let row = sqlx::query(
            "SELECT COUNT(*) AS all_of_them,
                    CAST(COALESCE(SUM(CASE WHEN finished_at <= $2 THEN 1 ELSE 0 END), 0) AS BIGINT)
                        AS old_enough,
                    MAX(finished_at) AS last_at
             FROM jobs
             WHERE campaign_id = $1 AND state = 'succeeded'",
        )
        .bind(campaign.0)
        .bind(until.as_millis())
        .fetch_one(&mut *reader)
        .await
        .doing("count what can be verified")?;
        let columns = Columns::of("jobs", &row);
        let old_enough: i64 = columns.get("old_enough")?;
        Ok(Verifiable {
            old_enough,
            too_young: columns.get::<i64>("all_of_them")? - old_enough,
            last_at: columns.time_if_any("last_at")?,
        })
    }

    /// Holds each job that succeeded until then against a complete listing, and keeps what that says.
    ///
    /// It goes page by page and keeps nobody waiting. [`LedgerError::Contended`] when a newer listing
    /// took this one's place meanwhile: what was judged until then stands.
    ///
    /// How many devices of the inventory show a user at all.
    pub async fn verify(
        &self,
        campaign: CampaignId,
        listing: &Listing,
        until: Timestamp,
        by: &Actor,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        let pass = Pass {
            campaign,
            until,
            at: now,
        };
        let mut page = 0;
        let mut listed = 0;
        let mut users = 0;
        while let Some((number, devices)) = self.listed_page(listing, page).await? {
            page = number;
            listed += i64::try_from(devices.len()).unwrap_or(i64::MAX);
            let has_user = |device: &&Device| !device.user_principal_name.trim().is_empty();
            users += devices.iter().filter(has_user).count() as u64;
            let mut transaction = self.begin().await?;
            pass.judge_page(&mut transaction, &devices).await?;
            self.commit(transaction, "verify jobs").await?;
        }
        if listed != listing.devices {
            return Err(LedgerError::Contended);
        }
        // An item that could not be read may be any of those that no page shows.
        if listing.unreadable.is_empty() {
            self.verify_unlisted(&pass).await?;
        }
        let mut transaction = self.begin().await?;
        locks::campaign(&mut transaction, campaign).await?;
        sqlx::query("UPDATE campaigns SET verified_at = $2 WHERE id = $1")
            .bind(campaign.0)
            .bind(listing.begun_at.as_millis())
            .execute(&mut *transaction)
            .await
            .doing("note a verification")?;
        let counts = verified(&mut transaction, campaign).await?;
        let event = AuditEvent::Verified;
        audit::record(&mut transaction, now, by, Some(campaign), event, &counts).await?;
        self.commit(transaction, "note a verification").await?;
        Ok(users)
    }

    /// Marks the jobs that this pass has not met: no page listed their devices.
    async fn verify_unlisted(&self, pass: &Pass) -> Result<(), LedgerError> {
        let mut after = 0;
        loop {
            let mut reader = self.reader().await?;
            let sql = format!(
                "SELECT {} FROM (
                     SELECT id,
                            CASE WHEN {NOT_MET} THEN 1 ELSE 0 END AS is_meant
                     FROM jobs
                     WHERE campaign_id = $1 AND id > $4
                     ORDER BY id
                     LIMIT $5
                 ) AS chunk",
                Dialect::of(&reader).gathered("id, is_meant")
            );
            let query = sqlx::query(AssertSqlSafe(sql))
                .bind(pass.campaign.0)
                .bind(pass.until.as_millis())
                .bind(pass.at.as_millis())
                .bind(after)
                .bind(CHUNK);
            let chunk: Vec<(i64, i64)> =
                gathered(query, &mut reader, "look for devices that are not listed").await?;
            drop(reader);
            let Some(last) = chunk.iter().map(|(id, _)| *id).max() else {
                return Ok(());
            };
            after = last;
            let meant: Vec<i64> = chunk
                .into_iter()
                .filter_map(|(id, is_meant)| (is_meant == 1).then_some(id))
                .collect();
            if meant.is_empty() {
                continue;
            }
            let mut transaction = self.begin().await?;
            pass.judge_unlisted(&mut transaction, &meant).await?;
            self.commit(transaction, "verify jobs").await?;
        }
    }

    /// Sends the jobs round again whose device a verification found as if nothing had been done, and
    /// which nobody else has touched; how many it were. Each device is looked at before it is called.
    ///
    /// What was taken back is as if nothing had been done, and stays so; and a device that another open
    /// campaign has still to do is left to it.
    pub async fn reopen(
        &self,
        campaign: CampaignId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        let mut reopened = 0;
        loop {
            let mut transaction = self.begin().await?;
            locks::tenants_of(&mut transaction, [campaign]).await?;
            locks::campaign(&mut transaction, campaign).await?;
            if reopened == 0 {
                must_take_jobs(&mut transaction, campaign).await?;
            }
            let jobs = reopen_chunk(&mut transaction, campaign, now).await?;
            if jobs == 0 {
                return Ok(reopened);
            }
            let event = AuditEvent::Requeued;
            let detail = json!({ "jobs": jobs, "from": "verification" });
            audit::record(&mut transaction, now, by, Some(campaign), event, &detail).await?;
            self.commit(transaction, "requeue jobs").await?;
            reopened += jobs;
        }
    }
}

/// A verification under way.
struct Pass {
    campaign: CampaignId,
    /// Jobs that succeeded later are not judged.
    until: Timestamp,
    /// What its verdicts are marked with.
    at: Timestamp,
}

/// Whether a job can be judged, and this pass has not done so; takes the pass as parameters 2 and 3.
const NOT_MET: &str =
    "state = 'succeeded' AND finished_at <= $2 AND (verified_at IS NULL OR verified_at <> $3)";

/// A job that is judged: its number, what was said of it before, who is shown, who was there before,
/// who was wanted.
type Found = (i64, String, String, String, String);

impl Pass {
    async fn judge_page(
        &self,
        connection: &mut AnyConnection,
        devices: &[Device],
    ) -> Result<(), LedgerError> {
        locks::campaign(connection, self.campaign).await?;
        let dialect = Dialect::of(connection);
        let sql = format!(
            "SELECT {gathered}
             FROM (
                 SELECT CAST(value->>0 AS TEXT) AS device_id, CAST(value->>1 AS TEXT) AS shown
                 FROM {each}
             ) AS listed
             -- In this order: a page is little, the jobs are many.
             CROSS JOIN jobs
             WHERE jobs.campaign_id = $2
               AND jobs.device_id = listed.device_id
               AND jobs.state = 'succeeded'
               AND jobs.finished_at <= $3",
            gathered = dialect.gathered(
                "jobs.id, jobs.verification, listed.shown, jobs.user_principal_name, jobs.new_user_principal_name"
            ),
            each = dialect.each()
        );
        let listed = batch(
            devices
                .iter()
                .map(|device| (device.id.as_str(), &device.user_principal_name)),
        )?;
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(listed)
            .bind(self.campaign.0)
            .bind(self.until.as_millis());
        let found: Vec<Found> = gathered(query, connection, "look for verified jobs").await?;
        let judged = found
            .into_iter()
            .map(|(id, before, shown, previous, wanted)| {
                (id, before, Verification::of(&shown, &previous, &wanted))
            });
        self.write(connection, judged.collect()).await
    }

    async fn judge_unlisted(
        &self,
        connection: &mut AnyConnection,
        jobs: &[i64],
    ) -> Result<(), LedgerError> {
        locks::campaign(connection, self.campaign).await?;
        let dialect = Dialect::of(connection);
        let sql = format!(
            "SELECT {gathered}
             FROM {each} AS meant
             CROSS JOIN jobs
             WHERE jobs.id = meant.id AND {NOT_MET}",
            gathered = dialect.gathered("jobs.id, jobs.verification"),
            each = dialect.each_id()
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(dialect.numbers(jobs.iter().copied()))
            .bind(self.until.as_millis())
            .bind(self.at.as_millis());
        let found: Vec<(i64, String)> =
            gathered(query, connection, "look for devices that are not listed").await?;
        let judged = found
            .into_iter()
            .map(|(id, before)| (id, before, Verification::NotListed));
        self.write(connection, judged.collect()).await
    }

    /// Keeps what jobs were judged to be, each with what was said of it before.
    async fn write(
        &self,
        connection: &mut AnyConnection,
        judged: Vec<(i64, String, Verification)>,
    ) -> Result<(), LedgerError> {
        if judged.is_empty() {
            return Ok(());
        }
        let mut deltas = Deltas::default();
        for (_, before, now) in &judged {
            if !before.is_empty() {
                deltas.add(self.campaign, VERIFIED, before, -1);
            }
            deltas.add(self.campaign, VERIFIED, now.as_str(), 1);
        }
        deltas.write(connection).await?;
        let sql = format!(
            "UPDATE job_rows
             SET verification = judged.verification, verified_at = $2
             FROM (
                 SELECT CAST(value->>0 AS BIGINT) AS id, CAST(value->>1 AS TEXT) AS verification
                 FROM {}
             ) AS judged
             WHERE job_rows.id = judged.id",
            Dialect::of(connection).each()
        );
        let expected = judged.len() as u64;
        let rows = batch(judged.into_iter().map(|(id, _, now)| (id, now)))?;
        let updated = sqlx::query(AssertSqlSafe(sql))
            .bind(rows)
            .bind(self.at.as_millis())
            .execute(connection)
            .await
            .doing("verify jobs")?;
        if updated.rows_affected() == expected {
            Ok(())
        } else {
            Err(LedgerError::Contended)
        }
    }
}

/// Whether a campaign that takes back that of `jobs` has done so with its device.
const IS_TAKEN_BACK: &str = "EXISTS (
                 SELECT 1
                 FROM campaigns AS back
                 -- In this order: campaigns are few, the jobs are many.
                 CROSS JOIN job_rows AS taken
                 WHERE back.rolls_back = jobs.campaign_id
                   AND taken.campaign_id = back.id
                   AND taken.device_id = jobs.device_id
                   AND taken.state = 'succeeded'
             )";

async fn reopen_chunk(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    now: Timestamp,
) -> Result<u64, LedgerError> {
    let dialect = Dialect::of(connection);
    let mut deltas = Deltas::default();
    let mut reopened = 0;
    for found in Verification::ALL {
        if !found.may_be_done_again() {
            continue;
        }
        // Whoever did it once without effect looks first: meanwhile it may have come to one.
        let sql = format!(
            "SELECT {gathered} FROM (
                 SELECT id FROM job_rows AS jobs
                 WHERE campaign_id = $1
                   AND verification = $2
                   AND verification <> ''
                   AND NOT {IS_TAKEN_BACK}
                   AND NOT {IS_ELSEWHERE}
                 ORDER BY id
                 LIMIT $3
             ) AS chunk",
            gathered = dialect.gathered("id")
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(campaign.0)
            .bind(found.as_str())
            .bind(REOPEN_CHUNK);
        let chunk: Vec<[i64; 1]> = gathered(query, connection, "look for jobs to requeue").await?;
        let chunk: Vec<i64> = chunk.into_iter().map(|[id]| id).collect();
        let sql = format!(
            "UPDATE job_rows
             SET state = 'pending', attempts = 0, not_before = $2, finished_at = NULL,
                 uncertain = 1, reason = '', message = '',
                 verification = '', verified_at = NULL
             WHERE id {}",
            dialect.is_named()
        );
        let now = now.as_millis();
        state_tables::change(connection, &sql, &chunk, "requeue jobs", |query| {
            query.bind(now)
        })
        .await?;
        let jobs = chunk.len() as u64;
        inventory::must_look(&mut *connection, &chunk).await?;
        state_tables::become_due(connection, &chunk).await?;
        deltas.moved(campaign, JobState::Succeeded, JobEvent::Reopen, jobs)?;
        let count = i64::try_from(jobs).unwrap_or(i64::MAX);
        deltas.add(campaign, VERIFIED, found.as_str(), -count);
        reopened += jobs;
    }
    deltas.write(&mut *connection).await?;
    if reopened > 0 {
        sqlx::query("UPDATE campaigns SET ended_at = NULL WHERE id = $1")
            .bind(campaign.0)
            .execute(connection)
            .await
            .doing("reopen a campaign")?;
    }
    Ok(reopened)
}

/// What is counted of a campaign's verification, for the audit.
async fn verified(
    connection: &mut AnyConnection,
    campaign: CampaignId,
) -> Result<serde_json::Value, LedgerError> {
    let rows = sqlx::query(
        "SELECT reason, value FROM counters
         WHERE campaign_id = $1 AND name = 'verified' AND value <> 0",
    )
    .bind(campaign.0)
    .fetch_all(connection)
    .await
    .doing("read counters")?;
    let counts = rows.iter().map(|row| {
        let word: String = row.try_get("reason")?;
        Ok((word, row.try_get::<i64, _>("value")?.into()))
    });
    let counts: Result<serde_json::Map<_, _>, sqlx::Error> = counts.collect();
    Ok(serde_json::Value::Object(counts.doing("read counters")?))
}
