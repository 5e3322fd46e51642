//! How jobs get done: dispatched, claimed, advanced, settled, rescued from lost workers.

pub(crate) mod advance;
pub(crate) mod claim;
pub(crate) mod dispatch;
pub(crate) mod dispatchable;
pub(crate) mod due;
pub(crate) mod group_commit;
pub(crate) mod held_claims;
pub(crate) mod rescue;
pub(crate) mod settle;
pub(crate) mod stopped;
pub(crate) mod unknown_results;

pub use advance::Advance;
pub use claim::ClaimedJob;
pub use dispatch::{DispatchRoom, Dispatched};
pub use rescue::Rescued;
pub use stopped::BatchNumber;
pub use unknown_results::RefusedResult;
