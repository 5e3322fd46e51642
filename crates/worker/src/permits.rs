//! Leave to make one call: the tenant's, and that of the campaign's own ceiling where it has one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use repilot_domain::Timestamp;
use repilot_ledger::{BatchNumber, SightingRule};
use repilot_throttle::{Answer, Lane, Permit};

use crate::handler::Handler;
use crate::lanes::TenantLanes;

/// Leave to make one call.
pub(crate) struct CallPermits {
    pub(crate) tenant: Permit,
    pub(crate) ceiling: Option<Permit>,
}

impl CallPermits {
    /// Whether the call may still go, to be asked right before it does.
    pub(crate) fn is_valid(&self) -> bool {
        self.tenant.is_valid() && self.ceiling.as_ref().is_none_or(Permit::is_valid)
    }

    /// Tells what came of the call. A ceiling counts calls, and asks no more of them.
    pub(crate) fn settle(self, answer: Answer) {
        if let Some(ceiling) = self.ceiling {
            ceiling.settle(match answer {
                Answer::NotSent => Answer::NotSent,
                Answer::Accepted | Answer::Throttled { .. } | Answer::Failed => Answer::Accepted,
            });
        }
        self.tenant.settle(answer);
    }
}

/// What a job is called by.
#[derive(Clone, Copy)]
pub(crate) struct CallContext<'a> {
    pub(crate) lanes: &'a TenantLanes,
    /// Its campaign's own.
    pub(crate) ceiling: Option<&'a Lane>,
    /// It is not called from then on.
    pub(crate) until: Option<Timestamp>,
    /// How its device is to be seen before; none where nothing is asked.
    pub(crate) rule: Option<SightingRule>,
    /// When this turn looked at its device.
    pub(crate) seen_at: Option<Timestamp>,
    /// When its claim was asked for.
    pub(crate) claimed: BatchNumber,
    /// Its device stands between two steps, and is waited for whatever happens.
    pub(crate) between_steps: bool,
    /// Its device is looked at although its campaign has stopped, and nothing is called.
    pub(crate) looks_only: bool,
}

impl Handler {
    /// Leaves, if there are any and the lane was not lost while they were waited for.
    pub(crate) fn while_held(
        &self,
        lanes: &Arc<TenantLanes>,
        leaves: Vec<CallPermits>,
        now: Timestamp,
    ) -> Option<Vec<CallPermits>> {
        let still_held = self.lanes.get(&lanes.tenant.name, now);
        if still_held.is_none_or(|held| !Arc::ptr_eq(&held, lanes)) {
            for leave in leaves {
                leave.settle(Answer::NotSent);
            }
            return None;
        }
        (!leaves.is_empty()).then_some(leaves)
    }

    /// Permits for up to so many calls; for one where the campaign has a ceiling of its own. That is asked
    /// first, for which it may have to wait longer: nobody holds the tenant's meanwhile.
    pub(crate) async fn permits(
        &self,
        context: CallContext<'_>,
        most: usize,
        patience: Duration,
    ) -> Vec<CallPermits> {
        let _awaiting = Awaiting::begin(&context.lanes.awaiting, most);
        let mut ceilings = Vec::new();
        if let Some(ceiling) = context.ceiling {
            ceilings = self.permits_of(ceiling, context, 1, patience).await;
            if ceilings.is_empty() {
                return Vec::new();
            }
        }
        let most = if context.ceiling.is_some() { 1 } else { most };
        let tenants = self
            .permits_of(&context.lanes.writes, context, most, patience)
            .await;
        if tenants.is_empty() {
            for ceiling in ceilings.drain(..) {
                ceiling.settle(Answer::NotSent);
            }
        }
        let leaves = tenants.into_iter().map(|tenant| CallPermits {
            tenant,
            ceiling: ceilings.pop(),
        });
        leaves.collect()
    }

    async fn permits_of(
        &self,
        lane: &Lane,
        context: CallContext<'_>,
        most: usize,
        patience: Duration,
    ) -> Vec<Permit> {
        if context.between_steps {
            return lane.acquire_some(most, patience).await;
        }
        if self.stop.is_cancelled() {
            return Vec::new();
        }
        // In this order, so that leave which is there at once costs no more than that.
        tokio::select! {
            biased;
            permits = lane.acquire_some(most, patience) => permits,
            () = self.stop.cancelled() => Vec::new(),
        }
    }
}

/// Counts jobs among those that wait for leave, however that ends.
struct Awaiting<'a> {
    count: &'a AtomicUsize,
    jobs: usize,
}

impl<'a> Awaiting<'a> {
    fn begin(count: &'a AtomicUsize, jobs: usize) -> Self {
        count.fetch_add(jobs, Ordering::Relaxed);
        Self { count, jobs }
    }
}

impl Drop for Awaiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(self.jobs, Ordering::Relaxed);
    }
}
