//! What is under way for a campaign in the background, what came of it, and what was verified.

use maud::{Markup, html};
use repilot_domain::Verification;
use repilot_ledger::Campaign;

use super::ViewContext;
use crate::background_tasks::{BackgroundTask, Kind, Outcome};
use crate::links;
use crate::pages::capitalised;
use crate::parts::{ago, count, devices, moment, unchanged};

pub(super) fn section(campaign: &Campaign, context: &ViewContext) -> Markup {
    html! {
        @if let Some(task) = context.overview.background_tasks.get(&campaign.id) {
            (notice(campaign, task, context))
        }
        (verified(campaign, context))
    }
}

fn notice(campaign: &Campaign, task: &BackgroundTask, context: &ViewContext) -> Markup {
    let listed = task.progress.devices();
    html! {
        @match &task.ended {
            None => {
                div.notice role="status" {
                    strong { (task.kind.words()) "…" }
                    span {
                        @if task.kind == Kind::RollBack { "its jobs go in" }
                        @else { (count(listed)) " devices of the inventory listed so far" }
                        ", begun by " (task.by) " " (ago(task.begun_at))
                    }
                }
            }
            Some((at, Err(refused))) => {
                div.notice.bad role="status" {
                    strong { "The " (task.kind.noun()) " came to nothing: " (refused.why) }
                    span { (refused.advice) " Begun by " (task.by) ", ended " (ago(*at)) "." }
                }
            }
            Some((at, Ok(outcome))) => (ended(campaign, outcome, context, &ago(*at))),
        }
    }
}

fn ended(campaign: &Campaign, outcome: &Outcome, context: &ViewContext, when: &Markup) -> Markup {
    match outcome {
        Outcome::Verified(report) => html! {
            div.notice.good role="status" {
                strong { "Verified " (when) }
                @if report.too_young > 0 {
                    span { (devices(report.too_young)) " succeeded too short a time before; verify again later." }
                }
            }
        },
        Outcome::Planned(plan) => html! {
            div.notice.warn role="status" {
                strong { "The plan of a rollback waits: " (count(i64::try_from(plan.devices).unwrap_or(i64::MAX))) " devices would go back" }
                span {
                    "Nothing is done yet. "
                    @if context.may_act() {
                        a href={ (links::campaign(&campaign.name)) "/rollback" } { "Look at the plan" }
                    }
                }
            }
        },
        Outcome::RolledBack(done) => html! {
            div.notice.good role="status" {
                strong { "Rolled back by a campaign of " (devices(done.jobs)) }
                span { a href=(links::campaign(&done.campaign)) { (done.campaign) } " was enqueued " (when) "; a worker does it." }
            }
        },
    }
}

/// What the inventory said of the jobs that succeeded.
fn verified(campaign: &Campaign, context: &ViewContext) -> Markup {
    let found = &campaign.counts.verification;
    let Some(at) = campaign.verified_at.filter(|_| !found.is_empty()) else {
        return html! {};
    };
    let again = unchanged(campaign);
    html! {
        h2 { "Verified" }
        div.card {
            p.soft { "Against the inventory of " (moment(at)) "." }
            dl.pairs {
                @for verdict in Verification::ALL {
                    @if let Some(jobs) = found.get(verdict.as_str()) {
                        dt { (capitalised(verdict.words())) }
                        dd { (count(*jobs)) }
                    }
                }
            }
            @if again > 0 && context.may_act() {
                div.acts {
                    a.button href={ (links::campaign(&campaign.name)) "/reopen" } { "Send " (devices(again)) " round again…" }
                    a.button href=(links::jobs(&campaign.name, "state:succeeded")) { "Their jobs" }
                }
            }
        }
    }
}
