//! What comes over the wire.

use repilot_domain::TenantName;
use repilot_ledger::Dispatched;
use tokio::sync::OwnedSemaphorePermit;

/// Jobs of one tenant whose turn it is. Each comes at least once: the claim decides whether it is
/// still meant.
#[derive(Debug)]
pub struct Delivery {
    /// Whose lane the jobs need before they are claimed.
    pub tenant: TenantName,
    /// The jobs, as they were dispatched.
    pub jobs: Vec<Dispatched>,
    /// A place for each of them.
    pub slots: Slots,
}

/// Slots among the jobs that a process has in hand: until they are dropped, no others take them.
#[derive(Debug)]
pub struct Slots(pub(crate) OwnedSemaphorePermit);

impl Slots {
    /// So many of them, or as many as there are, to be dropped by themselves.
    #[must_use]
    pub fn split(&mut self, count: usize) -> Option<Self> {
        self.0.split(count.min(self.0.num_permits())).map(Self)
    }
}
