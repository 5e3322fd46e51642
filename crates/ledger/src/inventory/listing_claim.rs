//! Who lists a tenant: one process at a time, or each would read what the others read.

use repilot_domain::{TenantName, Timestamp};
use sqlx::Row as _;

use crate::error::QueryContext as _;
use crate::{Ledger, LedgerError};

impl Ledger {
    /// Lets `owner` list a tenant until then; `false` while somebody else does. Who has it renews it
    /// by claiming it again.
    pub async fn claim_listing(
        &self,
        tenant: &TenantName,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, LedgerError> {
        let mut transaction = self.begin().await?;
        let claimed = sqlx::query(
            "INSERT INTO listing_claims (tenant, owner, lease_until)
             VALUES ($1, $2, $4)
             ON CONFLICT (tenant) DO UPDATE
             SET owner = excluded.owner, lease_until = excluded.lease_until
             WHERE listing_claims.lease_until < $3 OR listing_claims.owner = excluded.owner",
        )
        .bind(tenant.as_str())
        .bind(owner)
        .bind(now.as_millis())
        .bind(until.as_millis())
        .execute(&mut *transaction)
        .await
        .doing("claim a listing")?
        .rows_affected();
        self.commit(transaction, "claim a listing").await?;
        Ok(claimed == 1)
    }

    /// Lets others list a tenant; workers try none before `retry_at`.
    pub async fn release_listing(
        &self,
        tenant: &TenantName,
        owner: &str,
        retry_at: Timestamp,
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "UPDATE listing_claims
             SET lease_until = 0, retry_at = $3
             WHERE tenant = $1 AND owner = $2",
        )
        .bind(tenant.as_str())
        .bind(owner)
        .bind(retry_at.as_millis())
        .execute(&mut *transaction)
        .await
        .doing("release a listing")?;
        self.commit(transaction, "release a listing").await
    }

    /// Until when somebody has promised to list a tenant, and before when workers try no listing.
    pub async fn listing_claim(
        &self,
        tenant: &TenantName,
    ) -> Result<(Timestamp, Timestamp), LedgerError> {
        const WHAT: &str = "look for who lists a tenant";
        let mut reader = self.reader().await?;
        let row = sqlx::query("SELECT lease_until, retry_at FROM listing_claims WHERE tenant = $1")
            .bind(tenant.as_str())
            .fetch_optional(&mut *reader)
            .await
            .doing(WHAT)?;
        let Some(row) = row else {
            return Ok((Timestamp::default(), Timestamp::default()));
        };
        let time = |column| row.try_get(column).doing(WHAT).map(Timestamp::from_millis);
        Ok((time("lease_until")?, time("retry_at")?))
    }
}
