//! What travels on the wire.

use repilot_domain::TenantName;
use repilot_ledger::Dispatched;

/// A job's turn. Delivered at least once: the claim decides whether it is still meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Whose lane the job needs before it is claimed.
    pub tenant: TenantName,
    /// The job, as it was dispatched.
    pub dispatched: Dispatched,
}
