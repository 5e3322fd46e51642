//! One job's life: permit, claim, call, decide, settle; and what keeps a process of workers going.
//!
//! A job is claimed only with leave to call in hand: whatever waits for the lane is still queued, so
//! a pause or a cancellation acts at once, and a killed process leaves behind only what it was
//! really calling.

mod backoff;
mod ceilings;
mod directory;
mod dispatch_loop;
mod handler;
mod heartbeat;
mod intake;
mod lanes;
mod lease;
mod lister;
mod looks;
#[cfg(test)]
mod model;
mod outage;
mod permits;
mod policy;
mod ready;
mod report;
mod settlement;
mod sign_ins;
mod strangers;
mod worker;

pub use backoff::RetrySettings;
pub use directory::TenantDirectory;
pub use heartbeat::Attendance;
pub use lanes::{Lanes, Tenant, TenantLanes, reads_lane};
pub use policy::{Decision, Precaution, Uncertainty, Users, after_act, after_look, precaution};
pub use worker::{Links, Worker, WorkerError, WorkerSettings};
