//! Pauses that end by themselves once a person has signed in again.

use repilot_domain::{Actor, CampaignId, PauseCause, TenantName, Timestamp};
use sqlx::Row as _;

use crate::campaigns::pause::pause_within;
use crate::error::QueryContext as _;
use crate::storage::locks;
use crate::{Ledger, LedgerError};

impl Ledger {
    /// Pauses every active campaign of a tenant whose sign-in is lost, and says which they are.
    pub async fn pause_signed_out(
        &self,
        tenant: &TenantName,
        reason: &str,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Vec<CampaignId>, LedgerError> {
        let active = "tenant = $1 AND status = 'active' AND ended_at IS NULL";
        let mut paused = Vec::new();
        for campaign in self.campaigns_of(tenant, active).await? {
            let mut transaction = self.begin().await?;
            locks::campaign(&mut transaction, campaign).await?;
            let cause = (PauseCause::SignIn, reason);
            if pause_within(&mut transaction, campaign, cause, by, now).await? {
                paused.push(campaign);
            }
            self.commit(transaction, "pause a campaign").await?;
        }
        Ok(paused)
    }

    /// Resumes every campaign of a tenant that waited for a sign-in and for nothing else, and says
    /// which they are.
    pub async fn resume_signed_in(
        &self,
        tenant: &TenantName,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Vec<CampaignId>, LedgerError> {
        let waiting = "tenant = $1 AND status = 'paused' AND pause_cause = 'sign-in' \
                       AND ended_at IS NULL";
        let mut resumed = Vec::new();
        for campaign in self.campaigns_of(tenant, waiting).await? {
            let cause = Some(PauseCause::SignIn);
            if self.resume_paused_by(campaign, cause, by, now).await? {
                resumed.push(campaign);
            }
        }
        Ok(resumed)
    }

    async fn campaigns_of(
        &self,
        tenant: &TenantName,
        condition: &'static str,
    ) -> Result<Vec<CampaignId>, LedgerError> {
        let mut reader = self.reader().await?;
        let sql = format!("SELECT id FROM campaigns WHERE {condition} ORDER BY id");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(tenant.as_str())
            .fetch_all(&mut *reader)
            .await
            .doing("look for campaigns of a tenant")?;
        rows.iter()
            .map(|row| {
                let id = row.try_get("id").doing("look for campaigns of a tenant")?;
                Ok(CampaignId(id))
            })
            .collect()
    }
}
