//! Sightings: who has a device, from a look or a listing, before a call changes it.
//!
//! What a listing shows is held against every job that waits. Of one that is found as it was planned
//! nothing is kept: its campaign says since when that is so for all of them. Of the others, and of
//! each device that was looked at, `sightings` has a row, and the row alone counts.
//!
//! A row says who had the device before any call of its job may have changed it. So a listing is not
//! held against a job that is being called (it is marked to be looked at where it seems to differ), nor
//! against one whose last call may have taken effect unseen, or that stands between two steps: a look
//! precedes their next call anyway.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use repilot_domain::{CampaignId, Device, JobId, TenantName, Timestamp, is_fresh, is_same_user};
use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::campaigns::callable::CALLABLE;
use crate::error::QueryContext as _;
use crate::jobs::state_tables;
use crate::storage::dialect::Dialect;
use crate::storage::locks;
use crate::storage::rows::{Columns, batch, gathered};
use crate::{ClaimKey, Ledger, LedgerError, Listing};

/// Jobs looked through at once for devices that a listing does not show.
const CHUNK: i64 = 5_000;

/// As many due jobs of a campaign as are counted: more make no difference.
const COUNTED: i64 = 10_000;

/// Who had a device, and when that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The user; empty where nobody had it.
    pub user: String,
    /// Their display name.
    pub name: String,
    /// When the request was sent that showed it.
    pub seen_at: Timestamp,
}

/// How old the knowledge of who has a device may be when a job is called, and how old it is of those
/// jobs that have no [`Sighting`] of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SightingRule {
    /// When the requests were sent that showed these devices as they were planned.
    #[serde(rename = "a")]
    pub seen_at: Timestamp,
    /// Longest age, in milliseconds; zero asks for a look right before each call.
    #[serde(rename = "w")]
    pub within_ms: u64,
    /// Whether no device of the tenant shows a user: a missing user says nothing.
    #[serde(rename = "b", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_blind: bool,
}

impl SightingRule {
    /// Whether what was seen then is good for a call now.
    #[must_use]
    pub fn is_fresh(&self, seen_at: Timestamp, now: Timestamp) -> bool {
        self.within_ms > 0 && is_fresh(seen_at, Duration::from_millis(self.within_ms), now)
    }

    /// Whether its jobs wait for a listing, or are looked at one by one.
    pub(crate) fn is_stale(&self, now: Timestamp) -> bool {
        self.within_ms > 0 && !self.is_fresh(self.seen_at, now)
    }
}

/// What a look at a claimed job's device showed.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What the job was claimed by.
    pub key: ClaimKey,
    /// Who has the device.
    pub sighting: Sighting,
    /// Whether that is who the job expects: then it is who had the device before the call, whatever
    /// was called before.
    pub is_expected: bool,
    /// Whether the job ends here because somebody else has the device.
    pub is_found: bool,
}

/// A campaign whose due jobs need a sighting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SightingNeed {
    /// The campaign.
    pub campaign: CampaignId,
    /// Since when its devices are known to be as planned.
    pub seen_at: Timestamp,
    /// How long that is good for.
    pub within: Duration,
    /// Jobs that are due while a sighting of now would be good; 10,000 at most.
    pub due: usize,
    /// Its own ceiling: so many calls in such a time.
    pub rate: Option<(u32, Duration)>,
}

/// What the last complete listing of a tenant cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListingCost {
    /// Devices.
    pub devices: i64,
    /// From its first request to its last page.
    pub took: Duration,
}

impl Ledger {
    /// Says since when the devices of a plan are known to be as it has them, before they are enqueued;
    /// `is_blind` where no device of the tenant shows a user.
    ///
    /// What a campaign has already was planned by an earlier listing, and stays as old as that.
    pub async fn note_planned(
        &self,
        campaign: CampaignId,
        listed_at: Timestamp,
        is_blind: bool,
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        locks::campaign(&mut transaction, campaign).await?;
        sqlx::query(
            "UPDATE campaigns
             SET is_blind = $3,
                 sighted_at = CASE
                     WHEN NOT EXISTS (SELECT 1 FROM job_rows WHERE campaign_id = $1) THEN $2
                     WHEN sighted_at IS NULL OR sighted_at < $2 THEN sighted_at
                     ELSE $2
                 END
             WHERE id = $1",
        )
        .bind(campaign.0)
        .bind(listed_at.as_millis())
        .bind(i64::from(is_blind))
        .execute(&mut *transaction)
        .await
        .doing("note when a plan's devices were seen")?;
        self.commit(transaction, "note when a plan's devices were seen")
            .await
    }

    /// Whom a claimed job expects on its device: who was planned, or whom a person accepted since.
    pub async fn expected_user(&self, job: JobId) -> Result<String, LedgerError> {
        let mut reader = self.reader().await?;
        let row = sqlx::query(
            "SELECT COALESCE(sightings.accepted_user, job_rows.user_principal_name) AS expected
             FROM job_rows
             LEFT JOIN sightings ON sightings.id = job_rows.id
             WHERE job_rows.id = $1",
        )
        .bind(job.0)
        .fetch_one(&mut *reader)
        .await
        .doing("look for whom a job expects")?;
        row.try_get("expected").doing("look for whom a job expects")
    }

    /// The campaigns of a tenant that may go on and whose devices were last seen so long ago that a
    /// call in `lead` from now would be too late.
    pub async fn sighting_needs(
        &self,
        tenant: &TenantName,
        lead: impl Fn(Duration) -> Duration + Send,
        now: Timestamp,
    ) -> Result<Vec<SightingNeed>, LedgerError> {
        let mut reader = self.reader().await?;
        let sql = format!(
            "SELECT id, sighted_within, sighted_at, is_blind, rate FROM campaigns
             WHERE {CALLABLE}
               AND sighted_within NOT IN ('never', '0s')
             ORDER BY id"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(tenant.as_str())
            .bind(now.as_millis())
            .fetch_all(&mut *reader)
            .await
            .doing("look for devices to be seen")?;
        let mut needs = Vec::new();
        for row in &rows {
            let columns = Columns::of("campaigns", row);
            let Some(rule) = rule(&columns)? else {
                continue;
            };
            let within = Duration::from_millis(rule.within_ms);
            if rule.is_fresh(rule.seen_at, now.after(lead(within))) {
                continue;
            }
            let campaign = CampaignId(columns.get("id")?);
            let due: i64 = sqlx::query(
                "SELECT COUNT(*) AS due FROM (
                     SELECT 1 AS one FROM due_jobs
                     WHERE campaign_id = $1 AND not_before <= $2
                     LIMIT $3
                 ) AS due_soon",
            )
            .bind(campaign.0)
            .bind(now.after(within).as_millis())
            .bind(COUNTED)
            .fetch_one(&mut *reader)
            .await
            .and_then(|row| row.try_get("due"))
            .doing("count due jobs")?;
            let rate: Option<repilot_domain::Rate> = columns.word_if_any("rate")?;
            if due > 0 {
                needs.push(SightingNeed {
                    campaign,
                    seen_at: rule.seen_at,
                    within,
                    due: usize::try_from(due).unwrap_or(usize::MAX),
                    rate: rate.map(|rate| (rate.calls, rate.window)),
                });
            }
        }
        Ok(needs)
    }

    /// What the last complete listing of a tenant cost, by the same source.
    pub async fn listing_cost(
        &self,
        tenant: &TenantName,
        source: &str,
    ) -> Result<Option<ListingCost>, LedgerError> {
        let listing = self.listing(tenant, source, true).await?;
        Ok(listing.and_then(|listing| {
            Some(ListingCost {
                devices: listing.devices,
                took: listing.finished_at?.since(listing.begun_at),
            })
        }))
    }

    /// Holds what a complete listing does not show against the jobs that wait, and says of the
    /// tenant's campaigns that all of their devices were seen with it.
    pub(crate) async fn finish_sighting(&self, listing: &Listing) -> Result<(), LedgerError> {
        self.mark_unlisted(listing).await?;
        let mut transaction = self.begin().await?;
        // Whose lists were all in before it began: every job was held against it.
        let campaigns = locks::campaigns_where(
            &mut transaction,
            "tenant = $1
             AND ended_at IS NULL
             AND enqueued_at <= $2
             AND COALESCE(sighted_at, 0) < $2",
            |query| {
                query
                    .bind(listing.tenant.as_str())
                    .bind(listing.begun_at.as_millis())
            },
        )
        .await?;
        let sql = format!(
            "UPDATE campaigns
             SET sighted_at = $2,
                 is_blind = CASE WHEN EXISTS (
                     SELECT 1 FROM listings
                     WHERE tenant = $3 AND number = $4 AND users = 0 AND devices > 0
                 ) THEN 1 ELSE 0 END
             WHERE id {}",
            self.dialect().is_named()
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(self.dialect().numbers(campaigns.iter().map(|id| id.0)))
            .bind(listing.begun_at.as_millis())
            .bind(listing.tenant.as_str())
            .bind(listing.number)
            .execute(&mut *transaction)
            .await
            .doing("note when devices were seen")?;
        self.commit(transaction, "note when devices were seen")
            .await
    }

    /// Has the jobs looked at whose devices no page of a listing shows: a device that was passed over
    /// while the pages shifted was not seen.
    async fn mark_unlisted(&self, listing: &Listing) -> Result<(), LedgerError> {
        let mut listed: HashSet<String> = HashSet::new();
        let mut page = 0;
        while let Some((number, devices)) = self.listed_page(listing, page).await? {
            page = number;
            listed.extend(devices.into_iter().map(|device| device.id.0));
        }
        let mut after = 0;
        loop {
            let mut reader = self.reader().await?;
            let sql = format!(
                "SELECT {gathered} FROM (
                     SELECT job_rows.id, job_rows.device_id
                     FROM campaigns
                     CROSS JOIN job_rows
                     WHERE campaigns.tenant = $1
                       AND campaigns.ended_at IS NULL
                       AND job_rows.campaign_id = campaigns.id
                       AND job_rows.state = 'pending'
                       AND job_rows.id > $2
                     ORDER BY job_rows.id
                     LIMIT $3
                 ) AS waiting",
                gathered = Dialect::of(&reader).gathered("id, device_id")
            );
            let query = sqlx::query(AssertSqlSafe(sql))
                .bind(listing.tenant.as_str())
                .bind(after)
                .bind(CHUNK);
            let jobs: Vec<(i64, String)> =
                gathered(query, &mut reader, "look for devices that are not listed").await?;
            drop(reader);
            let Some(last) = jobs.iter().map(|(id, _)| *id).max() else {
                return Ok(());
            };
            after = last;
            let unlisted = jobs
                .into_iter()
                .filter_map(|(id, device)| (!listed.contains(&device)).then_some(id));
            let unlisted: Vec<i64> = unlisted.collect();
            if unlisted.is_empty() {
                continue;
            }
            let mut transaction = self.begin().await?;
            must_look(&mut transaction, &unlisted).await?;
            self.commit(transaction, "note devices that are not listed")
                .await?;
        }
    }
}

/// How a campaign's jobs are to be seen before they are called; none where nothing is asked.
pub(crate) fn rule(columns: &Columns<'_>) -> Result<Option<SightingRule>, LedgerError> {
    let within: repilot_domain::SightedWithin = columns.word("sighted_within")?;
    let Some(limit) = within.limit() else {
        return Ok(None);
    };
    Ok(Some(SightingRule {
        seen_at: columns.time_if_any("sighted_at")?.unwrap_or_default(),
        within_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
        is_blind: columns.get::<i64>("is_blind")? == 1,
    }))
}

/// What a device of a page shows of a job that waits: the job, who is expected, who is shown and under
/// which name, whether there is a row of it, and whether it is being called.
type Shown = (i64, String, String, String, i64, i64);

/// Holds a page of a listing, asked for at `sent_at`, against the jobs that wait for its devices.
pub(crate) async fn hold_against(
    connection: &mut AnyConnection,
    tenant: &TenantName,
    devices: &[Device],
    sent_at: Timestamp,
) -> Result<(), LedgerError> {
    if devices.is_empty() {
        return Ok(());
    }
    let dialect = Dialect::of(connection);
    let sql = format!(
        "SELECT {gathered}
         FROM (
             SELECT CAST(value->>0 AS TEXT) AS device_id,
                    CAST(value->>1 AS TEXT) AS shown,
                    CAST(value->>2 AS TEXT) AS name
             FROM {each}
         ) AS listed
         -- In this order: a page is little, the jobs are many.
         CROSS JOIN campaigns
         CROSS JOIN job_rows
         LEFT JOIN sightings ON sightings.id = job_rows.id
         LEFT JOIN jobs_in_hand AS held ON held.id = job_rows.id
         WHERE campaigns.tenant = $2
           AND campaigns.ended_at IS NULL
           AND job_rows.campaign_id = campaigns.id
           AND job_rows.device_id = listed.device_id
           AND job_rows.state = 'pending'
           AND job_rows.uncertain = 0
           AND job_rows.steps_done = 0
           AND (sightings.id IS NOT NULL OR job_rows.user_principal_name <> listed.shown)",
        gathered = dialect.gathered(
            "job_rows.id,
             COALESCE(sightings.accepted_user, job_rows.user_principal_name),
             listed.shown, listed.name,
             CASE WHEN sightings.id IS NULL THEN 0 ELSE 1 END,
             CASE WHEN held.state = 'running' THEN 1 ELSE 0 END"
        ),
        each = dialect.each()
    );
    let listed = batch(devices.iter().map(|device| {
        (
            device.id.as_str(),
            &device.user_principal_name,
            &device.addressable_user_name,
        )
    }))?;
    let query = sqlx::query(AssertSqlSafe(sql))
        .bind(listed)
        .bind(tenant.as_str());
    let shown: Vec<Shown> = gathered(query, connection, "hold a listing against jobs").await?;
    let mut called = Vec::new();
    // Once each, should the page show a device twice.
    let mut seen: BTreeMap<i64, (String, String)> = BTreeMap::new();
    for (job, expected, user, name, has_row, is_called) in shown {
        let differs = !is_same_user(&expected, &user);
        if is_called == 1 {
            if differs {
                called.push(job);
            }
        } else if differs || has_row == 1 {
            seen.insert(job, (user, name));
        }
    }
    must_look(connection, &called).await?;
    if seen.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO sightings (id, user_principal_name, addressable_user_name, seen_at)
         SELECT CAST(value->>0 AS BIGINT),
                CAST(value->>1 AS TEXT),
                CAST(value->>2 AS TEXT),
                $2
         FROM {}
         WHERE TRUE
         ON CONFLICT (id) DO UPDATE
         SET user_principal_name = excluded.user_principal_name,
             addressable_user_name = excluded.addressable_user_name,
             seen_at = excluded.seen_at
         WHERE sightings.seen_at < excluded.seen_at",
        dialect.each()
    );
    let rows = seen
        .into_iter()
        .map(|(job, (user, name))| (job, user.trim().to_owned(), name));
    sqlx::query(AssertSqlSafe(sql))
        .bind(batch(rows)?)
        .bind(sent_at.as_millis())
        .execute(connection)
        .await
        .doing("keep who was seen")?;
    Ok(())
}

/// Has jobs looked at before their next call, of which nothing is known by themselves.
pub(crate) async fn must_look(
    connection: &mut AnyConnection,
    jobs: &[i64],
) -> Result<(), LedgerError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let dialect = Dialect::of(connection);
    let sql = format!(
        "INSERT INTO sightings (id, user_principal_name, addressable_user_name, seen_at)
         SELECT id, '', '', 0 FROM {} AS named
         WHERE TRUE
         ON CONFLICT (id) DO NOTHING",
        dialect.each_id()
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(dialect.numbers(jobs.iter().copied()))
        .execute(connection)
        .await
        .doing("have devices looked at")?;
    Ok(())
}

/// Has jobs that go round again seen anew: listings passed them over meanwhile. Of those that were
/// found with another user, a person lets the job take the device from that user.
pub(crate) async fn go_round_again(
    connection: &mut AnyConnection,
    jobs: &[i64],
    accepted: &[i64],
) -> Result<(), LedgerError> {
    must_look(connection, jobs).await?;
    if accepted.is_empty() {
        return Ok(());
    }
    let dialect = Dialect::of(connection);
    let sql = format!(
        "UPDATE sightings
         SET accepted_user = found_user,
             accepted_name = found_name,
             user_principal_name = found_user,
             addressable_user_name = COALESCE(found_name, ''),
             seen_at = found_at,
             found_user = NULL,
             found_name = NULL,
             found_at = NULL
         WHERE found_user IS NOT NULL
           AND id {}",
        dialect.is_named()
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(dialect.numbers(accepted.iter().copied()))
        .execute(connection)
        .await
        .doing("accept who was found")?;
    Ok(())
}

/// Keeps what looks showed, of those jobs whose claims still hold, and says which those are.
///
/// Nobody on the device is kept only while no call of the job can have taken its user away.
pub(crate) async fn keep_seen(
    connection: &mut AnyConnection,
    worker: &str,
    seen: &[&Seen],
) -> Result<Vec<ClaimKey>, LedgerError> {
    if seen.is_empty() {
        return Ok(Vec::new());
    }
    let named = seen.iter().map(|seen| seen.key);
    let mut held = state_tables::held_keys(connection, worker, named).await?;
    // Once only, should it have been said twice.
    let seen: Vec<&Seen> = seen
        .iter()
        .copied()
        .filter(|seen| held.remove(&seen.key))
        .collect();
    let dialect = Dialect::of(connection);
    let before_any_call = "(said.is_expected = 1 OR NOT EXISTS (
                 SELECT 1 FROM attempts
                 WHERE attempts.job_id = said.id
                   AND attempts.step <> 'look'
                   AND attempts.outcome <> 'throttled'
             ))";
    let sql = format!(
        "INSERT INTO sightings (
             id, user_principal_name, addressable_user_name, seen_at,
             found_user, found_name, found_at
         )
         SELECT said.id,
                CASE WHEN {before_any_call} THEN said.user_name
                     WHEN known.seen_at > 0 THEN known.user_principal_name
                     ELSE job_rows.user_principal_name END,
                CASE WHEN {before_any_call} THEN said.display_name
                     WHEN known.seen_at > 0 THEN known.addressable_user_name
                     ELSE job_rows.addressable_user_name END,
                said.seen_at,
                CASE WHEN said.is_found = 1 THEN said.user_name END,
                CASE WHEN said.is_found = 1 THEN said.display_name END,
                CASE WHEN said.is_found = 1 THEN said.seen_at END
         FROM (
             SELECT CAST(value->>0 AS BIGINT) AS id,
                    CAST(value->>1 AS TEXT) AS user_name,
                    CAST(value->>2 AS TEXT) AS display_name,
                    CAST(value->>3 AS BIGINT) AS seen_at,
                    CAST(value->>4 AS BIGINT) AS is_expected,
                    CAST(value->>5 AS BIGINT) AS is_found
             FROM {each}
         ) AS said
         CROSS JOIN job_rows
         LEFT JOIN sightings AS known ON known.id = said.id
         WHERE job_rows.id = said.id
         ON CONFLICT (id) DO UPDATE
         SET user_principal_name = excluded.user_principal_name,
             addressable_user_name = excluded.addressable_user_name,
             seen_at = excluded.seen_at,
             found_user = excluded.found_user,
             found_name = excluded.found_name,
             found_at = excluded.found_at",
        each = dialect.each()
    );
    let said = batch(seen.iter().map(|seen| {
        (
            seen.key.job.0,
            seen.sighting.user.trim(),
            &seen.sighting.name,
            seen.sighting.seen_at.as_millis(),
            i64::from(seen.is_expected),
            i64::from(seen.is_found),
        )
    }))?;
    let kept = sqlx::query(AssertSqlSafe(sql))
        .bind(said)
        .execute(connection)
        .await
        .doing("keep who was seen")?;
    state_tables::all_of(kept.rows_affected(), seen.len())?;
    Ok(seen.iter().map(|seen| seen.key).collect())
}
