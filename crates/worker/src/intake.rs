//! From a delivery to jobs that may be called: leave, claim.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt as _;
use repilot_domain::{TenantName, Timestamp};
use repilot_ledger::{ClaimKey, Dispatched};
use repilot_queue::{Delivery, Slots};
use repilot_throttle::{Answer, Lane};
use tokio::time::Instant;

use crate::handler::{Handler, PATIENCE};
use crate::lanes::TenantLanes;
use crate::permits::{CallContext, CallPermits};
use crate::ready::Ready;

/// Jobs of a tenant for which there is leave.
struct Admitted {
    jobs: Vec<Dispatched>,
    /// For each of them.
    leaves: Vec<CallPermits>,
    lanes: Arc<TenantLanes>,
    /// Of the campaign of the one job that has one.
    ceiling: Option<Lane>,
    slots: Option<Slots>,
}

impl Handler {
    /// Has the jobs of a delivery claimed as there is leave for them, and called.
    pub(crate) async fn handle(self: Arc<Self>, mut delivery: Delivery) {
        let to_look_at: Vec<_> = delivery.jobs.extract_if(.., |job| job.looks_only).collect();
        if !to_look_at.is_empty()
            && let Some(slots) = delivery.slots.split(to_look_at.len())
        {
            let looks = Delivery {
                tenant: delivery.tenant.clone(),
                jobs: to_look_at,
                slots,
            };
            tokio::spawn(Arc::clone(&self).take_to_look_at(looks));
        }
        if delivery.jobs.is_empty() {
            return;
        }
        if delivery.jobs.len() > 1 {
            // A ceiling is waited for by itself: it holds up nobody else's jobs.
            for job in delivery.jobs.extract_if(.., |job| job.rate.is_some()) {
                if let Some(slots) = delivery.slots.split(1) {
                    let alone = Delivery {
                        tenant: delivery.tenant.clone(),
                        jobs: vec![job],
                        slots,
                    };
                    tokio::spawn(Arc::clone(&self).take_in(alone));
                }
            }
        }
        self.take_in(delivery).await;
    }

    async fn take_in(self: Arc<Self>, delivery: Delivery) {
        let jobs: Vec<ClaimKey> = delivery.jobs.iter().map(|job| job.key).collect();
        let tenant = delivery.tenant.clone();
        let admitting = std::pin::pin!(self.admit(delivery));
        self.guarded(&tenant, &jobs, admitting).await;
    }

    /// Should it panic, the jobs may have been called: they go back, to be looked at first.
    pub(crate) async fn guarded(
        &self,
        tenant: &TenantName,
        jobs: &[ClaimKey],
        // Where it is: it may be large, and each wrapper would move it.
        work: Pin<&mut impl Future<Output = ()>>,
    ) {
        if AssertUnwindSafe(work).catch_unwind().await.is_err() {
            for job in jobs {
                let taken_back = self.take_back(tenant, *job).await;
                self.heed(*job, taken_back);
            }
        }
        self.wake.notify_one();
    }

    async fn admit(self: &Arc<Self>, delivery: Delivery) {
        let Delivery {
            tenant,
            mut jobs,
            mut slots,
        } = delivery;
        let deadline = Instant::now() + PATIENCE;
        while !jobs.is_empty() {
            let patience = deadline.saturating_duration_since(Instant::now());
            let Some(mut admitted) = self.leave(&tenant, &mut jobs, patience).await else {
                self.put_back(&jobs).await;
                return;
            };
            let now = self.clock.now();
            let late = admitted.turn_away_late(now);
            self.put_back(&late).await;
            if admitted.jobs.is_empty() {
                continue;
            }
            admitted.slots = slots.split(admitted.jobs.len());
            if jobs.is_empty() {
                self.claim(admitted).await;
            } else {
                // Leave for the others is not waited for until these are claimed.
                let handler = Arc::clone(self);
                tokio::spawn(async move { handler.claim(admitted).await });
            }
        }
    }

    /// Leave to call some of a tenant's jobs, which it takes from them, while the tenant's lane is
    /// held.
    async fn leave(
        &self,
        tenant: &TenantName,
        jobs: &mut Vec<Dispatched>,
        patience: Duration,
    ) -> Option<Admitted> {
        let lanes = self.lanes.get(tenant, self.clock.now())?;
        let first = jobs.first()?;
        let ceiling = match first.rate {
            Some(rate) => Some(lanes.ceilings.lane(first.key.campaign, rate)?),
            None => None,
        };
        let context = CallContext {
            lanes: &lanes,
            ceiling: ceiling.as_ref(),
            until: None,
            rule: None,
            seen_at: None,
            claimed: self.commit.moment(),
            between_steps: false,
            looks_only: false,
        };
        let leaves = self.permits(context, jobs.len(), patience).await;
        let leaves = self.while_held(&lanes, leaves, self.clock.now())?;
        let left = jobs.split_off(leaves.len());
        let jobs = std::mem::replace(jobs, left);
        Some(Admitted {
            jobs,
            leaves,
            lanes,
            ceiling,
            slots: None,
        })
    }

    pub(crate) async fn put_back(&self, jobs: &[Dispatched]) {
        if jobs.is_empty() {
            return;
        }
        let queued: Vec<ClaimKey> = jobs.iter().map(|job| job.key).collect();
        if let Err(failure) = self.commit.recall(queued.clone()).await {
            for job in queued {
                self.heed(job, Err(failure.clone()));
            }
        }
    }

    /// Claims jobs that have leave, and has those called that it got.
    async fn claim(self: &Arc<Self>, admitted: Admitted) {
        let tenant = admitted.lanes.tenant.name.clone();
        let queued: Vec<ClaimKey> = admitted.jobs.iter().map(|job| job.key).collect();
        let claiming = std::pin::pin!(self.claim_all(admitted, queued.clone()));
        self.guarded(&tenant, &queued, claiming).await;
    }

    async fn claim_all(self: &Arc<Self>, admitted: Admitted, queued: Vec<ClaimKey>) {
        let Admitted {
            jobs,
            mut leaves,
            lanes,
            ceiling,
            slots,
        } = admitted;
        let before_claim = self.commit.moment();
        let claimed = match self.commit.claim_all(queued).await {
            Ok(claimed) => claimed,
            Err(failure) => {
                for job in &jobs {
                    self.heed(job.key, Err(failure.clone()));
                }
                Vec::new()
            }
        };
        // Others were paused, cancelled or taken by somebody else since they were dispatched.
        for leave in leaves.drain(claimed.len()..) {
            leave.settle(Answer::NotSent);
        }
        lanes
            .claimed
            .fetch_add(claimed.len() as u64, Ordering::Relaxed);
        let slots = Arc::new(slots);
        let ready = claimed.into_iter().zip(leaves).map(|(job, leave)| {
            let dispatched = jobs.iter().find(|its| its.key == job.key);
            Ready {
                until: dispatched.and_then(|its| its.until),
                rule: dispatched.and_then(|its| its.sighting),
                job,
                leave,
                lanes: Arc::clone(&lanes),
                ceiling: ceiling.clone(),
                claimed: before_claim,
                slots: Arc::clone(&slots),
            }
        });
        let now = self.clock.now();
        let (one_call, others): (Vec<_>, Vec<_>) = ready.partition(|ready| ready.is_one_call(now));
        self.ready.push(one_call);
        for ready in others {
            // It may wait for a look, or for another step: that is no caller's time.
            let handler = Arc::clone(self);
            tokio::spawn(async move { handler.carry_out(ready).await });
        }
    }
}

impl Admitted {
    /// Those whose time has passed while leave was waited for: they have it no more.
    fn turn_away_late(&mut self, now: Timestamp) -> Vec<Dispatched> {
        let is_late = |job: &mut Dispatched| job.until.is_some_and(|until| until <= now);
        let late: Vec<Dispatched> = self.jobs.extract_if(.., is_late).collect();
        for leave in self.leaves.drain(self.jobs.len()..) {
            leave.settle(Answer::NotSent);
        }
        late
    }
}
