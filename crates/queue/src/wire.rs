//! The wire within one process: apalis over its in-memory backend.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apalis::layers::WorkerBuilderExt as _;
use apalis_core::backend::memory::{MemorySink, MemoryStorage};
use apalis_core::error::WorkerError;
use apalis_core::task::Task;
use apalis_core::worker::builder::WorkerBuilder;
use futures::channel::mpsc;
use futures::{SinkExt as _, StreamExt as _};
use repilot_domain::TenantName;
use tokio_util::sync::CancellationToken;

use crate::Delivery;

/// A wire that carries nothing any more.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// It no longer takes deliveries.
    #[error("the wire takes no more jobs")]
    Closed,
    /// Its worker ended when nobody asked it to.
    #[error("the wire's worker ended")]
    Worker(#[source] WorkerError),
}

/// The sending side of a wire, and the count of what is on it; cheap to clone.
#[derive(Clone)]
pub struct Wire {
    sink: MemorySink<Delivery>,
    waiting: Arc<Waiting>,
}

/// Deliveries that no handler has taken up yet, by tenant.
#[derive(Debug, Default)]
struct Waiting(Mutex<HashMap<TenantName, usize>>);

impl Waiting {
    fn counts(&self) -> MutexGuard<'_, HashMap<TenantName, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, tenant: &TenantName, count: usize) {
        let mut counts = self.counts();
        if let Some(waiting) = counts.get_mut(tenant) {
            *waiting += count;
        } else {
            counts.insert(tenant.clone(), count);
        }
    }

    fn take(&self, tenant: &TenantName) {
        if let Some(waiting) = self.counts().get_mut(tenant) {
            *waiting = waiting.saturating_sub(1);
        }
    }
}

impl Wire {
    /// A wire and its receiving side.
    #[must_use]
    pub fn in_memory() -> (Self, Receiver) {
        let (sender, receiver) = mpsc::unbounded::<Task<Delivery>>();
        let sender = sender.sink_map_err(Into::into);
        let sink = MemorySink::new(Arc::new(futures::lock::Mutex::new(Box::new(sender))));
        let storage = MemoryStorage::new_with(sink.clone(), receiver.boxed());
        let waiting = Arc::new(Waiting::default());
        let wire = Self {
            sink,
            waiting: Arc::clone(&waiting),
        };
        (wire, Receiver { storage, waiting })
    }

    /// Puts deliveries of one tenant on the wire.
    pub async fn push(
        &self,
        tenant: &TenantName,
        deliveries: Vec<Delivery>,
    ) -> Result<(), WireError> {
        self.waiting.add(tenant, deliveries.len());
        let mut sink = self.sink.clone();
        for delivery in deliveries {
            sink.feed(Task::new(delivery))
                .await
                .map_err(|_closed| WireError::Closed)?;
        }
        sink.flush().await.map_err(|_closed| WireError::Closed)
    }

    /// How many deliveries of a tenant no handler has taken up yet.
    #[must_use]
    pub fn waiting(&self, tenant: &TenantName) -> usize {
        self.waiting.counts().get(tenant).copied().unwrap_or(0)
    }
}

/// The receiving side of a wire.
pub struct Receiver {
    storage: MemoryStorage<Delivery>,
    waiting: Arc<Waiting>,
}

impl Receiver {
    /// Hands deliveries to `handler`, up to `concurrency` at once, until `stop`; then waits for
    /// those that have begun.
    pub async fn run<F, Fut>(
        self,
        name: &str,
        concurrency: usize,
        handler: F,
        stop: CancellationToken,
    ) -> Result<(), WireError>
    where
        F: Fn(Delivery) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let waiting = self.waiting;
        let worker = WorkerBuilder::new(name)
            .backend(self.storage)
            .concurrency(concurrency)
            .build(move |delivery: Delivery| {
                waiting.take(&delivery.tenant);
                let job = delivery.job;
                // A task of its own: handlers run on every core, and one that panics takes
                // nothing with it but its lease.
                let handling = tokio::spawn(handler(delivery));
                async move {
                    if let Err(error) = handling.await {
                        tracing::error!(job.id = job.0, %error, "a handler failed");
                    }
                }
            });
        let stopped = async move {
            stop.cancelled().await;
            Ok::<(), WorkerError>(())
        };
        worker.run_until(stopped).await.map_err(WireError::Worker)
    }
}
