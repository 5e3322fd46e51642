//! One job with everything that there is to say of it.

use repilot_domain::{JobId, JobState, LaneKind, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Ahead, Attempt, Explanation, Job, Ledger, LedgerError, explain};

/// A job, why it waits, and its every attempt.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct JobReport {
    /// Its campaign's name.
    pub campaign_name: String,
    /// The job.
    #[serde(flatten)]
    pub job: Job,
    /// Why it waits, what unblocks it, and when.
    pub explanation: Explanation,
    /// Oldest first.
    pub history: Vec<Attempt>,
}

impl Ledger {
    /// A job with everything that there is to say of it now.
    pub async fn job_report(
        &self,
        id: JobId,
        now: Timestamp,
    ) -> Result<Option<JobReport>, LedgerError> {
        let Some((job, campaign_name)) = self.job(id).await? else {
            return Ok(None);
        };
        let Some(campaign) = self.campaign(&campaign_name).await? else {
            return Ok(None);
        };
        let lanes = self.lane_states().await?;
        let lane = lanes
            .iter()
            .find(|lane| lane.tenant == campaign.tenant && lane.kind == LaneKind::Writes);
        let ahead = match job.state {
            JobState::Pending => self.ahead_of(&job, now).await?,
            _ => Ahead::NONE,
        };
        Ok(Some(JobReport {
            explanation: explain(&job, &campaign, lane, ahead, now),
            history: self.attempts(job.id).await?,
            campaign_name,
            job,
        }))
    }
}
