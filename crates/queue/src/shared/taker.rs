//! What takes a parcel up: each delivery in it gets a place, and then a handler.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use redis::aio::MultiplexedConnection;
use repilot_domain::WithCauses;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::custody;
use super::parcel::Parcel;
use super::queue::Queue;
use crate::Delivery;

/// Who handles, and how many at once.
#[derive(Clone)]
pub(super) struct Hands<F> {
    pub(super) handler: F,
    pub(super) places: Arc<Semaphore>,
    pub(super) stop: CancellationToken,
}

impl<F, Fut> Hands<F>
where
    F: Fn(Delivery) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    /// A place for one delivery; none any more when it is time to stop.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            place = Arc::clone(&self.places).acquire_owned() => place.ok(),
        }
    }

    /// Has a delivery handled: on every core, and one that panics takes nothing with it but its
    /// lease.
    fn begin(&self, delivery: Delivery, place: OwnedSemaphorePermit) {
        let handler = self.handler.clone();
        tokio::spawn(async move {
            let job = delivery.dispatched.job;
            let handling = AssertUnwindSafe(async { handler(delivery).await });
            if handling.catch_unwind().await.is_err() {
                tracing::error!(job.id = job.0, "a handler failed");
            }
            drop(place);
        });
    }
}

/// Takes parcels up.
#[derive(Clone)]
pub(super) struct Taker<F> {
    pub(super) hands: Hands<F>,
    pub(super) redis: MultiplexedConnection,
    pub(super) queue: Arc<Queue>,
    pub(super) worker: String,
}

impl<F, Fut> Taker<F>
where
    F: Fn(Delivery) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    /// Hands a parcel over; ends once there is a place for the next. What apalis hears is success:
    /// if Redis failed, the worker learns it when it fetches.
    pub(super) async fn take_up(mut self, parcel: Parcel, task: &str) {
        for delivery in parcel.open() {
            let Some(place) = self.hands.place().await else {
                return;
            };
            self.hands.begin(delivery, place);
        }
        let removed = custody::remove(&mut self.redis, &self.queue, &self.worker, task).await;
        if let Err(error) = removed {
            tracing::debug!(
                error = %WithCauses(&error),
                "what was taken from the wire is still on it, and comes again"
            );
        }
        drop(self.hands.place().await);
    }
}
