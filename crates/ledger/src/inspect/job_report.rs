//! One job with everything that there is to say of it.

use std::time::Duration;

use repilot_domain::{JobId, JobState, LaneKind, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::inspect::explain;
use crate::{Ahead, Attempt, Blocker, Campaign, Explanation, Job, Ledger, LedgerError};

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
    /// Whether due jobs of a campaign are held back until a listing under way has shown their devices.
    async fn is_listed_for(
        &self,
        campaign: &Campaign,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        let (claimed_until, _) = self.listing_claim(&campaign.tenant).await?;
        if claimed_until <= now {
            return Ok(false);
        }
        let needs = self.sighting_needs(&campaign.tenant, |_| Duration::ZERO, now);
        let mut needs = needs.await?.into_iter();
        Ok(needs.any(|need| need.campaign == campaign.id))
    }

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
        let mut explanation = explain(&job, &campaign, lane, ahead, now);
        let is_its_turn = matches!(explanation.blocked_by, Blocker::Budget | Blocker::Rate);
        if is_its_turn && self.is_listed_for(&campaign, now).await? {
            explanation = Explanation::listing();
        }
        Ok(Some(JobReport {
            explanation,
            history: self.attempts(job.id).await?,
            campaign_name,
            job,
        }))
    }
}
