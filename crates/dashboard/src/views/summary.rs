//! How a campaign stands, as a page shows it: its word, why, and buttons for what to do.

use maud::{Markup, html};
use repilot_domain::Zone;
use repilot_domain::standing::{Act, Grade, Standing, State, Who};
use repilot_ledger::Campaign;

use super::ViewContext;
use crate::links;
use crate::pages::capitalised;
use crate::parts::{Form, chip, devices, encoded, per_second};

/// How its word looks.
pub(super) const fn look(standing: &Standing) -> &'static str {
    match (standing.state, standing.grade) {
        (State::Ended, _) => "ended",
        (State::Cancelled, _) => "cancelled",
        (_, Grade::Alarm) => "bad",
        (_, Grade::Ask) => "warn",
        (State::Running | State::Canary, Grade::Fine) => "running",
        (State::Paused, Grade::Fine) => "paused",
        (_, Grade::Fine) => "waiting",
    }
}

/// Its word.
pub(super) fn pill(campaign: &Campaign, context: &ViewContext) -> Markup {
    html! {
        @if let Some(standing) = context.overview.standing(campaign.id) {
            (chip(look(standing), &standing.says))
        }
    }
}

/// Jobs a second over the last window; a dash while it stands still.
pub(super) fn rate(campaign: &Campaign, context: &ViewContext) -> String {
    let standing = context.overview.standing(campaign.id);
    let rate = standing.and_then(|standing| standing.rate_per_second);
    rate.map_or_else(|| "–".to_owned(), per_second)
}

/// When it is over; a dash where nobody can say.
pub(super) fn over(campaign: &Campaign, context: &ViewContext) -> String {
    let own = &campaign.controls.schedule.zone;
    let zone = if own.is_utc() {
        Zone::here()
    } else {
        own.clone()
    };
    let standing = context.overview.standing(campaign.id);
    let over = standing.and_then(|standing| standing.over_in_words(&zone, context.overview.at));
    over.unwrap_or_else(|| "–".to_owned())
}

/// Why it stands as it does, and what somebody can do about it.
pub(super) fn why(campaign: &Campaign, context: &ViewContext) -> Markup {
    html! {
        @if let Some(standing) = context.overview.standing(campaign.id) {
            @if !standing.because.is_empty() && !standing.state.is_over() {
                div class={ "notice " (notice(standing)) } {
                    strong { (capitalised(&standing.because.join("; "))) }
                    (acts(campaign, standing, context))
                }
            }
        }
        @if campaign.counts.dead > 0 {
            div.notice.warn {
                strong { (devices(campaign.counts.dead)) " could not be done" }
                span { "Look at the dead letters below: requeue what is mended, discard the rest." }
            }
        }
    }
}

const fn notice(standing: &Standing) -> &'static str {
    match standing.grade {
        Grade::Fine => "",
        Grade::Ask => "warn",
        Grade::Alarm => "bad",
    }
}

/// What somebody can do: buttons for what this page can do, words for the rest.
pub(super) fn acts(campaign: &Campaign, standing: &Standing, context: &ViewContext) -> Markup {
    let here = links::campaign(&campaign.name);
    html! {
        @if standing.who == Who::Nobody {
            span.soft { "Nobody need do anything." }
        } @else if context.may_act() {
            div.acts {
                @for act in &standing.acts { (button(*act, campaign, &here, context)) }
            }
        } @else {
            span.soft { (whose(standing.who)) }
        }
    }
}

/// Whose turn it is, for who may not act.
const fn whose(who: Who) -> &'static str {
    match who {
        Who::Nobody => "Nobody need do anything.",
        Who::Operator => "It is an operator's turn.",
        Who::Host => "It is the turn of whoever runs the workers.",
        Who::Tenant => "It is the turn of the tenant's administrator.",
    }
}

fn button(act: Act, campaign: &Campaign, here: &str, context: &ViewContext) -> Markup {
    let link = |to: String, look: &str| {
        html! { a class={ "button " (look) } href=(to) { (act.words()) } }
    };
    match act {
        Act::Resume => {
            let action = format!("{here}/resume");
            let form = Form {
                action: &action,
                token: &context.form_token,
                with: &[],
            };
            form.button(act.words(), "primary")
        }
        Act::PassCanary => link(format!("{here}/canary"), "primary"),
        Act::LookAtCanary => link(links::jobs(&campaign.name, ""), ""),
        Act::Cancel => link(format!("{here}/cancel"), "danger"),
        Act::SetDeadline | Act::ChangeControls => link(format!("{here}/controls"), ""),
        Act::EnqueueAgain => link(format!("/upload?campaign={}", encoded(&campaign.name)), ""),
        Act::LookAtDead => link(links::jobs(&campaign.name, "state:dead"), ""),
        Act::StartWorker => html! {
            span { (act.words()) ": " code { "repilot worker" } " with the settings of " (campaign.tenant) }
        },
        Act::Check => html! { span { (act.words()) ": " code { "repilot check" } } },
        Act::SignIn => html! { span { (act.words()) ": " code { "repilot login" } } },
        Act::Update | Act::SetClock => html! { span { (act.words()) } },
    }
}
