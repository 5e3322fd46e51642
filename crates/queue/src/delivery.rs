//! What travels on the wire.

use repilot_domain::{CampaignId, JobId, Rate, TenantName, Timestamp};
use repilot_ledger::QueuedJob;

/// A job's turn. Delivered at least once: the claim decides whether it is still meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Whose lane the job needs before it is claimed.
    pub tenant: TenantName,
    /// The job.
    pub job: JobId,
    /// The number that its claim must name.
    pub dispatch: i64,
    /// Its campaign.
    pub campaign: CampaignId,
    /// It is not to be called from then on.
    pub until: Option<Timestamp>,
    /// The campaign's own ceiling, which it needs leave of, too.
    pub rate: Option<Rate>,
}

impl Delivery {
    /// What a claim of it names.
    #[must_use]
    pub const fn queued(&self) -> QueuedJob {
        QueuedJob {
            campaign: self.campaign,
            job: self.job,
            dispatch: self.dispatch,
        }
    }
}
