//! How long what this process has claimed is still its own.
//!
//! A process that was frozen does not know it: it wakes in the middle of a job that another has
//! taken over, looked at and finished. So each call is preceded by a look at the clock. The race it
//! accepts: a process that freezes between that look and the sending of the call.
//!
//! A renewal renews what the ledger still holds to be this process's. Of what was claimed before a
//! gap between two renewals it says nothing: others may have had that since.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use repilot_domain::Timestamp;

pub(crate) use repilot_ledger::LEASE;

/// Three chances to renew a lease.
pub(crate) const RENEW_EVERY: Duration = Duration::from_secs(3);

/// A lease that ends sooner than this may be over before the call arrives.
const MARGIN: Duration = Duration::from_secs(1);

/// Since when the leases of this process have been renewed without a gap, and until when.
#[derive(Debug, Default)]
pub(crate) struct Lease {
    since: AtomicI64,
    until: AtomicI64,
}

impl Lease {
    /// Everything that this process holds is renewed until then; told by one task alone.
    pub(crate) fn renewed(&self, now: Timestamp, until: Timestamp) {
        if now.as_millis() >= self.until.load(Ordering::Relaxed) {
            self.since.store(now.as_millis(), Ordering::Release);
        }
        // The second, so that whoever reads this one reads the other, too.
        self.until.store(until.as_millis(), Ordering::Release);
    }

    /// Whether a job that was claimed until `claimed_until` may still be called.
    pub(crate) fn covers(&self, claimed_until: Timestamp, now: Timestamp) -> bool {
        let renewed_until = Timestamp::from_millis(self.until.load(Ordering::Acquire));
        let renewed_since = Timestamp::from_millis(self.since.load(Ordering::Acquire));
        let holds_until = if claimed_until > renewed_since {
            claimed_until.max(renewed_until)
        } else {
            claimed_until
        };
        now.after(MARGIN) < holds_until
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
        let renewed = start.after(RENEW_EVERY);
        lease.renewed(renewed, renewed.after(LEASE));
        assert!(lease.covers(claimed_until, claimed_until.before(MARGIN)));
        let frozen = start.after(Duration::from_mins(1));
        assert!(!lease.covers(claimed_until, frozen));
    }

    #[test]
    fn what_was_claimed_before_a_gap_between_renewals_is_not_covered_by_the_next() {
        let lease = Lease::default();
        let start = Timestamp::from_millis(1_000_000);
        lease.renewed(start, start.after(LEASE));
        let awake = start.after(LEASE * 2);
        lease.renewed(awake, awake.after(LEASE));
        assert!(!lease.covers(start.after(LEASE), awake));
        let claimed_until = awake.after(LEASE);
        let later = awake.after(RENEW_EVERY);
        lease.renewed(later, later.after(LEASE));
        assert!(lease.covers(claimed_until, claimed_until));
    }
}
