//! What holds a campaign back, in words.

use maud::{Markup, html};
use repilot_domain::{CanaryPhase, Controls, Priority};
use repilot_ledger::Campaign;

use crate::parts::moment;

/// A control's name, and what it is in words.
pub(super) fn table(campaign: &Campaign) -> Markup {
    let controls = &campaign.controls;
    let schedule = &controls.schedule;
    html! {
        h2 { "What holds it back" }
        div.card {
            dl.pairs {
                dt { "canary" } dd { (canary(controls, campaign.canary_phase)) }
                dt { "breaker" } dd { (breaker(controls)) }
                dt { "rate" } dd {
                    @match controls.rate {
                        Some(rate) => { "at most " (rate) ", for all workers together" }
                        None => "as fast as the tenant grants",
                    }
                }
                dt { "priority" } dd { (priority(controls.priority)) }
                dt { "windows" } dd {
                    @if schedule.windows.is_empty() { "at any hour" }
                    @else { "only " (schedule.windows) ", by the clocks of " (schedule.zone) }
                }
                dt { "not before" } dd {
                    @match schedule.not_before { Some(at) => (moment(at)), None => "it may begin at once" }
                }
                dt { "deadline" } dd {
                    @match schedule.deadline {
                        Some(at) => { (moment(at)) "; what is left then waits, paused" }
                        None => "none",
                    }
                }
            }
        }
    }
}

fn canary(controls: &Controls, phase: CanaryPhase) -> String {
    let Some(canary) = controls.canary else {
        return "none: all devices go at once".to_owned();
    };
    let then = match controls.canary_auto {
        Some(share) => format!("goes on by itself when {share} of them succeeded"),
        None => "then it waits for a person".to_owned(),
    };
    let stands = match phase {
        CanaryPhase::Off => "not chosen",
        CanaryPhase::Choosing => "chosen when the list is all in",
        CanaryPhase::Running => "under way",
        CanaryPhase::Waiting => "done, and waits for you",
        CanaryPhase::Passed => "passed",
    };
    format!("{canary} devices first, {then}: {stands}").replace("% devices", "% of the devices")
}

fn breaker(controls: &Controls) -> String {
    match controls.max_failures {
        Some(most) => {
            format!("pauses when {most} of its recent outcomes are dead letters")
        }
        None => "none: it goes on however many fail".to_owned(),
    }
}

fn priority(priority: Priority) -> String {
    match priority.to_string() {
        normal if priority == Priority::default() => {
            format!("{normal}: shares with the tenant's other campaigns")
        }
        other if priority > Priority::default() => {
            format!("{other}: the tenant's campaigns of a lower one wait")
        }
        other => format!("{other}: waits for the tenant's campaigns of a higher one"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_control_reads_as_a_sentence() {
        let controls = Controls {
            canary: Some("2%".parse().unwrap()),
            canary_auto: Some("98%".parse().unwrap()),
            max_failures: Some("10".parse().unwrap()),
            priority: "high".parse().unwrap(),
            ..Controls::default()
        };
        assert_eq!(
            canary(&controls, CanaryPhase::Running),
            "2% of the devices first, goes on by itself when 98% of them succeeded: under way"
        );
        assert_eq!(
            breaker(&controls),
            "pauses when 10 of its recent outcomes are dead letters"
        );
        assert_eq!(
            priority(controls.priority),
            "high: the tenant's campaigns of a lower one wait"
        );
        let none = Controls::default();
        assert_eq!(
            canary(&none, CanaryPhase::Off),
            "none: all devices go at once"
        );
        assert_eq!(breaker(&none), "none: it goes on however many fail");
    }
}
