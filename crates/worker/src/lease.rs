//! How long what this process has claimed is still its own.
//!
//! A process that was frozen does not know it: it wakes in the middle of a job that another has
//! taken over, looked at and finished. So each call is preceded by a look at the clock. The race it
//! accepts: a process that freezes between that look and the sending of the call.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use repilot_domain::Timestamp;

/// How long what this process holds stays its own without being renewed: what a killed process
/// leaves behind runs again after as long.
pub(crate) const LEASE: Duration = Duration::from_secs(10);

/// Three chances to renew a lease.
pub(crate) const RENEW_EVERY: Duration = Duration::from_secs(3);

/// A lease that ends sooner than this may be over before the call arrives.
const MARGIN: Duration = Duration::from_secs(1);

/// Until when the leases of this process were last renewed.
#[derive(Debug, Default)]
pub(crate) struct Lease(AtomicI64);

impl Lease {
    /// Everything that this process holds was renewed until then.
    pub(crate) fn renewed(&self, until: Timestamp) {
        self.0.store(until.as_millis(), Ordering::Relaxed);
    }

    /// Whether a job that was claimed until `claimed_until` may still be called.
    pub(crate) fn covers(&self, claimed_until: Timestamp, now: Timestamp) -> bool {
        let renewed_until = Timestamp::from_millis(self.0.load(Ordering::Relaxed));
        now.after(MARGIN) < claimed_until.max(renewed_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_not_called_once_neither_its_claim_nor_a_renewal_covers_it() {
        let lease = Lease::default();
        let start = Timestamp::from_millis(1_000_000);
        let claimed_until = start.after(LEASE);
        assert!(lease.covers(claimed_until, start));
        assert!(!lease.covers(claimed_until, claimed_until.before(MARGIN)));
        lease.renewed(claimed_until.after(RENEW_EVERY));
        assert!(lease.covers(claimed_until, claimed_until.before(MARGIN)));
        let frozen = start.after(Duration::from_mins(1));
        assert!(!lease.covers(claimed_until, frozen));
    }
}
