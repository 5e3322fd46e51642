//! What is known of a campaign and of what is around it: plain data.

use std::time::Duration;

use crate::{
    Action, CampaignId, CampaignStatus, CanaryPhase, Controls, PauseCause, TenantName, Timestamp,
    WorkerId, Zone,
};

/// Jobs of a campaign by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Jobs {
    /// Jobs in all.
    pub total: u64,
    /// Jobs that are not over.
    pub left: u64,
    /// Jobs that are done.
    pub succeeded: u64,
    /// Dead letters.
    pub dead: u64,
    /// Open jobs of which a step is done, and a further one is not.
    pub between_steps: u64,
    /// Calls to Graph that were made.
    pub calls: u64,
}

/// A person's deed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deed<'a> {
    /// Who did it.
    pub by: &'a str,
    /// When.
    pub at: Timestamp,
}

/// A campaign.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// Its number.
    pub id: CampaignId,
    /// Its name.
    pub name: &'a str,
    /// Whose devices.
    pub tenant: &'a TenantName,
    /// What is done to each device.
    pub action: Action,
    /// Whether it may go on.
    pub status: CampaignStatus,
    /// Why it is paused or cancelled, in words.
    pub reason: &'a str,
    /// What paused it, where that is known.
    pub pause_cause: Option<PauseCause>,
    /// Who paused or cancelled it, where that is known.
    pub stopped: Option<Deed<'a>>,
    /// Who passed its canary, where somebody did.
    pub canary_passed: Option<Deed<'a>>,
    /// What holds it back.
    pub controls: &'a Controls,
    /// Where it stands with its canary.
    pub canary: CanaryPhase,
    /// Whether all of its lists are in.
    pub is_whole: bool,
    /// When its last job was over.
    pub ended_at: Option<Timestamp>,
    /// Until when a process has promised to move it on.
    pub attended_until: Timestamp,
    /// Jobs by state.
    pub jobs: Jobs,
    /// Jobs a second that came to an end over the last window; none where nobody counted.
    pub settled_per_second: Option<f64>,
}

/// Whether calls to a tenant leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneGate<'a> {
    /// They do.
    Open,
    /// The tenant throttled: nothing leaves until then.
    Closed(Option<Timestamp>),
    /// Graph cannot be reached, and why.
    Unreachable(&'a str),
}

/// What the budget of changes of a tenant last said of itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lane<'a> {
    /// Whether calls leave.
    pub gate: LaneGate<'a>,
    /// Calls a window that the tenant grants.
    pub granted: f64,
    /// The window.
    pub window: Duration,
    /// Calls that occupy the window.
    pub used: u64,
    /// When the next call may leave, where none may now.
    pub next_at: Option<Timestamp>,
}

/// A worker that was heard of lately.
#[derive(Debug, Clone, Copy)]
pub struct Worker<'a> {
    /// Its name.
    pub id: &'a WorkerId,
    /// Its version of the program.
    pub version: &'a str,
    /// When it was heard of, by its clock.
    pub heard_at: Timestamp,
    /// What it lacks; empty where all is well.
    pub trouble: &'a str,
}

/// What is around a campaign.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The instant that it is.
    pub now: Timestamp,
    /// By whose clocks moments are said where the campaign names no zone.
    pub zone: &'a Zone,
    /// The version of whoever looks.
    pub version: &'a str,
    /// The tenant's budget for changes; none while nobody speaks of it.
    pub lane: Option<Lane<'a>>,
    /// Workers that were heard of lately, of whatever tenant.
    pub workers: &'a [Worker<'a>],
    /// The tenant's other campaigns, and this one among them or not.
    pub others: &'a [Subject<'a>],
}
