//! Whether a ledger is whole: its file, and its counters against what they count.

use serde::Serialize;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _, SqlSafeStr};

use crate::audit::chain;
use crate::error::QueryContext as _;
use crate::jobs::after_others::AFTER_ANOTHER;
use crate::storage::dialect::{Dialect, tell};
use crate::storage::migrations;
use crate::storage::rows::Columns;
use crate::{Chain, Ledger, LedgerError};

/// What a check found.
#[derive(Debug, Clone, Serialize)]
pub struct Integrity {
    /// The last migration that the ledger has.
    pub version: i64,
    /// Jobs in all of its campaigns.
    pub jobs: i64,
    /// What the database says is damaged.
    pub damage: Vec<String>,
    /// Counters that do not say what the rows say.
    pub miscounts: Vec<Miscount>,
    /// The audit's chain.
    pub audit: Chain,
}

/// A counter that does not say what the rows say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Miscount {
    /// The campaign's name.
    pub campaign: String,
    /// What is counted: jobs in a state, or refused rows.
    pub counter: String,
    /// Of these, those with this reason; empty for all.
    pub reason: String,
    /// What the counter says.
    pub counted: i64,
    /// What the rows say.
    pub there: i64,
}

impl Integrity {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty() && self.miscounts.is_empty() && self.audit.is_whole()
    }
}

impl Ledger {
    /// The last migration that the ledger has.
    pub async fn version(&self) -> Result<i64, LedgerError> {
        let mut reader = self.reader().await?;
        version(&mut reader).await
    }

    /// Whether the ledger has the shape that this program knows. Another program may have brought it
    /// further since it was opened.
    pub async fn is_current(&self) -> Result<bool, LedgerError> {
        Ok(self.version().await? == migrations::newest())
    }

    /// Counts everything anew, and lets the database look itself over; changes nothing.
    pub async fn check(&self) -> Result<Integrity, LedgerError> {
        let mut reading = self.begin_reading().await?;
        let unhurried = self.dialect().unhurried();
        tell(&mut reading, unhurried, "check the ledger").await?;
        Ok(Integrity {
            version: version(&mut reading).await?,
            jobs: number(&mut reading, "SELECT COUNT(*) FROM job_rows").await?,
            damage: damage(&mut reading).await?,
            miscounts: miscounts(&mut reading).await?,
            audit: chain::verify(&mut reading, None).await?,
        })
    }
}

async fn version(connection: &mut AnyConnection) -> Result<i64, LedgerError> {
    number(connection, "SELECT MAX(version) FROM _sqlx_migrations").await
}

async fn number(
    connection: &mut AnyConnection,
    sql: impl SqlSafeStr + 'static,
) -> Result<i64, LedgerError> {
    sqlx::query(sql)
        .fetch_one(connection)
        .await
        .and_then(|row| row.try_get(0))
        .doing("check the ledger")
}

/// What the file is damaged by (PostgreSQL checks its pages as it reads them), and jobs that are not
/// where their rows say.
async fn damage(connection: &mut AnyConnection) -> Result<Vec<String>, LedgerError> {
    let mut damage = match Dialect::of(connection) {
        Dialect::Postgres => Vec::new(),
        Dialect::Sqlite => {
            let rows = sqlx::query("PRAGMA quick_check")
                .fetch_all(&mut *connection)
                .await
                .doing("check the file")?;
            let said: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get(0)).collect();
            let mut said = said.doing("check the file")?;
            said.retain(|line| line != "ok");
            said
        }
    };
    for (table, kept, there) in PLACES {
        let sql = format!(
            "SELECT (SELECT COUNT(*) FROM ({kept} EXCEPT {there}) AS astray)
                  + (SELECT COUNT(*) FROM ({there} EXCEPT {kept}) AS missing)"
        );
        let different = number(connection, AssertSqlSafe(sql)).await?;
        if different > 0 {
            damage.push(format!("{different} rows of {table} are not what jobs say"));
        }
    }
    let open_twice = number(connection, AssertSqlSafe(open_twice())).await?;
    if open_twice > 0 {
        damage.push(format!(
            "{open_twice} devices have more than one open job in their tenant"
        ));
    }
    Ok(damage)
}

/// Counts devices with more than one open job in their tenant, whatever the campaigns: two would change
/// each other's devices. One that waits for another campaign's does not count.
fn open_twice() -> String {
    format!(
        "SELECT COUNT(*) FROM (
             SELECT job_rows.device_id
             FROM campaigns
             CROSS JOIN job_rows
             WHERE campaigns.ended_at IS NULL
               AND job_rows.campaign_id = campaigns.id
               AND job_rows.state = 'pending'
               AND job_rows.id NOT IN (SELECT id FROM due_jobs WHERE not_before = {})
             GROUP BY campaigns.tenant, job_rows.device_id
             HAVING COUNT(*) > 1
         ) AS open_twice",
        AFTER_ANOTHER.as_millis()
    )
}

/// A table of places, what is in it, and what it must be.
const PLACES: [(&str, &str, &str); 3] = [
    (
        "due_jobs",
        "SELECT id, campaign_id, not_before, dispatch FROM due_jobs",
        "SELECT id, campaign_id, not_before, dispatch FROM jobs WHERE state = 'pending'",
    ),
    (
        "jobs_in_hand",
        "SELECT id, campaign_id, 'pending', 0 FROM jobs_in_hand",
        // In a hand or not, its own row says no more; nor is its number a later one.
        "SELECT job_rows.id, job_rows.campaign_id, job_rows.state,
                CASE WHEN job_rows.dispatch <= jobs_in_hand.dispatch THEN 0 ELSE 1 END
         FROM job_rows
         JOIN jobs_in_hand ON jobs_in_hand.id = job_rows.id
         WHERE jobs_in_hand.state IN ('queued', 'running')",
    ),
    (
        "dead_jobs",
        "SELECT id, campaign_id, reason FROM dead_jobs",
        "SELECT id, campaign_id, reason FROM jobs WHERE state = 'dead'",
    ),
];

async fn miscounts(connection: &mut AnyConnection) -> Result<Vec<Miscount>, LedgerError> {
    let rows = sqlx::query(
        "SELECT campaigns.name AS campaign_name,
                compared.name,
                compared.reason,
                CAST(SUM(counted) AS BIGINT) AS counted,
                CAST(SUM(there) AS BIGINT) AS there
         FROM (
             SELECT campaign_id, name, reason, value AS counted, 0 AS there
             FROM counters
             WHERE name NOT IN ('calls', 'throttled', 'outcomes')
             UNION ALL
             SELECT campaign_id, state, '', 0, COUNT(*)
             FROM jobs
             GROUP BY campaign_id, state
             UNION ALL
             SELECT campaign_id, 'dead', reason, 0, COUNT(*)
             FROM jobs
             WHERE state = 'dead'
             GROUP BY campaign_id, reason
             UNION ALL
             SELECT campaign_id, 'refused', reason, 0, COUNT(*)
             FROM refusals
             GROUP BY campaign_id, reason
             UNION ALL
             SELECT campaign_id, 'verified', verification, 0, COUNT(*)
             FROM jobs
             WHERE verification <> ''
             GROUP BY campaign_id, verification
         ) AS compared
         -- Of those that were forgotten the counters are all that is left.
         JOIN campaigns ON campaigns.id = compared.campaign_id AND campaigns.pruned_at IS NULL
         GROUP BY campaigns.id, campaigns.name, compared.name, compared.reason
         HAVING SUM(counted) <> SUM(there)
         ORDER BY campaigns.id, compared.name, compared.reason",
    )
    .fetch_all(connection)
    .await
    .doing("count anew")?;
    rows.iter()
        .map(|row| {
            let columns = Columns::of("counters", row);
            Ok(Miscount {
                campaign: columns.get("campaign_name")?,
                counter: columns.get("name")?,
                reason: columns.get("reason")?,
                counted: columns.get("counted")?,
                there: columns.get("there")?,
            })
        })
        .collect()
}
