//! Queued jobs that are taken back from the wire.

use repilot_domain::{JobEvent, JobState};
use sqlx::AnyConnection;

use crate::jobs::counters::Deltas;
use crate::jobs::state_tables::{self, InHand, Renewed};
use crate::storage::dialect::Dialect;
use crate::{ClaimKey, LedgerError};

/// Puts queued jobs back, and counts them.
pub(crate) async fn give_back(
    connection: &mut AnyConnection,
    queued: &[InHand],
    event: JobEvent,
    deltas: &mut Deltas,
) -> Result<(), LedgerError> {
    state_tables::give_back(connection, queued).await?;
    for held in queued {
        deltas.moved(held.campaign, JobState::Queued, event, 1)?;
    }
    Ok(())
}

/// Takes single jobs back that are still queued under their key.
pub(crate) async fn recall(
    connection: &mut AnyConnection,
    jobs: &[ClaimKey],
    deltas: &mut Deltas,
) -> Result<(), LedgerError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let dialect = Dialect::of(connection);
    let queued = state_tables::held_of(dialect, JobState::Queued);
    let queued = dialect.is_found_by(&format!("SELECT held.id {queued}"));
    let recalls = state_tables::keys(jobs.iter().copied())?;
    let queued =
        state_tables::in_hand(connection, &format!("id {queued}"), Renewed::Too, |query| {
            query.bind(recalls)
        })
        .await?;
    give_back(connection, &queued, JobEvent::Recall, deltas).await
}
