//! Campaigns that stopped: their breaker tripped, their canary came in, their tenant refused them,
//! somebody paused or cancelled them.
//!
//! A claim that asks later is refused, since its job went back. One that was granted in the same
//! batch or before may still wait to be called: it asks here first. What this process settles is
//! known with its own batch; what others did, with the next batch that has a job of the campaign in
//! it. The batches of a process are
//! counted, so that nobody needs to be told when the campaign goes on: its next claims are younger.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use repilot_domain::{CampaignId, CampaignStatus};
use sqlx::AnyConnection;

use crate::LedgerError;
use crate::storage::dialect::Dialect;
use crate::storage::locks;
use crate::storage::rows::Columns;

/// A moment of a process: after so many of its batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BatchNumber(u64);

/// Locks campaigns, and says which of them have stopped before.
pub(crate) async fn of(
    connection: &mut AnyConnection,
    campaigns: BTreeSet<CampaignId>,
) -> Result<Vec<CampaignId>, LedgerError> {
    let dialect = Dialect::of(connection);
    let condition = format!("id {}", dialect.is_named());
    let named = dialect.numbers(campaigns.iter().map(|campaign| campaign.0));
    let rows = locks::campaign_rows_where(connection, "id, status", &condition, |query| {
        query.bind(named)
    })
    .await?;
    let mut stopped = Vec::new();
    for row in &rows {
        let columns = Columns::of("campaigns", row);
        match columns.word("status")? {
            CampaignStatus::Active => {}
            CampaignStatus::Paused | CampaignStatus::Cancelled => {
                stopped.push(CampaignId(columns.get("id")?));
            }
        }
    }
    Ok(stopped)
}

#[derive(Debug, Default)]
pub(crate) struct StoppedCampaigns {
    batches: AtomicU64,
    /// The last batch that stopped any campaign: nothing younger needs to look further.
    latest: AtomicU64,
    by_campaign: Mutex<HashMap<CampaignId, BatchNumber>>,
}

impl StoppedCampaigns {
    pub(crate) fn now(&self) -> BatchNumber {
        BatchNumber(self.batches.load(Ordering::Acquire))
    }

    /// A batch is committed, over which these campaigns stopped. Told by one task alone.
    pub(crate) fn note(&self, campaigns: &[CampaignId]) {
        let batch = self.batches.load(Ordering::Relaxed) + 1;
        if !campaigns.is_empty() {
            let mut stopped = self
                .by_campaign
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            stopped.extend(
                campaigns
                    .iter()
                    .map(|campaign| (*campaign, BatchNumber(batch))),
            );
            self.latest.store(batch, Ordering::Release);
        }
        self.batches.store(batch, Ordering::Release);
    }

    pub(crate) fn has_stopped_since(&self, campaign: CampaignId, moment: BatchNumber) -> bool {
        if self.latest.load(Ordering::Acquire) <= moment.0 {
            return false;
        }
        let stopped = self
            .by_campaign
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        stopped.get(&campaign).is_some_and(|halt| *halt > moment)
    }
}
