//! Jobs in doubt of campaigns that were paused or cancelled: their devices are looked at, and nothing is
//! called.
//!
//! A look costs no write, so none is waited for. What is found done is settled as done; what is not goes
//! back, with the moment of the look, to wait or to be cancelled with the rest of its campaign.

use std::sync::Arc;
use std::time::Duration;

use repilot_domain::Stepped;
use repilot_ledger::{
    ClaimKey, ClaimedJob, Dispatched, GroupCommitError, SightingRule, WaitReason,
};
use repilot_queue::Delivery;

use crate::Decision;
use crate::handler::{Handler, looked_at, stepped, untried};
use crate::lanes::TenantLanes;
use crate::permits::CallContext;
use crate::settlement::settlement;

/// Time after which a device is looked at again that the tenant refused to show: nothing else holds the
/// looks of a campaign back that has stopped already.
const REFUSED_AGAIN_AFTER: Duration = Duration::from_secs(30);

impl Handler {
    /// Has the jobs of a delivery claimed, and their devices looked at.
    pub(crate) async fn take_to_look_at(self: Arc<Self>, delivery: Delivery) {
        let Delivery {
            tenant,
            jobs,
            slots,
        } = delivery;
        let keys: Vec<ClaimKey> = jobs.iter().map(|job| job.key).collect();
        let Some(lanes) = self.lanes.get(&tenant, self.clock.now()) else {
            self.put_back(&jobs).await;
            return;
        };
        let looking = std::pin::pin!(self.look_at_all(&lanes, &jobs, keys.clone()));
        self.guarded(&tenant, &keys, looking).await;
        drop(slots);
    }

    async fn look_at_all(&self, lanes: &TenantLanes, jobs: &[Dispatched], keys: Vec<ClaimKey>) {
        let claimed = match self.commit.claim_all(keys).await {
            Ok(claimed) => claimed,
            Err(failure) => {
                for job in jobs {
                    self.heed(job.key, Err(failure.clone()));
                }
                return;
            }
        };
        let looks = claimed.into_iter().map(|job| {
            let dispatched = jobs.iter().find(|its| its.key == job.key);
            let rule = dispatched.and_then(|its| its.sighting);
            async move {
                let key = job.key;
                let looked = self.look_alone(lanes, job, rule).await;
                self.heed(key, looked);
            }
        });
        futures::future::join_all(looks).await;
    }

    async fn look_alone(
        &self,
        lanes: &TenantLanes,
        mut job: ClaimedJob,
        rule: Option<SightingRule>,
    ) -> Result<(), GroupCommitError> {
        let mut attempts = Vec::with_capacity(1);
        let mut context = CallContext {
            lanes,
            ceiling: None,
            until: None,
            rule,
            seen_at: None,
            claimed: self.commit.moment(),
            between_steps: false,
            looks_only: true,
        };
        let decision = match job.progress.next() {
            None => Decision::Complete,
            Some(step) => match self
                .look(&mut context, &mut job, step, &mut attempts)
                .await?
            {
                Some((decision, _slot)) => decision,
                // Somebody else has the job by now.
                None => return Ok(()),
            },
        };
        if let Stepped::On(progress) = stepped(&decision, job.progress) {
            let done = std::mem::take(&mut attempts);
            if !self.advance(&mut job, progress, done).await? {
                return Ok(());
            }
            let settlement = settlement(&job, untried(&job), attempts, self.clock.now());
            return self.commit.settle(settlement).await.map(drop);
        }
        let decision = match decision {
            Decision::Act => looked_at(),
            Decision::Retry {
                delay,
                spent,
                uncertain,
                reason,
                pause: Some(_),
            } => Decision::Retry {
                delay: delay.max(REFUSED_AGAIN_AFTER),
                spent,
                uncertain,
                reason,
                pause: None,
            },
            Decision::Succeed
            | Decision::Complete
            | Decision::Retry { .. }
            | Decision::Bury { .. } => decision,
        };
        let is_as_before = matches!(
            decision,
            Decision::Retry {
                reason: WaitReason::LookedAt,
                ..
            }
        );
        tracing::info!(
            job.id = job.key.job.0,
            campaign.id = job.key.campaign.0,
            tenant = %lanes.tenant.name,
            is_as_before,
            "looked at a device whose call may have taken effect; its campaign has stopped"
        );
        let settlement = settlement(&job, decision, attempts, self.clock.now());
        self.commit.settle(settlement).await.map(drop)
    }
}
