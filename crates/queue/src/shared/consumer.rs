//! What takes a message up: the jobs in it get slots, and a handler.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use repilot_domain::WithCauses;

use super::in_flight;
use super::message::Message;
use super::queue::Queue;
use crate::Delivery;
use crate::handler_pool::HandlerPool;

/// Takes messages up.
#[derive(Clone)]
pub(super) struct Consumer<F> {
    pub(super) pool: HandlerPool<F>,
    pub(super) redis: MultiplexedConnection,
    pub(super) queue: Arc<Queue>,
    pub(super) worker: String,
}

impl<F, Fut> Consumer<F>
where
    F: Fn(Delivery) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    /// Hands a message over; ends once there is a place for the next. What apalis hears is success:
    /// if Redis failed, the worker learns it when it fetches.
    pub(super) async fn take_up(mut self, message: Message, task: &str) {
        if let Some((tenant, jobs)) = message.open()
            && !self.pool.take_up(&tenant, jobs, |_| {}).await
        {
            return;
        }
        let removed = in_flight::remove(&mut self.redis, &self.queue, &self.worker, task).await;
        if let Err(error) = removed {
            tracing::debug!(
                error = %WithCauses(&error),
                "what was taken from the wire is still on it, and comes again"
            );
        }
        drop(self.pool.places(1).await);
    }
}
