//! What every page shows something of, read once for all of them.

use std::collections::HashMap;

use repilot_domain::{CampaignId, LaneKind, TenantName, Timestamp};
use repilot_ledger::{Campaign, DeadGroup, LaneState, Ledger, LedgerError, WorkerRow};

use crate::errands::Errand;

/// A worker that says nothing for so long is lost: it speaks every few seconds.
pub(crate) const HEARD_WITHIN: std::time::Duration = std::time::Duration::from_secs(15);

/// What every page shows something of.
#[derive(Debug, Clone)]
pub(crate) struct Overview {
    /// When it was read.
    pub(crate) at: Timestamp,
    /// Since when the ledger has not answered; none while it does.
    pub(crate) silent_since: Option<Timestamp>,
    /// Newest first.
    pub(crate) campaigns: Vec<Campaign>,
    pub(crate) lanes: Vec<LaneState>,
    pub(crate) workers: Vec<WorkerRow>,
    pub(crate) dead: Vec<DeadGroup>,
    /// Jobs a second that came to an end, of late.
    pub(crate) rates: HashMap<CampaignId, f64>,
    /// What is under way for campaigns in this process, and what came of it of late.
    pub(crate) errands: HashMap<CampaignId, Errand>,
}

impl Overview {
    pub(super) async fn read(ledger: &Ledger, now: Timestamp) -> Result<Self, LedgerError> {
        let (campaigns, lanes, workers, dead) = tokio::try_join!(
            ledger.campaigns_at(now),
            ledger.lane_states(),
            ledger.workers(now.before(HEARD_WITHIN)),
            ledger.dead_groups(),
        )?;
        Ok(Self {
            at: now,
            silent_since: None,
            campaigns,
            lanes,
            workers,
            dead,
            rates: HashMap::new(),
            errands: HashMap::new(),
        })
    }

    pub(crate) fn campaign(&self, name: &str) -> Option<&Campaign> {
        self.campaigns.iter().find(|known| known.name == name)
    }

    pub(crate) fn campaign_of(&self, id: CampaignId) -> Option<&Campaign> {
        self.campaigns.iter().find(|known| known.id == id)
    }

    /// The lane on which a tenant's devices are changed, unless it is idle.
    pub(crate) fn lane(&self, tenant: &TenantName) -> Option<&LaneState> {
        self.lanes.iter().find(|lane| {
            lane.tenant == *tenant && lane.kind == LaneKind::Writes && self.is_heard(lane)
        })
    }

    /// Whether somebody has spoken of a lane of late.
    pub(crate) fn is_heard(&self, lane: &LaneState) -> bool {
        self.at.since(lane.updated_at) < HEARD_WITHIN
    }

    /// A number that changes whenever a campaign's jobs do.
    pub(crate) fn stamp(&self, campaign: Option<&Campaign>) -> u64 {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let mut hasher = DefaultHasher::new();
        let all = || self.campaigns.iter();
        let of = |found: &&Campaign| campaign.is_none_or(|campaign| campaign.id == found.id);
        for found in all().filter(of) {
            format!("{found:?}").hash(&mut hasher);
        }
        hasher.finish()
    }
}
