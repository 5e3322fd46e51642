//! Pausing a campaign within a transaction of the caller's.

use repilot_domain::{Actor, AuditEvent, CampaignId, JobEvent, PauseCause, Timestamp};
use serde_json::json;
use sqlx::AnyConnection;

use crate::error::QueryContext as _;
use crate::jobs::counters::Deltas;
use crate::jobs::recall;
use crate::jobs::state_tables::{self, Renewed};
use crate::storage::rows::storable;
use crate::{LedgerError, audit};

/// Pauses within a transaction of the caller's, which has locked the campaign.
pub(crate) async fn pause_within(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    (cause, reason): (PauseCause, &str),
    by: &Actor,
    now: Timestamp,
) -> Result<bool, LedgerError> {
    let done = sqlx::query(
        "UPDATE campaigns
         SET status = 'paused', status_reason = $2, pause_cause = $3,
             stopped_by = $4, stopped_at = $5
         WHERE id = $1
           AND ended_at IS NULL
           AND (status = 'active'
                -- A new sign-in lifts this pause by itself, and must lift no other.
                OR (status = 'paused' AND pause_cause = 'sign-in' AND $3 <> 'sign-in'))",
    )
    .bind(campaign.0)
    .bind(storable(reason))
    .bind(cause.as_str())
    .bind(&by.name)
    .bind(now.as_millis())
    .execute(&mut *connection)
    .await
    .doing("pause a campaign")?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    recall_queued(connection, campaign).await?;
    let event = match cause {
        PauseCause::Canary => AuditEvent::CanaryWaiting,
        PauseCause::Breaker => AuditEvent::BreakerTripped,
        PauseCause::Person | PauseCause::Tenant | PauseCause::Deadline | PauseCause::SignIn => {
            AuditEvent::Paused
        }
    };
    audit::record(
        connection,
        now,
        by,
        Some(campaign),
        event,
        &json!({ "reason": reason }),
    )
    .await?;
    Ok(true)
}

/// Takes everything of a campaign back that is on the wire; the caller has locked the campaign.
pub(crate) async fn recall_queued(
    connection: &mut AnyConnection,
    campaign: CampaignId,
) -> Result<(), LedgerError> {
    let condition = "state = 'queued' AND campaign_id = $1";
    let queued = state_tables::in_hand(connection, condition, Renewed::Too, |query| {
        query.bind(campaign.0)
    });
    let queued = queued.await?;
    let mut deltas = Deltas::default();
    recall::give_back(connection, &queued, JobEvent::Recall, &mut deltas).await?;
    deltas.write(connection).await
}
