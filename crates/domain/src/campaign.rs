//! What a campaign does, and whether it may go on.

use crate::words;

/// What a campaign does to each of its devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Action {
    /// The user is unassigned.
    #[default]
    Unassign,
    /// A user is assigned.
    Assign,
    /// The user is unassigned, and then another assigned.
    Reassign,
}

words!(Action, "action", {
    Unassign => "unassign",
    Assign => "assign",
    Reassign => "reassign",
});

/// Whether a campaign's jobs may be dispatched. That it has *ended* is not a status but a count:
/// all of its jobs are terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CampaignStatus {
    /// Jobs go out as the lane allows.
    Active,
    /// Nothing goes out until somebody resumes it; its reason says why.
    Paused,
    /// Nothing goes out any more; what was not yet called is cancelled.
    Cancelled,
}

words!(CampaignStatus, "campaign status", {
    Active => "active",
    Paused => "paused",
    Cancelled => "cancelled",
});
