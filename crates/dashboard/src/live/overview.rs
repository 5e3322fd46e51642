//! What every page shows something of, read once for all of them.

use std::collections::HashMap;

use repilot_domain::standing::{Notice, Standing};
use repilot_domain::{CampaignId, Timestamp, Zone};
use repilot_ledger::{
    Campaign, DeadGroup, HEARD_WITHIN, LaneState, Ledger, LedgerError, StandingCampaign,
    Surroundings, WorkerRow, standings, worker_notices,
};

use crate::background_tasks::BackgroundTask;

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
    /// How each campaign stands.
    pub(crate) standings: HashMap<CampaignId, Standing>,
    /// What is wrong with the workers.
    pub(crate) notices: Vec<Notice>,
    /// What is under way for campaigns in this process, and what came of it of late.
    pub(crate) background_tasks: HashMap<CampaignId, BackgroundTask>,
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
            standings: HashMap::new(),
            notices: Vec::new(),
            background_tasks: HashMap::new(),
        })
    }

    pub(crate) fn campaign(&self, name: &str) -> Option<&Campaign> {
        self.campaigns.iter().find(|known| known.name == name)
    }

    pub(crate) fn campaign_of(&self, id: CampaignId) -> Option<&Campaign> {
        self.campaigns.iter().find(|known| known.id == id)
    }

    /// Says how everything stands, once the rates are known; `version` is this program's.
    pub(super) fn judge(&mut self, version: &str) {
        let zone = Zone::here();
        let around = Surroundings {
            now: self.at,
            zone: &zone,
            version,
            lanes: &self.lanes,
            workers: &self.workers,
            rates: &self.rates,
        };
        let found = standings(&self.campaigns, &self.campaigns, &around);
        let ids = self.campaigns.iter().map(|campaign| campaign.id);
        let by_id = ids.zip(found).collect();
        self.notices = worker_notices(&around);
        self.standings = by_id;
    }

    /// How a campaign stands, where it was there when this was read.
    pub(crate) fn standing(&self, id: CampaignId) -> Option<&Standing> {
        self.standings.get(&id)
    }

    /// How a campaign stands that may be younger than this.
    pub(crate) fn stood(&self, campaign: Campaign, version: &str) -> StandingCampaign {
        let zone = Zone::here();
        let around = Surroundings {
            now: self.at,
            zone: &zone,
            version,
            lanes: &self.lanes,
            workers: &self.workers,
            rates: &self.rates,
        };
        let standing = standings([&campaign], &self.campaigns, &around).remove(0);
        StandingCampaign { campaign, standing }
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
