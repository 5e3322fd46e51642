//! The wire within one process: apalis over its in-memory backend. Jobs travel in messages, so that what
//! apalis does for each costs a job little.

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
use repilot_ledger::Dispatched;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::handler_pool::{HandlerPool, message_size};
use crate::{Delivery, WireError, WireHealth};

/// Jobs of a tenant that travel together.
type Message = (TenantName, Vec<Dispatched>);

/// The sending side, and the count of what is on the wire.
#[derive(Clone)]
pub(crate) struct Sender {
    // Not apalis's own sink: it panics when two use it at once, and its worker does all the time.
    tasks: mpsc::UnboundedSender<Task<Message>>,
    waiting: Arc<Waiting>,
    health: watch::Sender<WireHealth>,
}

/// The receiving side.
pub(crate) struct Receiver {
    storage: MemoryStorage<Message>,
    waiting: Arc<Waiting>,
}

/// Jobs that no handler has taken up yet, by tenant.
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

    fn take(&self, tenant: &TenantName, count: usize) {
        if let Some(waiting) = self.counts().get_mut(tenant) {
            *waiting = waiting.saturating_sub(count);
        }
    }
}

/// A wire and its receiving side.
pub(crate) fn wire() -> (Sender, Receiver) {
    let (tasks, receiver) = mpsc::unbounded();
    let sink = Box::new(tasks.clone().sink_map_err(Into::into));
    let sink = MemorySink::new(Arc::new(futures::lock::Mutex::new(sink)));
    let storage = MemoryStorage::new_with(sink, receiver.boxed());
    let waiting = Arc::new(Waiting::default());
    let sender = Sender {
        tasks,
        waiting: Arc::clone(&waiting),
        health: watch::Sender::new(WireHealth::Up { outages: 0 }),
    };
    (sender, Receiver { storage, waiting })
}

impl Sender {
    /// Puts jobs of one tenant on the wire.
    pub(crate) fn push(&self, tenant: &TenantName, jobs: &[Dispatched]) -> Result<(), WireError> {
        self.waiting.add(tenant, jobs.len());
        for message in jobs.chunks(message_size(jobs.len())) {
            self.tasks
                .unbounded_send(Task::new((tenant.clone(), message.to_vec())))
                .map_err(|_closed| WireError::Closed)?;
        }
        Ok(())
    }

    /// How many jobs of a tenant no handler has taken up yet.
    pub(crate) fn waiting(&self, tenant: &TenantName) -> usize {
        self.waiting.counts().get(tenant).copied().unwrap_or(0)
    }

    /// It always carries.
    pub(crate) fn health(&self) -> watch::Receiver<WireHealth> {
        self.health.subscribe()
    }
}

impl Receiver {
    /// Hands deliveries to `handler`, up to `concurrency` jobs at once, until `stop`; then waits for
    /// those that have begun.
    pub(crate) async fn run<F, Fut>(
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
        let pool = HandlerPool::new(handler, concurrency, stop.clone());
        let consumer = pool.clone();
        let waiting = self.waiting;
        let worker = WorkerBuilder::new(name)
            .backend(self.storage)
            // The next message is taken when this one is handed over.
            .concurrency(1)
            .build(move |(tenant, jobs): Message| {
                let (pool, waiting) = (consumer.clone(), Arc::clone(&waiting));
                async move {
                    let take = |count| waiting.take(&tenant, count);
                    // What is left when it is time to stop goes back with all that is queued.
                    pool.take_up(&tenant, jobs, take).await;
                }
            });
        let stopped = async move {
            stop.cancelled().await;
            Ok::<(), WorkerError>(())
        };
        let ended = worker.run_until(stopped).await;
        pool.rest().await;
        ended.map_err(WireError::Worker)
    }
}
