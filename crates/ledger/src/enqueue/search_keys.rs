//! What new jobs are found by.

use repilot_domain::{CampaignId, folded};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::error::QueryContext as _;
use crate::storage::dialect::Dialect;
use crate::storage::rows::batch;
use crate::{LedgerError, NewJob};

/// Makes new jobs findable; the first of them has this number, and those that are not there are
/// left out.
pub(crate) async fn insert(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    jobs: &[&NewJob],
    first: i64,
) -> Result<(), LedgerError> {
    let rows = batch(jobs.iter().zip(first..).map(|(job, id)| {
        let device = &job.device;
        let user = folded(&device.user_principal_name);
        let domain = user.rfind('@').map_or("", |at| &user[at..]).to_owned();
        (
            id,
            folded(&device.serial),
            user,
            domain,
            folded(&device.group_tag),
            folded(&device.model),
        )
    }))?;
    let sql = format!(
        "INSERT INTO job_keys (
             campaign_id, job_id, serial, user_principal_name, user_domain, group_tag, model
         )
         SELECT $2,
                job_rows.id,
                CAST(value->>1 AS TEXT),
                CAST(value->>2 AS TEXT),
                CAST(value->>3 AS TEXT),
                CAST(value->>4 AS TEXT),
                CAST(value->>5 AS TEXT)
         FROM {each} AS enqueued
         -- In this order: what is enqueued is little, the jobs are many.
         CROSS JOIN job_rows
         WHERE job_rows.id = CAST(value->>0 AS BIGINT)",
        each = Dialect::of(connection).each()
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(rows)
        .bind(campaign.0)
        .execute(connection)
        .await
        .doing("make jobs findable")?;
    Ok(())
}
