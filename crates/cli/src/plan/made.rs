//! A plan: what a selection would have done and refused, and what it is made of.

use repilot_domain::{CampaignId, CanaryPhase, Controls, Limit, Timestamp, Work};
use repilot_ledger::Campaign;
use repilot_producer::{Foreknowledge, Inventory, NewUser, PlanSummary};
use serde::Serialize;

/// A plan, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(crate) struct Plan {
    /// What the selection is called.
    pub(crate) list: String,
    pub(crate) list_sha256: String,
    /// What each part of it was understood to be.
    pub(crate) understood: Vec<String>,
    pub(crate) tenant: String,
    /// Devices that the tenant has.
    pub(crate) inventory: usize,
    pub(crate) inventory_listed_at: Timestamp,
    /// Items of the listing that could not be read, in words: their devices are not in the inventory.
    pub(crate) inventory_unreadable: Vec<String>,
    /// The moment that its conditions hold for.
    pub(crate) planned_at: Timestamp,
    /// No device of the tenant shows a user: nobody can see who has one.
    pub(crate) is_blind: bool,
    /// Devices that are refused, since another campaign has an open job for them.
    pub(crate) in_other_campaigns: u64,
    /// How long the calls take at least, at what the tenant is known to grant.
    pub(crate) duration_ms: u64,
    /// What holds the campaign back.
    pub(crate) controls: Controls,
    /// When its first device goes out; `None` where none ever does.
    pub(crate) begins_at: Option<Timestamp>,
    /// When its canary is done and waits for a person; `None` where it does not.
    pub(crate) canary_ends_at: Option<Timestamp>,
    /// When its last device is done, if it goes on after its canary at once; `None` where that is
    /// never, or its deadline comes first.
    pub(crate) ends_at: Option<Timestamp>,
    /// The same in words, by the clocks of the campaign's zone.
    pub(crate) end: String,
    /// What somebody may have meant otherwise.
    pub(crate) hints: Vec<String>,
    /// Whether the directory was asked for new users; `None` where there are none.
    pub(crate) users_lookup: Option<UsersLookup>,
    #[serde(flatten)]
    pub(crate) summary: PlanSummary,
}

/// Whether the directory was asked for the users who are to be assigned.
#[derive(Debug, Serialize)]
pub(crate) struct UsersLookup {
    /// Whether it was.
    pub(crate) done: bool,
    /// How many users it was asked for, or why it was not.
    pub(crate) says: String,
}

/// A plan and what it is made of.
pub(crate) struct Made {
    pub(crate) plan: Plan,
    pub(crate) inventory: Inventory,
    /// What was known of users and devices beforehand.
    pub(crate) known: Foreknowledge,
    /// Exactly the devices that are to be enqueued.
    pub(crate) devices: Vec<PlannedDevice>,
    /// Of their ids and whom they are assigned to, in order.
    pub(crate) devices_sha256: String,
}

/// A device of a plan.
#[derive(Debug, Clone)]
pub(crate) struct PlannedDevice {
    /// Its place in the inventory.
    pub(crate) index: usize,
    /// Where its list named it.
    pub(crate) line: u64,
    /// Who is to be assigned; apart, for mostly there is nobody.
    pub(crate) new_user: Option<Box<NewUser>>,
}

/// How a plan is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Making<'a> {
    /// Keep every refusal in the summary, not the first few.
    pub(crate) every_refusal: bool,
    /// The campaign that it is for, where there is one already.
    pub(crate) campaign: Option<&'a Campaign>,
    /// What holds it back.
    pub(crate) controls: &'a Controls,
}

impl Making<'_> {
    pub(crate) fn campaign_id(&self) -> Option<CampaignId> {
        self.campaign.map(|campaign| campaign.id)
    }

    /// So many devices as work of the campaign, with those of earlier lists that are still to be done.
    pub(crate) fn work(&self, planned: u64, limits: Vec<Limit>) -> Work {
        let earlier = self.campaign.map_or(0, |known| known.counts.open());
        let devices = planned + u64::try_from(earlier).unwrap_or(0);
        let is_over = |known: &Campaign| {
            matches!(
                known.canary_phase,
                CanaryPhase::Passed | CanaryPhase::Waiting
            )
        };
        let canary = self.controls.canary.filter(|_| {
            let is_stop = self.controls.canary_auto.is_none();
            is_stop && !self.campaign.is_some_and(is_over)
        });
        Work {
            devices,
            limits,
            schedule: self.controls.schedule.clone(),
            stops_after: canary.map(|canary| canary.of(devices)),
        }
    }
}

/// A number of rows.
pub(crate) fn rows(count: u64) -> String {
    if count == 1 {
        "1 row".to_owned()
    } else {
        format!("{count} rows")
    }
}
