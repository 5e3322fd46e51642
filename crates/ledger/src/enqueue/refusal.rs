//! Rows of a list that became no job, kept with their reason.

use repilot_domain::CampaignId;
use serde::Serialize;

use crate::error::QueryContext as _;
use crate::jobs::counters::{Deltas, REFUSED};
use crate::storage::locks;
use crate::storage::rows::{Columns, storable};
use crate::{Ledger, LedgerError};

/// A row of the list that became none.
#[derive(Debug, Clone, Serialize)]
pub struct Refusal {
    /// Where in the list.
    pub line: u64,
    /// What the row said.
    pub value: String,
    /// The reason's word.
    pub reason: String,
    /// The reason, in words.
    pub detail: String,
}

/// A refused row, as the ledger has it.
#[derive(Debug, Clone, Serialize)]
pub struct RecordedRefusal {
    /// What its list was called.
    pub list: String,
    /// The row and its reason.
    #[serde(flatten)]
    pub refusal: Refusal,
}

impl Ledger {
    /// Records rows of a list that the plan refused; those recorded before are left as they are.
    pub async fn record_refusals(
        &self,
        campaign: CampaignId,
        list_sha256: &str,
        refusals: &[Refusal],
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        locks::campaign(&mut transaction, campaign).await?;
        let mut deltas = Deltas::default();
        for refusal in refusals {
            let done = sqlx::query(
                "INSERT INTO refusals (campaign_id, list_sha256, line, value, reason, detail)
                 VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT DO NOTHING",
            )
            .bind(campaign.0)
            .bind(list_sha256)
            .bind(i64::try_from(refusal.line).unwrap_or(i64::MAX))
            .bind(storable(&refusal.value))
            .bind(&refusal.reason)
            .bind(storable(&refusal.detail))
            .execute(&mut *transaction)
            .await
            .doing("record refused rows")?;
            if done.rows_affected() == 1 {
                deltas.add(campaign, REFUSED, &refusal.reason, 1);
            }
        }
        deltas.write(&mut transaction).await?;
        self.commit(transaction, "record refused rows").await
    }

    /// Rows of a campaign's lists that the plan refused, by list and line.
    pub async fn refusals(
        &self,
        campaign: CampaignId,
    ) -> Result<Vec<RecordedRefusal>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT refusals.*, lists.name AS list_name
             FROM refusals
             JOIN lists ON lists.campaign_id = refusals.campaign_id
                       AND lists.sha256 = refusals.list_sha256
             WHERE refusals.campaign_id = $1
             ORDER BY lists.begun_at, refusals.list_sha256, refusals.line",
        )
        .bind(campaign.0)
        .fetch_all(&mut *reader)
        .await
        .doing("read refused rows")?;
        rows.iter()
            .map(|row| {
                let columns = Columns::of("refusals", row);
                Ok(RecordedRefusal {
                    list: columns.get("list_name")?,
                    refusal: Refusal {
                        line: columns.get::<i64>("line")?.unsigned_abs(),
                        value: columns.get("value")?,
                        reason: columns.get("reason")?,
                        detail: columns.get("detail")?,
                    },
                })
            })
            .collect()
    }
}
