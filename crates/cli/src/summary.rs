//! What a campaign came to.

use repilot_domain::{DeadReason, Timestamp};
use repilot_ledger::Campaign;

use crate::output::{lasting, plain};

/// A campaign in words, with what to do next; `command` is how the person calls the program.
pub(crate) fn described(campaign: &Campaign, command: &str, now: Timestamp) -> String {
    let counts = &campaign.counts;
    let state = if campaign.has_ended() {
        "ended".to_owned()
    } else {
        match campaign.status.as_str() {
            "active" => "not ended yet".to_owned(),
            status => format!("{status}: {}", plain(&campaign.status_reason)),
        }
    };
    let mut lines = vec![format!("Campaign {} {state}", campaign.name)];
    lines.push(format!(
        "  succeeded  {} of {}",
        counts.succeeded, counts.total
    ));
    if counts.open() > 0 {
        lines.push(format!("  left       {}", counts.open()));
    }
    for (label, count) in [("cancelled", counts.cancelled), ("skipped", counts.skipped)] {
        if count > 0 {
            lines.push(format!("  {label:9}  {count}"));
        }
    }
    if counts.refused() > 0 {
        let reasons: Vec<String> = counts
            .refused_by_reason
            .iter()
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        lines.push(format!(
            "  refused    {} rows of the list: {}",
            counts.refused(),
            reasons.join(", ")
        ));
    }
    if counts.dead > 0 {
        lines.push(format!("  dead       {}", counts.dead));
        for (word, count) in &counts.dead_by_reason {
            let meaning = word.parse::<DeadReason>().map_or("", DeadReason::meaning);
            lines.push(format!("    {word} {count}: {meaning}"));
        }
    }
    if let Some(started) = campaign.started_at {
        let until = campaign.ended_at.unwrap_or(now);
        lines.push(format!(
            "  time       {}, {} calls, {} × 429",
            lasting(until.since(started)),
            counts.calls,
            counts.throttled
        ));
    }
    let name = &campaign.name;
    lines.push(format!("  look       {command} jobs {name}"));
    lines.push(format!(
        "  export     {command} export {name} --format csv > {name}.csv"
    ));
    if counts.dead > 0 {
        lines.push(format!(
            "  dead ones  {command} dead list --campaign {name}"
        ));
    }
    lines.join("\n")
}
