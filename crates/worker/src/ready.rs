//! Jobs that are claimed and have leave to be called, until somebody calls them.
//!
//! As many tasks as calls may be under way take one after the other: a job that waits is a row in a
//! queue, and none of its own, so that thousands in hand cost little.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use repilot_domain::{Stepped, Timestamp};
use repilot_ledger::{BatchNumber, ClaimedJob, SightingRule};
use repilot_queue::Slots;
use repilot_throttle::Lane;
use tokio::sync::Semaphore;

use crate::lanes::TenantLanes;
use crate::permits::CallPermits;
use crate::policy::{Precaution, precaution};

/// A job that is claimed, and may be called.
pub(crate) struct Ready {
    pub(crate) job: ClaimedJob,
    pub(crate) leave: CallPermits,
    pub(crate) lanes: Arc<TenantLanes>,
    /// Its campaign's own.
    pub(crate) ceiling: Option<Lane>,
    /// It is not called from then on.
    pub(crate) until: Option<Timestamp>,
    /// How its device is to be seen before it is called; none where nothing is asked.
    pub(crate) rule: Option<SightingRule>,
    /// When its claim was asked for.
    pub(crate) claimed: BatchNumber,
    /// Those of the jobs that were claimed with it: they become free together.
    pub(crate) slots: Arc<Option<Slots>>,
}

impl Ready {
    /// Whether one call is all that there is to it, as far as is known.
    pub(crate) fn is_one_call(&self, now: Timestamp) -> bool {
        let before = precaution(&self.job, self.rule.as_ref(), None, false, now);
        before == Precaution::Nothing && matches!(self.job.progress.succeeded(), Stepped::Over)
    }
}

/// Those that wait to be called.
pub(crate) struct ReadyQueue {
    jobs: Mutex<VecDeque<Ready>>,
    /// As many as there are jobs.
    there: Semaphore,
}

impl ReadyQueue {
    pub(crate) fn new() -> Self {
        Self {
            jobs: Mutex::default(),
            there: Semaphore::new(0),
        }
    }

    pub(crate) fn push(&self, ready: Vec<Ready>) {
        let count = ready.len();
        self.jobs().extend(ready);
        self.there.add_permits(count);
    }

    /// The next job; none any more once it is closed.
    pub(crate) async fn next(&self) -> Option<Ready> {
        self.there.acquire().await.ok()?.forget();
        self.jobs().pop_front()
    }

    /// Nobody waits for jobs any more.
    pub(crate) fn close(&self) {
        self.there.close();
    }

    fn jobs(&self) -> MutexGuard<'_, VecDeque<Ready>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
