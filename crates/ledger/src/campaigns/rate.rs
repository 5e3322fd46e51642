//! Campaigns with a ceiling of their own, and what they have used of it.

use repilot_domain::{AttemptStep, CampaignId, Rate, TenantName, Timestamp};
use sqlx::Row as _;

use crate::error::QueryContext as _;
use crate::storage::rows::Columns;
use crate::{Ledger, LedgerError};

/// A campaign that may go, but no faster than this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RatedCampaign {
    /// The campaign.
    pub id: CampaignId,
    /// Whose devices.
    pub tenant: TenantName,
    /// Its ceiling.
    pub rate: Rate,
}

impl Ledger {
    /// The open, attended and active campaigns that have a ceiling.
    pub async fn rated_campaigns(&self, now: Timestamp) -> Result<Vec<RatedCampaign>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT id, tenant, rate FROM campaigns
             WHERE ended_at IS NULL
               AND status = 'active'
               AND attended_until > $1
               AND rate <> ''
             ORDER BY id",
        )
        .bind(now.as_millis())
        .fetch_all(&mut *reader)
        .await
        .doing("look for ceilings")?;
        rows.iter()
            .map(|row| {
                let columns = Columns::of("campaigns", row);
                Ok(RatedCampaign {
                    id: CampaignId(columns.get("id")?),
                    tenant: columns.word("tenant")?,
                    rate: columns.word("rate")?,
                })
            })
            .collect()
    }

    /// When the campaign's calls since then were answered; what may be under way counts as answered
    /// now.
    pub async fn campaign_calls(
        &self,
        campaign: CampaignId,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Timestamp>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT attempts.finished_at
             FROM attempts
             JOIN job_rows AS jobs ON jobs.id = attempts.job_id
             WHERE attempts.finished_at > $1
               AND attempts.step <> $2
               AND jobs.campaign_id = $3
             ORDER BY attempts.finished_at",
        )
        .bind(since.as_millis())
        .bind(AttemptStep::Look.as_str())
        .bind(campaign.0)
        .fetch_all(&mut *reader)
        .await
        .doing("read a campaign's calls")?;
        let mut calls = rows
            .iter()
            .map(|row| Columns::of("attempts", row).time("finished_at"))
            .collect::<Result<Vec<_>, LedgerError>>()?;
        let running: i64 = sqlx::query(
            "SELECT CAST(COALESCE(SUM(value), 0) AS BIGINT) AS running FROM counters
             WHERE campaign_id = $1 AND name = 'running'",
        )
        .bind(campaign.0)
        .fetch_one(&mut *reader)
        .await
        .and_then(|row| row.try_get("running"))
        .doing("read a campaign's calls")?;
        calls.extend((0..running).map(|_| now));
        Ok(calls)
    }
}
