//! What one job waits for, what goes before it, and what happened to each.

pub(crate) mod ahead;
pub(crate) mod explain;
pub(crate) mod job_report;

pub use ahead::Ahead;
pub use explain::{Blocker, Explanation, explain};
pub use job_report::JobReport;
