//! The wire, whichever it is: nothing downstream asks.

use std::sync::Arc;

use apalis_core::error::WorkerError;
use repilot_domain::{Clock, TenantName};
use repilot_ledger::Dispatched;
use repilot_redis::RedisAddress;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::shared;
use crate::{Delivery, WireHealth, memory};

/// A wire that does not carry.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// It no longer takes jobs.
    #[error("the wire takes no more jobs")]
    Closed,
    /// Its worker ended when nobody asked it to.
    #[error("the wire's worker ended")]
    Worker(#[source] WorkerError),
    /// As many jobs wait on it as it may carry.
    #[error("the wire is full: workers take jobs more slowly than they are dispatched")]
    Full,
    /// Redis cannot be reached, or refuses.
    #[error("the wire is down: {address} failed")]
    Redis {
        /// Where it is, without what opens it.
        address: RedisAddress,
        /// What it said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Redis is there and says nothing.
    #[error("the wire is down: {address} does not answer")]
    Silent {
        /// Where it is, without what opens it.
        address: RedisAddress,
    },
}

/// The sending side of a wire; cheap to clone.
#[derive(Clone)]
pub struct Wire(Sending);

#[derive(Clone)]
enum Sending {
    Memory(memory::Sender),
    Shared(shared::Sender),
}

/// The receiving side of a wire.
pub struct Receiver(Receiving);

enum Receiving {
    Memory(memory::Receiver),
    Shared(shared::Receiver),
}

impl Wire {
    /// A wire within this process, and its receiving side.
    #[must_use]
    pub fn in_memory() -> (Self, Receiver) {
        let (sender, receiver) = memory::wire();
        (
            Self(Sending::Memory(sender)),
            Receiver(Receiving::Memory(receiver)),
        )
    }

    /// This process's ends of the wire that all processes share which name this Redis and this
    /// prefix of keys. Nothing is connected before it is used.
    #[must_use]
    pub fn shared(address: RedisAddress, prefix: &str, clock: Arc<dyn Clock>) -> (Self, Receiver) {
        let (sender, receiver) = shared::wire(address, prefix, clock);
        (
            Self(Sending::Shared(sender)),
            Receiver(Receiving::Shared(receiver)),
        )
    }

    /// Puts jobs of one tenant on the wire.
    pub async fn push(&self, tenant: &TenantName, jobs: &[Dispatched]) -> Result<(), WireError> {
        match &self.0 {
            Sending::Memory(sender) => sender.push(tenant, jobs),
            Sending::Shared(sender) => sender.push(tenant, jobs).await,
        }
    }

    /// How many jobs of a tenant no handler has taken up yet; none where other processes
    /// take them, too: there only the ledger knows.
    #[must_use]
    pub fn waiting(&self, tenant: &TenantName) -> Option<usize> {
        match &self.0 {
            Sending::Memory(sender) => Some(sender.waiting(tenant)),
            Sending::Shared(_) => None,
        }
    }

    /// Whether other processes send and receive on it.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self.0, Sending::Shared(_))
    }

    /// How many more jobs of one tenant it carries; an error while it carries none.
    pub async fn room(&self) -> Result<usize, WireError> {
        match &self.0 {
            Sending::Memory(_) => Ok(usize::MAX),
            Sending::Shared(sender) => sender.room().await,
        }
    }

    /// The most of its jobs that one of so many tenants should have waiting.
    #[must_use]
    pub fn share(&self, tenants: usize) -> usize {
        match &self.0 {
            Sending::Memory(_) => SHARE_MAX,
            Sending::Shared(_) => shared::share(tenants).min(SHARE_MAX),
        }
    }

    /// Whether this process can take deliveries from it, now and from now on.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<WireHealth> {
        match &self.0 {
            Sending::Memory(sender) => sender.health(),
            Sending::Shared(sender) => sender.health(),
        }
    }
}

/// More than any lane takes in a moment: what waits on the wire is late to be paused.
const SHARE_MAX: usize = 4_096;

impl Receiver {
    /// Hands deliveries to `handler`, up to `concurrency` jobs at once, until `stop`; then waits for
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
        match self.0 {
            Receiving::Memory(receiver) => receiver.run(name, concurrency, handler, stop).await,
            Receiving::Shared(receiver) => {
                receiver.run(name, concurrency, handler, stop).await;
                Ok(())
            }
        }
    }
}
