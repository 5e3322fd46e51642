//! Who handles deliveries, and how many at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::Delivery;

/// The fewest deliveries of one tenant that travel together, where there are as many.
pub(crate) const PARCEL_MIN: usize = 32;

/// The most: no process keeps others waiting for what it has taken.
const PARCEL_MAX: usize = 128;

/// How many of so many deliveries of one tenant travel together: a way through Redis takes a moment
/// however many go it, but some are to be left for whoever else takes from the wire.
pub(crate) fn parcel(deliveries: usize) -> usize {
    (deliveries / 4).clamp(PARCEL_MIN, PARCEL_MAX)
}

/// A handler, and as many places as it may run in at once.
#[derive(Clone)]
pub(crate) struct Hands<F> {
    handler: F,
    places: Arc<Semaphore>,
    count: u32,
    pub(crate) stop: CancellationToken,
}

impl<F, Fut> Hands<F>
where
    F: Fn(Delivery) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    pub(crate) fn new(handler: F, count: usize, stop: CancellationToken) -> Self {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            handler,
            places: Arc::new(Semaphore::new(count as usize)),
            count,
            stop,
        }
    }

    /// A place for one delivery; none any more when it is time to stop.
    pub(crate) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            place = Arc::clone(&self.places).acquire_owned() => place.ok(),
        }
    }

    /// Has a delivery handled: on every core, and one that panics takes nothing with it but its
    /// lease.
    pub(crate) fn begin(&self, delivery: Delivery, place: OwnedSemaphorePermit) {
        let handler = self.handler.clone();
        tokio::spawn(async move {
            handler(delivery).await;
            drop(place);
        });
    }

    /// Waits until every handler has ended.
    pub(crate) async fn rest(&self) {
        // Never closed.
        let _ = self.places.acquire_many(self.count).await;
    }
}
