//! A campaign's progress as a bar of its states.

use maud::{Markup, html};
use repilot_ledger::CampaignCounts;

use super::number::{count, share};

/// The bar's length in its own units.
const LENGTH: i64 = 1_000;

/// The bar: what is over from the left, what is still to come at the right.
pub(crate) fn bar(counts: &CampaignCounts) -> Markup {
    let stretches = [
        ("succeeded", counts.succeeded),
        ("dead", counts.dead),
        ("over", counts.cancelled + counts.skipped),
        ("running", counts.running),
        ("queued", counts.queued),
    ];
    let mut until = 0;
    let parts = stretches.map(|(name, jobs)| {
        let from = until;
        until = (from + stretch(jobs, counts.total)).min(LENGTH);
        (name, from, until - from)
    });
    let label = format!(
        "{} succeeded of {}, {} dead, {} to go",
        count(counts.succeeded),
        count(counts.total),
        count(counts.dead),
        count(counts.open())
    );
    html! {
        svg.bar viewBox=(format!("0 0 {LENGTH} 8")) preserveAspectRatio="none" role="img" aria-label=(label) {
            rect.s-pending width=(LENGTH) height="8" {}
            @for (name, from, width) in parts {
                @if width > 0 {
                    rect class={ "s-" (name) } x=(from) width=(width) height="8" {}
                }
            }
        }
    }
}

/// What is there at all can be seen.
fn stretch(jobs: i64, total: i64) -> i64 {
    if jobs == 0 {
        return 0;
    }
    (jobs * LENGTH / total.max(1)).max(4)
}

/// What is done of all, in words.
pub(crate) fn done(counts: &CampaignCounts) -> String {
    share(counts.total - counts.open(), counts.total)
}
