//! What takes a parcel up: the jobs in it get places, and a handler.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use repilot_domain::WithCauses;

use super::custody;
use super::parcel::Parcel;
use super::queue::Queue;
use crate::Delivery;
use crate::hands::Hands;

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
        if let Some((tenant, jobs)) = parcel.open()
            && !self.hands.take_up(&tenant, jobs, |_| {}).await
        {
            return;
        }
        let removed = custody::remove(&mut self.redis, &self.queue, &self.worker, task).await;
        if let Err(error) = removed {
            tracing::debug!(
                error = %WithCauses(&error),
                "what was taken from the wire is still on it, and comes again"
            );
        }
        drop(self.hands.places(1).await);
    }
}
