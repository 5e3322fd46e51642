//! What is under way for campaigns in the background of this process, and what came of it of late.
//! One at a time for each campaign: a second one would list the same inventory against the same quota.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use repilot_domain::{CampaignId, Timestamp};
use tokio::sync::oneshot;

use crate::tenant_services::plan_list::Refused;
use crate::tenant_services::verify_and_rollback::{
    Progress, RollbackPlan, RolledBack, VerificationReport,
};

/// What came of an task is shown for so long.
const SHOWN: Duration = Duration::from_hours(1);

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Verify,
    PlanRollback,
    RollBack,
}

impl Kind {
    /// While it is under way.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Verify => "Verifying",
            Self::PlanRollback => "Making the plan of a rollback",
            Self::RollBack => "Rolling back",
        }
    }

    /// What did not come to an end.
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Verify => "verification",
            Self::PlanRollback | Self::RollBack => "rollback",
        }
    }
}

/// What came of an task.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Verified(VerificationReport),
    Planned(RollbackPlan),
    RolledBack(RolledBack),
}

/// Something under way, or what came of it.
#[derive(Debug, Clone)]
pub(crate) struct BackgroundTask {
    pub(crate) kind: Kind,
    /// Who wanted it.
    pub(crate) by: String,
    pub(crate) begun_at: Timestamp,
    pub(crate) progress: Progress,
    /// When it ended, and how; none while it is under way.
    pub(crate) ended: Option<(Timestamp, Result<Outcome, Refused>)>,
}

impl BackgroundTask {
    pub(crate) fn new(kind: Kind, by: &str, now: Timestamp) -> Self {
        Self {
            kind,
            by: by.to_owned(),
            begun_at: now,
            progress: Progress::default(),
            ended: None,
        }
    }
}

/// What somebody waits for who began an task.
pub(crate) type Awaited = oneshot::Receiver<Result<Outcome, Refused>>;

/// The background tasks of all campaigns.
#[derive(Default)]
pub(crate) struct BackgroundTasks(Mutex<HashMap<CampaignId, BackgroundTask>>);

impl BackgroundTasks {
    fn lock(&self) -> MutexGuard<'_, HashMap<CampaignId, BackgroundTask>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those under way, and what came of others of late.
    pub(crate) fn of_late(&self, now: Timestamp) -> HashMap<CampaignId, BackgroundTask> {
        let mut all = self.lock();
        all.retain(|_, task| {
            let ended = task.ended.as_ref();
            ended.is_none_or(|(at, _)| now.since(*at) < SHOWN)
        });
        all.clone()
    }

    /// The plan of a rollback that waits for an answer.
    pub(crate) fn plan(&self, campaign: CampaignId) -> Option<RollbackPlan> {
        match &self.lock().get(&campaign)?.ended {
            Some((_, Ok(Outcome::Planned(plan)))) => Some(plan.clone()),
            _ => None,
        }
    }

    /// Keeps one that begins; the one that is under way already, if there is one.
    pub(crate) fn start(
        &self,
        campaign: CampaignId,
        task: BackgroundTask,
    ) -> Result<(), Box<BackgroundTask>> {
        let mut all = self.lock();
        let under_way = all.get(&campaign).filter(|known| known.ended.is_none());
        if let Some(known) = under_way {
            return Err(Box::new(known.clone()));
        }
        all.insert(campaign, task);
        Ok(())
    }

    /// Keeps what came of one.
    pub(crate) fn end(
        &self,
        campaign: CampaignId,
        at: Timestamp,
        outcome: Result<Outcome, Refused>,
    ) {
        if let Some(task) = self.lock().get_mut(&campaign) {
            task.ended = Some((at, outcome));
        }
    }
}
