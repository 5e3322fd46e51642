//! The audit: every step that steers, recorded in the transaction that takes it.
//!
//! The rows form a chain, and a chain must not fork: whoever records takes the number of its row from
//! the `sequences`, and holds that lock until its transaction ends. Who comes next therefore sees the
//! row before its own. The lock is the last that a transaction takes (see `locks`).

pub(crate) mod chain;
pub(crate) mod notify_cursor;

pub use chain::{Chain, ChainBreak};
pub use notify_cursor::NotifyCursor;

use repilot_domain::{Actor, AuditEvent, CampaignId, Timestamp};
use serde::Serialize;
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use utoipa::ToSchema;

use crate::audit::chain::{BEGINNING, Link};
use crate::error::QueryContext as _;
use crate::storage::rows::{Columns, storable};
use crate::storage::sequences::take_ids;
use crate::{Ledger, LedgerError};

/// A step, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditRow {
    /// Its number, without gaps.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// From where.
    pub origin: String,
    /// Of which campaign; none where it concerns the whole program.
    pub campaign_id: Option<CampaignId>,
    /// That campaign's name.
    pub campaign: Option<String>,
    /// What.
    pub event: AuditEvent,
    /// What there is to say of it.
    pub detail: Value,
    /// Of this row and, through the one before, of all before it.
    pub hash: String,
}

/// Which rows are meant.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditFilter {
    /// Those of this campaign.
    pub campaign: Option<CampaignId>,
}

/// Records a step within the transaction that takes it.
pub(crate) async fn record(
    connection: &mut AnyConnection,
    now: Timestamp,
    by: &Actor,
    campaign: Option<CampaignId>,
    event: AuditEvent,
    detail: &Value,
) -> Result<(), LedgerError> {
    let seq = take_ids(connection, "audit", 1).await?;
    let previous = sqlx::query("SELECT hash FROM audit WHERE seq = $1")
        .bind(seq - 1)
        .fetch_optional(&mut *connection)
        .await
        .and_then(|row| row.map(|row| row.try_get("hash")).transpose())
        .doing("read the audit's last row")?;
    let link = Link {
        seq,
        at: now.as_millis(),
        actor: storable(&by.name),
        origin: storable(&by.origin),
        campaign: campaign.map(|campaign| campaign.0),
        event: event.as_str().to_owned(),
        // Whatever stands in it, its text has no NUL: JSON writes one as an escape.
        detail: detail.to_string(),
        previous: previous.unwrap_or_else(|| BEGINNING.to_owned()),
    };
    sqlx::query(
        "INSERT INTO audit (
             seq, at, actor, origin, campaign_id, event, detail, previous, hash
         )
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(link.seq)
    .bind(link.at)
    .bind(&link.actor)
    .bind(&link.origin)
    .bind(link.campaign)
    .bind(&link.event)
    .bind(&link.detail)
    .bind(&link.previous)
    .bind(link.hash())
    .execute(connection)
    .await
    .doing("record a step in the audit")?;
    Ok(())
}

impl Ledger {
    /// Records a step that changes nothing else in the ledger, such as that somebody signed in.
    pub async fn record(
        &self,
        by: &Actor,
        campaign: Option<CampaignId>,
        event: AuditEvent,
        detail: &Value,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        record(&mut transaction, now, by, campaign, event, detail).await?;
        self.commit(transaction, "record a step in the audit").await
    }

    /// The first `limit` rows after that number, oldest first.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AuditRow>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT audit.*, campaigns.name AS campaign_name
             FROM audit LEFT JOIN campaigns ON campaigns.id = audit.campaign_id
             WHERE audit.seq > $1
               AND (audit.campaign_id = $2 OR $2 = 0)
             ORDER BY audit.seq
             LIMIT $3",
        )
        .bind(after)
        .bind(filter.campaign.map_or(0, |id| id.0))
        .bind(i64::from(limit))
        .fetch_all(&mut *reader)
        .await
        .doing("read the audit")?;
        rows.iter().map(read).collect()
    }

    /// The last `limit` rows before that number, newest first; from the end where it is `None`.
    pub async fn newest_audit(
        &self,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT audit.*, campaigns.name AS campaign_name
             FROM audit LEFT JOIN campaigns ON campaigns.id = audit.campaign_id
             WHERE audit.seq < $1
               AND (audit.campaign_id = $2 OR $2 = 0)
             ORDER BY audit.seq DESC
             LIMIT $3",
        )
        .bind(before.unwrap_or(i64::MAX))
        .bind(filter.campaign.map_or(0, |id| id.0))
        .bind(i64::from(limit))
        .fetch_all(&mut *reader)
        .await
        .doing("read the audit")?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<AuditRow, LedgerError> {
    let columns = Columns::of("audit", row);
    let detail: String = columns.get("detail")?;
    Ok(AuditRow {
        seq: columns.get("seq")?,
        at: columns.time("at")?,
        actor: columns.get("actor")?,
        origin: columns.get("origin")?,
        campaign_id: columns.get::<Option<i64>>("campaign_id")?.map(CampaignId),
        campaign: columns.get("campaign_name")?,
        event: columns.word("event")?,
        // What somebody spoilt is shown as it stands; `verify_audit` says that it does not fit.
        detail: serde_json::from_str(&detail).unwrap_or(Value::String(detail)),
        hash: columns.get("hash")?,
    })
}
