//! A job on its way to a worker.

use repilot_domain::{CampaignId, JobId};

/// A job that was dispatched under a number: what a claim of it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuedJob {
    /// Its campaign.
    pub campaign: CampaignId,
    /// The job.
    pub job: JobId,
    /// The number, which a later dispatch makes void.
    pub dispatch: i64,
}
