//! Jobs and their attempts: rows, states, counters.

pub(crate) mod after_others;
pub(crate) mod attempt;
pub(crate) mod attempt_rows;
pub(crate) mod between_steps;
pub(crate) mod call_times;
pub(crate) mod claim_key;
pub(crate) mod counters;
pub(crate) mod due_cursor;
pub(crate) mod in_doubt;
pub(crate) mod job;
pub(crate) mod key_runs;
pub(crate) mod lease;
pub(crate) mod minutes;
pub(crate) mod recall;
pub(crate) mod settlement;
pub(crate) mod state_tables;

pub use attempt::{Attempt, NewAttempt};
pub use call_times::CallTimes;
pub use claim_key::{ClaimKey, DispatchToken};
pub use job::{Job, Page};
pub use lease::LEASE;
pub use minutes::{Minute, MinuteCounts, Minutes};
pub use settlement::{Pause, Settlement, Verdict, WaitReason};
