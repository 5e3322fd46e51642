//! What holds a campaign back, in words.

use repilot_domain::{Controls, Priority, SightedWithin, Timestamp};

use crate::terminal::output::moment;

/// When it is asked who has a device, in words.
pub(crate) fn sighting(within: SightedWithin) -> String {
    match within.limit() {
        None => "never: nobody asks who has a device before its call".to_owned(),
        Some(limit) if limit.is_zero() => {
            "each device is looked at right before its call".to_owned()
        }
        Some(_) => format!("who has a device is asked {within} before its call at most"),
    }
}

/// What holds a campaign back, in words, a line each; nothing where nothing does.
pub(crate) fn in_words(controls: &Controls) -> Vec<(&'static str, String)> {
    let schedule = &controls.schedule;
    let zone = &schedule.zone;
    // With its year, whatever year it is.
    let in_zone =
        |at: Timestamp| format!("{} ({})", zone.shown(at, Timestamp::default()), moment(at));
    let canary = controls.canary.map(|canary| match controls.canary_auto {
        Some(auto) => format!("{canary} first; it goes on by itself if {auto} of them succeed"),
        None => format!("{canary} first; then it waits for `campaign resume`"),
    });
    let breaker = controls
        .max_failures
        .map(|limit| format!("pauses when {limit} of the recent outcomes are dead letters"));
    let windows = (!schedule.windows.is_empty()).then(|| format!("{}, {zone}", schedule.windows));
    let priority =
        (controls.priority != Priority::default()).then(|| controls.priority.to_string());
    let lines = [
        ("canary", canary),
        ("breaker", breaker),
        ("not before", schedule.not_before.map(in_zone)),
        ("window", windows),
        ("deadline", schedule.deadline.map(in_zone)),
        ("priority", priority),
        ("rate", controls.rate.map(|rate| format!("{rate} at most"))),
        ("sighting", Some(sighting(controls.sighted_within))),
    ];
    lines
        .into_iter()
        .filter_map(|(name, words)| Some((name, words?)))
        .collect()
}
