//! The ledger is the truth: every campaign, every device's job, every attempt. The only SQL.
//!
//! One SQL text serves `SQLite` and PostgreSQL; what differs is in `dialect`, and who may change
//! what at once in `locks`. What workers claim and settle is committed in groups by [`GroupCommit`].

mod advance;
mod api_token;
mod attempt;
mod audit;
mod audit_chain;
mod breaker;
mod call_times;
mod campaign;
mod campaign_control;
mod canary;
mod claim;
mod controls;
mod copy;
mod counters;
mod dead;
mod dialect;
mod dispatch;
mod due;
mod enqueue;
mod error;
mod explain;
mod file;
mod group_commit;
mod halts;
mod in_hand;
mod integrity;
mod inventory;
mod job;
mod job_report;
mod lane;
mod ledger;
mod location;
mod locks;
mod migrations;
mod minutes;
mod notify_cursor;
mod pools;
mod prune;
mod queued_job;
mod rate;
mod ready;
mod refusal;
mod rescue;
mod rows;
mod search;
mod session;
mod settle;
mod tables;
mod task;
mod user;
mod verdict;
mod verify;
mod worker;

pub use advance::Advance;
pub use api_token::{ApiToken, NewApiToken};
pub use attempt::{Attempt, NewAttempt};
pub use audit::{AuditFilter, AuditRow};
pub use audit_chain::{Chain, ChainBreak};
pub use call_times::CallTimes;
pub use campaign::{Campaign, CampaignCounts, CampaignList, NewCampaign, OpenedCampaign};
pub use claim::ClaimedJob;
pub use copy::Copied;
pub use dead::{DeadGroup, DeadSelection};
pub use dispatch::{DispatchRoom, Dispatched};
pub use enqueue::{Enqueued, NewJob, NewList};
pub use error::LedgerError;
pub use explain::{Blocker, Explanation, explain};
pub use group_commit::{GroupCommit, GroupCommitError, Unsettled};
pub use halts::Moment;
pub use integrity::{Integrity, Miscount};
pub use inventory::Listing;
pub use job::{Job, Page};
pub use job_report::JobReport;
pub use lane::{Gate, LaneHold, LaneState, RecentCall};
pub use ledger::Ledger;
pub use location::{LedgerLocation, PostgresUrl};
pub use minutes::{Minute, MinuteCounts, Minutes};
pub use notify_cursor::NotifyCursor;
pub use prune::{Forgettable, Forgotten};
pub use queued_job::QueuedJob;
pub use rate::RatedCampaign;
pub use refusal::{RecordedRefusal, Refusal};
pub use rescue::Rescued;
pub use search::{
    ActedOn, FoundJobs, JobCount, JobCursor, JobCursorError, JobSearch, JobSelection, JobSort,
    JobsMeant, Seek,
};
pub use session::{Session, SignInWay};
pub use task::Task;
pub use user::User;
pub use verdict::{Settlement, Verdict, WaitReason};
pub use verify::Verifiable;
pub use worker::WorkerRow;
