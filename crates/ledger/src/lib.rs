//! The ledger is the truth: every campaign, every device's job, every attempt. The only SQL.
//!
//! One SQL text serves `SQLite` and PostgreSQL; what differs is in `storage::dialect`, and who may
//! change what at once in `storage::locks`. What workers claim and settle is committed in groups by [`GroupCommit`].

mod access;
mod audit;
mod campaigns;
mod drain;
mod enqueue;
mod error;
mod inspect;
mod inventory;
mod jobs;
mod ledger;
mod maintenance;
mod search;
mod storage;
mod workers;

pub use access::{ApiToken, NewApiToken, Session, SignInWay, User};
pub use audit::{AuditFilter, AuditRow, Chain, ChainBreak, NotifyCursor};
pub use campaigns::{
    Campaign, CampaignCounts, CampaignList, HEARD_WITHIN, NewCampaign, OpenedCampaign,
    RatedCampaign, StandingCampaign, Surroundings, standings, worker_notices,
};
pub use drain::group_commit::{GroupCommit, GroupCommitError, Unsettled};
pub use drain::{
    Advance, BatchNumber, ClaimedJob, DispatchRoom, Dispatched, RefusedResult, Rescued,
};
pub use enqueue::{
    BUSY, BusyDevice, Enqueued, FollowUp, NewJob, NewList, NextUser, RecordedRefusal, Refusal,
    Task, TriedAgain,
};
pub use error::LedgerError;
pub use inspect::{Ahead, Blocker, Explanation, JobReport, explain};
pub use inventory::{Listing, ListingCost, Seen, Sighting, SightingNeed, SightingRule, Verifiable};
pub use jobs::{
    Attempt, CallTimes, ClaimKey, DispatchToken, Job, LEASE, Minute, MinuteCounts, Minutes,
    NewAttempt, Page, Pause, Settlement, Verdict, WaitReason,
};
pub use ledger::Ledger;
pub use maintenance::{Copied, Forgettable, Forgotten, Integrity, Miscount};
pub use search::{
    ActedOn, DeadGroup, DeadSelection, FoundJobs, FoundWithOthers, JobCount, JobCursor,
    JobCursorError, JobSearch, JobSelection, JobSort, JobsMeant, Seek,
};
pub use storage::{LedgerLocation, PostgresUrl};
pub use workers::{Gate, LaneHold, LaneState, RecentCall, WorkerRow};
