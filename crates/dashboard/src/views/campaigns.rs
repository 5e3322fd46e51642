//! Every campaign: what needs somebody first, then a line each.

use std::cmp::Reverse;

use maud::{Markup, html};
use repilot_ledger::Campaign;

use super::summary::{over, pill, rate};
use super::{Eyes, Section, needs};
use crate::links;
use crate::parts::{bar, clock, count, done, empty, wide};

/// Campaigns that are over and shown at once; the rest is a page further.
const OVER_SHOWN: usize = 100;

pub(super) fn sections(eyes: &Eyes) -> Vec<Section> {
    let campaigns = &eyes.overview.campaigns;
    let is_open = |campaign: &&Campaign| {
        let standing = eyes.overview.standing(campaign.id);
        standing.is_none_or(|standing| !standing.state.is_over())
    };
    let (mut open, over): (Vec<_>, Vec<_>) = campaigns.iter().partition(is_open);
    // What presses first; the newest of equals, as they come.
    open.sort_by_key(|campaign| {
        let standing = eyes.overview.standing(campaign.id);
        Reverse(standing.map(|standing| standing.grade))
    });
    let head = html! {
        div.titled {
            h1 { "Campaigns" }
            @if eyes.may_act() { a.button.primary href="/upload" { "Enqueue a list" } }
        }
    };
    let under_way = html! {
        @if campaigns.is_empty() {
            (empty("No campaign yet", &html! {
                p { "A campaign does one thing to every device of a list." }
                @if eyes.may_act() { p { a.button.primary href="/upload" { "Enqueue a list" } } }
                p.hint { "or on the command line: " code { "repilot run devices.csv" } }
            }))
        } @else if open.is_empty() {
            (empty("Nothing is under way", &html! { p { "All campaigns have ended." } }))
        } @else {
            (table("Under way", &open, eyes))
        }
    };
    let ended = html! {
        @if !over.is_empty() {
            details.ended {
                summary { "Ended: " (count_of(&over)) }
                (table("Ended", &over[..over.len().min(OVER_SHOWN)], eyes))
                @if over.len() > OVER_SHOWN {
                    p.hint { "and " (over.len() - OVER_SHOWN) " older ones; " code { "repilot status" } " lists them all" }
                }
            }
        }
    };
    vec![
        Section::new("head", head),
        Section::new("needs", needs::section(eyes)),
        Section::new("open", under_way),
        Section::new("over", ended),
    ]
}

/// `1 campaign`, `20 campaigns`.
fn count_of(campaigns: &[&Campaign]) -> String {
    match campaigns.len() {
        1 => "1 campaign".to_owned(),
        many => format!("{many} campaigns"),
    }
}

/// A line each, and their totals.
fn table(name: &str, campaigns: &[&Campaign], eyes: &Eyes) -> Markup {
    let sum = |of: fn(&Campaign) -> i64| campaigns.iter().map(|campaign| of(campaign)).sum::<i64>();
    let table = html! {
        table {
            thead { tr {
                th { "Campaign" } th { "State" } th { "Settled" } th.n { "Left" } th.n { "Dead" }
                th.n { "Rate" } th { "Over" }
            } }
            tbody {
                @for campaign in campaigns { (row(campaign, eyes)) }
            }
            @if campaigns.len() > 1 {
                tfoot { tr {
                    td { (count_of(campaigns)) }
                    td {}
                    td { (count(sum(|campaign| campaign.counts.total - campaign.counts.open()))) " of " (count(sum(|campaign| campaign.counts.total))) }
                    td.n { (count(sum(|campaign| campaign.counts.open()))) }
                    td.n { (count(sum(|campaign| campaign.counts.dead))) }
                    td {}
                    td {}
                } }
            }
        }
    };
    wide(name, &table)
}

fn row(campaign: &Campaign, eyes: &Eyes) -> Markup {
    let counts = &campaign.counts;
    html! {
        tr data-key=(campaign.id) {
            td {
                a href=(links::campaign(&campaign.name)) { (campaign.name) }
                div.soft { (campaign.tenant) }
            }
            td { (pill(campaign, eyes)) }
            td {
                (bar(counts))
                div.soft { (done(counts)) ", " (count(counts.total - counts.open())) " of " (count(counts.total)) }
            }
            td.n { (count(counts.open())) }
            td.n { (count(counts.dead)) }
            td.n { (rate(campaign, eyes)) }
            td {
                @if let Some(ended) = campaign.ended_at { (clock(ended)) } @else { (over(campaign, eyes)) }
            }
        }
    }
}
