//! Who may change what at once, where several processes write.
//!
//! `SQLite` has one writer; what a transaction read stays true until it ends. PostgreSQL has many,
//! so the same must be made true of what belongs together: **whoever changes anything of a campaign
//! (its state, its jobs, its lists, its counters) first locks the campaign's row, and who needs
//! several locks them in the order of their numbers.** What a transaction then reads of these
//! campaigns stays true until it commits, its counters are nobody else's, and as everybody takes the
//! campaigns in one order, no two wait for each other in a circle. The price is that the processes
//! that move one campaign on commit one after the other; they would do so by its counters anyway,
//! and they commit in groups.
//!
//! Beside that:
//! - leases are renewed without a campaign's lock, on the jobs that nobody is changing just now; who
//!   is changing one also says how long it is held,
//! - what a job's calls came to is written before the lock where the job is the writer's by its claim:
//!   nobody else writes these rows, and if the claim turns out not to hold, nothing of them stays,
//! - the `sequences` are locked after the campaign, and nothing that others wait for after them; the
//!   last of all is that of the audit, which every transaction that records something holds until it
//!   ends: that is what keeps the chain one chain,
//! - a listing's row is locked before its pages,
//! - a tenant is locked before its campaigns by whoever makes jobs open: a device has one open job.

use repilot_domain::{CampaignId, JobId};
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe};

use crate::LedgerError;
use crate::error::QueryContext as _;
use crate::storage::dialect::Dialect;
use crate::storage::rows::Columns;

/// Locks the tenants of these campaigns, before the campaigns themselves: whoever makes jobs open holds
/// them, so that of two who mean the same device at once the second sees what the first did.
pub(crate) async fn tenants_of(
    connection: &mut AnyConnection,
    campaigns: impl IntoIterator<Item = CampaignId>,
) -> Result<(), LedgerError> {
    let campaigns = campaigns.into_iter().map(|campaign| campaign.0);
    tenants_where(connection, "id", campaigns).await
}

/// The same of the campaigns of these jobs.
pub(crate) async fn tenants_of_jobs(
    connection: &mut AnyConnection,
    jobs: &[i64],
) -> Result<(), LedgerError> {
    let of_jobs = "id IN (SELECT campaign_id FROM job_rows WHERE id";
    tenants_where(connection, of_jobs, jobs.iter().copied()).await
}

async fn tenants_where(
    connection: &mut AnyConnection,
    named: &str,
    numbers: impl IntoIterator<Item = i64>,
) -> Result<(), LedgerError> {
    if is_alone(connection) {
        return Ok(());
    }
    let dialect = Dialect::of(connection);
    let close = if named.contains('(') { ")" } else { "" };
    // In one order, so that no two wait for each other in a circle.
    let sql = format!(
        "SELECT CAST(pg_advisory_xact_lock(hashtextextended(tenant, {TENANT_LOCKS})) AS TEXT)
         FROM (
             SELECT DISTINCT tenant FROM campaigns
             WHERE {named} {is_named}{close}
             ORDER BY tenant
         ) AS tenants",
        is_named = dialect.is_named()
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(dialect.numbers(numbers))
        .fetch_all(connection)
        .await
        .map(drop)
        .doing("lock tenants")
}

/// Tells the locks of tenants from whatever else is locked by a number in the same database.
const TENANT_LOCKS: i64 = 0x7265_7069_6c6f_7401;

/// Locks one campaign.
pub(crate) async fn campaign(
    connection: &mut AnyConnection,
    campaign: CampaignId,
) -> Result<(), LedgerError> {
    if is_alone(connection) {
        return Ok(());
    }
    campaigns_where(connection, "id = $1", |query| query.bind(campaign.0)).await?;
    Ok(())
}

/// Locks the campaigns of these jobs.
pub(crate) async fn campaigns_of(
    connection: &mut AnyConnection,
    jobs: impl IntoIterator<Item = JobId>,
) -> Result<(), LedgerError> {
    if is_alone(connection) {
        return Ok(());
    }
    let dialect = Dialect::of(connection);
    let condition = format!(
        "id IN (SELECT campaign_id FROM job_rows WHERE id {})",
        dialect.is_named()
    );
    let jobs = dialect.numbers(jobs.into_iter().map(|job| job.0));
    campaigns_where(connection, &condition, |query| query.bind(jobs)).await?;
    Ok(())
}

/// Locks the campaigns that a condition picks, and says which those are.
pub(crate) async fn campaigns_where(
    connection: &mut AnyConnection,
    condition: &str,
    bind: impl FnOnce(Query<'_, Any, AnyArguments>) -> Query<'_, Any, AnyArguments>,
) -> Result<Vec<CampaignId>, LedgerError> {
    let rows = campaign_rows_where(connection, "id", condition, bind).await?;
    rows.iter()
        .map(|row| Ok(CampaignId(Columns::of("campaigns", row).get("id")?)))
        .collect()
}

/// Locks the campaigns that a condition picks, and gives these columns of theirs.
pub(crate) async fn campaign_rows_where(
    connection: &mut AnyConnection,
    columns: &'static str,
    condition: &str,
    bind: impl FnOnce(Query<'_, Any, AnyArguments>) -> Query<'_, Any, AnyArguments>,
) -> Result<Vec<AnyRow>, LedgerError> {
    let sql = format!(
        "SELECT {columns} FROM campaigns
         WHERE {condition}
         ORDER BY id
         {}",
        Dialect::of(connection).locking()
    );
    bind(sqlx::query(AssertSqlSafe(sql)))
        .fetch_all(connection)
        .await
        .doing("lock campaigns")
}

/// Whether there can be no other writer.
fn is_alone(connection: &AnyConnection) -> bool {
    Dialect::of(connection) == Dialect::Sqlite
}
