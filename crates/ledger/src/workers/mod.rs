//! Workers and the tenants' lanes as the ledger knows them.

pub(crate) mod lane;
pub(crate) mod worker;

pub use lane::{Gate, LaneHold, LaneState, RecentCall};
pub use worker::WorkerRow;
