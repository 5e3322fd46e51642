//! What a campaign came to.

use repilot_domain::standing::Standing;
use repilot_domain::{Action, DeadReason, Timestamp, Verification};
use repilot_ledger::Campaign;

use crate::app::quoted;
use crate::campaign::without_user::alarm;
use crate::plan::controls_text;
use crate::standings;
use crate::terminal::output::{lasting, moment, plain, plural, zone};

/// Says how many devices may have been called without anybody's knowing.
fn uncertain(jobs: i64) -> Option<String> {
    (jobs > 0).then(|| {
        format!("  uncertain  {jobs}: nobody knows what came of their calls; a worker looks first")
    })
}

/// How many jobs stand between two steps, if any does.
fn between(jobs: i64) -> Option<String> {
    if jobs == 0 {
        return None;
    }
    let jobs = plural(jobs, "job", "jobs");
    Some(format!(
        "  between    {jobs} between two steps: unassigned, and not yet assigned to the new user"
    ))
}

/// What comes first: devices that have no user now, how it stands, and what to do.
fn head(campaign: &Campaign, standing: &Standing, command: &str) -> Vec<String> {
    let mut lines = alarm(campaign, command);
    lines.push(format!(
        "Campaign {}: {}",
        campaign.name,
        plain(&standing.in_words())
    ));
    for act in &standing.acts {
        let words = act.words();
        lines.push(match standings::to_type(*act, campaign, command) {
            Some(typed) => format!("  do         {typed}  ({words})"),
            None => format!("  do         {words}"),
        });
    }
    lines
}

/// How fast it goes, and when it is over, where somebody can say.
fn pace(campaign: &Campaign, standing: &Standing, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(rate) = standing.rate_per_second {
        lines.push(format!("  rate       {rate:.1}/s"));
    }
    let own = &campaign.controls.schedule.zone;
    let zone = if own.is_utc() { zone() } else { own };
    if !standing.state.is_over()
        && let Some(over) = standing.over_in_words(zone, now)
    {
        lines.push(format!("  over       {over}"));
    }
    lines
}

/// A campaign in words, with what to do next; `command` is how the person calls the program.
pub(crate) fn described(
    campaign: &Campaign,
    standing: &Standing,
    command: &str,
    now: Timestamp,
) -> String {
    let counts = &campaign.counts;
    let mut lines = head(campaign, standing, command);
    if campaign.action != Action::Unassign {
        lines.push(format!("  action     {}", campaign.action));
    }
    lines.push(format!(
        "  succeeded  {} of {}",
        counts.succeeded, counts.total
    ));
    if counts.open() > 0 {
        lines.push(format!("  left       {}", counts.open()));
    }
    lines.extend(pace(campaign, standing, now));
    lines.extend(between(counts.between_steps));
    lines.extend(uncertain(counts.uncertain));
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
            "  refused    {} of its lists: {}",
            plural(counts.refused(), "row", "rows"),
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
    if let Some(verified_at) = campaign.verified_at {
        let said: Vec<String> = Verification::ALL
            .iter()
            .filter_map(|found| {
                let jobs = counts.verification.get(found.as_str())?;
                Some(format!("{jobs} {}", found.words()))
            })
            .collect();
        lines.push(format!(
            "  verified   {}, by the inventory of {}",
            said.join(", "),
            moment(verified_at)
        ));
    }
    if let Some(pruned_at) = campaign.pruned_at {
        lines.push(format!(
            "  forgotten  its jobs, users and attempts, on {}; these totals are kept",
            moment(pruned_at)
        ));
    }
    if let Some(started) = campaign.started_at {
        let until = campaign.ended_at.unwrap_or(now);
        lines.push(format!(
            "  time       {}, {}, {} × 429",
            lasting(until.since(started)),
            plural(counts.calls, "call", "calls"),
            counts.throttled
        ));
    }
    if !campaign.has_ended() {
        for (label, words) in controls_text::in_words(&campaign.controls) {
            lines.push(format!("  {label:<9}  {words}"));
        }
    }
    let name = quoted(&campaign.name);
    lines.push(format!("  look       {command} jobs {name}"));
    lines.push(format!("  export     {command} export {name}"));
    if counts.refused() > 0 {
        lines.push(format!("  refused    {command} refused {name}"));
    }
    if counts.dead > 0 {
        lines.push(format!(
            "  dead ones  {command} dead list --campaign {name}"
        ));
    }
    lines.join("\n")
}
