//! Forgetting: of campaigns that ended long ago the jobs, the users in them and every attempt go;
//! totals, lists, minutes and the audit stay.
//!
//! It goes in chunks, each with the campaign's lock, and may be broken off: a campaign is marked
//! before its first job goes, and one that is marked takes nothing back and nothing new.

use repilot_domain::{Actor, AuditEvent, CampaignId, JobState, Timestamp};
use serde::Serialize;
use serde_json::json;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::error::QueryContext as _;
use crate::jobs::state_tables;
use crate::storage::dialect::Dialect;
use crate::storage::locks;
use crate::storage::rows::{Columns, gathered};
use crate::{Ledger, LedgerError, audit};

/// Jobs that one transaction forgets: over in some 100 ms, so that nobody's lease runs out.
const CHUNK: i64 = 2_000;

/// A campaign that may be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forgettable {
    /// Its number.
    pub id: CampaignId,
    /// Its name.
    pub name: String,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How many jobs go.
    pub jobs: i64,
}

/// What was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Forgotten {
    /// Campaigns.
    pub campaigns: u64,
    /// Their jobs.
    pub jobs: u64,
}

impl Ledger {
    /// The campaigns that ended before then and still have jobs to forget, oldest first.
    pub async fn forgettable(&self, before: Timestamp) -> Result<Vec<Forgettable>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT id, name, ended_at,
                    (SELECT COUNT(*) FROM jobs WHERE campaign_id = campaigns.id) AS jobs
             FROM campaigns
             WHERE ended_at < $1
               AND (pruned_at IS NULL
                    OR EXISTS (SELECT 1 FROM jobs WHERE campaign_id = campaigns.id))
             ORDER BY ended_at, id",
        )
        .bind(before.as_millis())
        .fetch_all(&mut *reader)
        .await
        .doing("look for what is to be forgotten")?;
        rows.iter()
            .map(|row| {
                let columns = Columns::of("campaigns", row);
                Ok(Forgettable {
                    id: CampaignId(columns.get("id")?),
                    name: columns.get("name")?,
                    ended_at: columns.time("ended_at")?,
                    jobs: columns.get("jobs")?,
                })
            })
            .collect()
    }

    /// Forgets the jobs, users and attempts of campaigns that ended before then, and inventories that
    /// were listed before then.
    pub async fn prune(
        &self,
        before: Timestamp,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Forgotten, LedgerError> {
        let mut forgotten = Forgotten::default();
        for campaign in self.forgettable(before).await? {
            if !self.mark_pruned(campaign.id, before, by, now).await? {
                continue;
            }
            forgotten.campaigns += 1;
            loop {
                let mut transaction = self.begin().await?;
                locks::campaign(&mut transaction, campaign.id).await?;
                overwrite(&mut transaction, true).await?;
                let jobs = forget_chunk(&mut transaction, campaign.id).await?;
                overwrite(&mut transaction, false).await?;
                self.commit(transaction, "forget jobs").await?;
                if jobs == 0 {
                    break;
                }
                forgotten.jobs += jobs;
            }
        }
        self.forget_inventories(before).await?;
        if forgotten.jobs > 0 {
            self.write_anew().await?;
        }
        Ok(forgotten)
    }

    /// Marks a campaign before its jobs go; `false` where it was reopened meanwhile.
    async fn mark_pruned(
        &self,
        campaign: CampaignId,
        before: Timestamp,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        let mut transaction = self.begin().await?;
        locks::campaign(&mut transaction, campaign).await?;
        let row = sqlx::query(
            "SELECT pruned_at,
                    (SELECT COUNT(*) FROM jobs WHERE campaign_id = $1) AS jobs
             FROM campaigns
             WHERE id = $1 AND ended_at < $2",
        )
        .bind(campaign.0)
        .bind(before.as_millis())
        .fetch_optional(&mut *transaction)
        .await
        .doing("look at a campaign")?;
        let Some(row) = row else {
            return Ok(false);
        };
        let columns = Columns::of("campaigns", &row);
        if columns.time_if_any("pruned_at")?.is_some() {
            return Ok(true);
        }
        let jobs: i64 = columns.get("jobs")?;
        sqlx::query("UPDATE campaigns SET pruned_at = $2 WHERE id = $1")
            .bind(campaign.0)
            .bind(now.as_millis())
            .execute(&mut *transaction)
            .await
            .doing("mark a campaign as forgotten")?;
        // What a list said and was refused names devices, and perhaps people.
        overwrite(&mut transaction, true).await?;
        for statement in [
            "DELETE FROM refusals WHERE campaign_id = $1",
            "DELETE FROM recent_failures WHERE campaign_id = $1",
            "DELETE FROM canary_jobs WHERE campaign_id = $1",
        ] {
            sqlx::query(statement)
                .bind(campaign.0)
                .execute(&mut *transaction)
                .await
                .doing("forget refused rows")?;
        }
        overwrite(&mut transaction, false).await?;
        let event = AuditEvent::Pruned;
        let detail = json!({ "jobs": jobs });
        audit::record(&mut transaction, now, by, Some(campaign), event, &detail).await?;
        self.commit(transaction, "mark a campaign as forgotten")
            .await?;
        Ok(true)
    }

    async fn forget_inventories(&self, before: Timestamp) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        overwrite(&mut transaction, true).await?;
        for statement in [
            "DELETE FROM listing_pages
             WHERE EXISTS (
                 SELECT 1 FROM listings
                 WHERE listings.tenant = listing_pages.tenant
                   AND listings.number = listing_pages.listing
                   AND listings.begun_at < $1
             )",
            "DELETE FROM listings WHERE begun_at < $1",
        ] {
            sqlx::query(statement)
                .bind(before.as_millis())
                .execute(&mut *transaction)
                .await
                .doing("forget old inventories")?;
        }
        overwrite(&mut transaction, false).await?;
        self.commit(transaction, "forget old inventories").await
    }
}

async fn forget_chunk(
    connection: &mut AnyConnection,
    campaign: CampaignId,
) -> Result<u64, LedgerError> {
    let dialect = Dialect::of(connection);
    let sql = format!(
        "SELECT {} FROM (
             SELECT id, state, reason FROM job_rows WHERE campaign_id = $1 ORDER BY id LIMIT $2
         ) AS chunk",
        dialect.gathered("id, state, reason")
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(campaign.0).bind(CHUNK);
    let jobs: Vec<(i64, JobState, String)> =
        gathered(query, connection, "look for jobs to forget").await?;
    if jobs.is_empty() {
        return Ok(0);
    }
    let dead = jobs.iter().filter(|(_, state, _)| *state == JobState::Dead);
    let dead = dead.map(|(job, _, reason)| (*job, campaign, reason.as_str()));
    state_tables::leave_dead(connection, dead).await?;
    let chunk = dialect.numbers(jobs.iter().map(|(job, ..)| *job));
    let named = dialect.is_named();
    // What refers to a job goes before it.
    for sql in [
        format!("DELETE FROM attempts WHERE job_id {named}"),
        format!("DELETE FROM users_again WHERE job_id {named}"),
        format!(
            "DELETE FROM job_keys
             WHERE campaign_id = {campaign} AND job_id {named}"
        ),
        format!("DELETE FROM sightings WHERE id {named}"),
        format!("DELETE FROM job_rows WHERE id {named}"),
    ] {
        sqlx::query(AssertSqlSafe(sql))
            .bind(&chunk)
            .execute(&mut *connection)
            .await
            .doing("forget jobs")?;
    }
    Ok(jobs.len() as u64)
}

/// Whether what is deleted is overwritten in the file, too. PostgreSQL gives the room of deleted rows
/// to others by and by.
async fn overwrite(connection: &mut AnyConnection, on: bool) -> Result<(), LedgerError> {
    let statement = match (Dialect::of(connection), on) {
        (Dialect::Postgres, _) => return Ok(()),
        (Dialect::Sqlite, true) => "PRAGMA secure_delete = ON",
        (Dialect::Sqlite, false) => "PRAGMA secure_delete = OFF",
    };
    sqlx::query(statement)
        .execute(connection)
        .await
        .doing("let deleted rows be overwritten")?;
    Ok(())
}
