//! How far a process has come among the due jobs of a campaign.
//!
//! On PostgreSQL those that left lie dead at the head of their index until it is vacuumed, and whoever
//! takes the next ones would step over all of them each time: the longer the list, the more. So a
//! process remembers for a moment where it left off. What is put back before that place is found a
//! moment later, or at once where nothing else is due.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use repilot_domain::CampaignId;
use tokio::time::Instant;

/// When a job is due, and its number: they go out in this order.
pub(crate) type Place = (i64, i64);

/// Before every job.
pub(crate) const START: Place = (i64::MIN, i64::MIN);

/// How long a place is good for: what was put back waits for longer at most, and what lies dead is
/// stepped over as seldom.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// The places that a process has come to.
#[derive(Debug, Default)]
pub(crate) struct DueCursors(Mutex<HashMap<CampaignId, Floor>>);

#[derive(Debug)]
struct Floor {
    place: Place,
    /// When it was last looked for from the start.
    since: Instant,
}

impl DueCursors {
    /// After which place the next due jobs of a campaign are.
    pub(crate) fn of(&self, campaign: CampaignId) -> Place {
        let mut floors = self.lock();
        floors.retain(|_, floor| floor.since.elapsed() < GOOD_FOR);
        floors.get(&campaign).map_or(START, |floor| floor.place)
    }

    /// Everything up to this place has left.
    pub(crate) fn reached(&self, campaign: CampaignId, place: Place) {
        let since = Instant::now();
        self.lock()
            .entry(campaign)
            .and_modify(|floor| floor.place = place)
            .or_insert(Floor { place, since });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CampaignId, Floor>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
