//! Figures of campaigns that pages and acts say alike.

use repilot_domain::Verification;
use repilot_ledger::Campaign;

/// How many devices a verification found as if nothing had been done.
pub(crate) fn unchanged(campaign: &Campaign) -> i64 {
    let counts = &campaign.counts.verification;
    let may = |found: &&Verification| found.may_be_done_again();
    let of = |found: &Verification| counts.get(found.as_str());
    Verification::ALL.iter().filter(may).filter_map(of).sum()
}
