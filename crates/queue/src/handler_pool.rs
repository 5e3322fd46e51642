//! Who handles deliveries, and how many jobs at once.

use std::sync::Arc;

use repilot_domain::TenantName;
use repilot_ledger::Dispatched;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::Delivery;
use crate::delivery::Slots;

/// The fewest jobs of one tenant that travel together, where there are as many.
pub(crate) const MESSAGE_MIN: usize = 32;

/// The most: no process keeps others waiting for what it has taken.
const MESSAGE_MAX: usize = 256;

/// How many of so many jobs of one tenant travel together: a way through Redis takes a moment however
/// many go it, but some are to be left for whoever else takes from the wire.
pub(crate) fn message_size(jobs: usize) -> usize {
    (jobs / 4).clamp(MESSAGE_MIN, MESSAGE_MAX)
}

/// A handler, and as many places as jobs may be in hand at once.
#[derive(Clone)]
pub(crate) struct HandlerPool<F> {
    handler: F,
    slots: Arc<Semaphore>,
    count: u32,
    pub(crate) stop: CancellationToken,
}

impl<F, Fut> HandlerPool<F>
where
    F: Fn(Delivery) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    pub(crate) fn new(handler: F, count: usize, stop: CancellationToken) -> Self {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            handler,
            slots: Arc::new(Semaphore::new(count as usize)),
            count,
            stop,
        }
    }

    /// Slots for up to so many jobs: waits for one, and takes what there is; none any more when it is
    /// time to stop.
    pub(crate) async fn places(&self, most: usize) -> Option<Slots> {
        let mut slots = tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            place = Arc::clone(&self.slots).acquire_owned() => place.ok()?,
        };
        let more = self.slots.available_permits().min(most - 1);
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        // Others may have been quicker: then there is one.
        if let Ok(more) = Arc::clone(&self.slots).try_acquire_many_owned(more) {
            slots.merge(more);
        }
        Some(Slots(slots))
    }

    /// Has jobs of a tenant handled, as places become free; `taken` hears how many at a time. Whether
    /// all were begun before it was time to stop.
    pub(crate) async fn take_up(
        &self,
        tenant: &TenantName,
        mut jobs: Vec<Dispatched>,
        taken: impl Fn(usize),
    ) -> bool {
        while !jobs.is_empty() {
            let Some(slots) = self.places(jobs.len()).await else {
                return false;
            };
            let rest = jobs.split_off(slots.0.num_permits());
            taken(jobs.len());
            let delivery = Delivery {
                tenant: tenant.clone(),
                jobs: std::mem::replace(&mut jobs, rest),
                slots,
            };
            // On every core, and one that panics takes nothing with it but its leases.
            tokio::spawn((self.handler)(delivery));
        }
        true
    }

    /// Waits until every handler has ended.
    pub(crate) async fn rest(&self) {
        // Never closed.
        let _ = self.slots.acquire_many(self.count).await;
    }
}
