//! Every campaign: is it going, how fast, when is it over, what is wrong.

use maud::{Markup, html};
use repilot_ledger::Campaign;

use super::standing::{Standing, end, rate_in_words, troubles};
use super::view;
use super::{Eyes, Section};
use crate::parts::{ago, bar, chip, clock, count, done, empty, fact};

/// Campaigns that are over and shown at once; the rest is a page further.
const OVER_SHOWN: usize = 30;

pub(super) fn sections(eyes: &Eyes) -> Vec<Section> {
    let is_open = |campaign: &&Campaign| Standing::of(campaign, eyes.now).is_open();
    let campaigns = &eyes.overview.campaigns;
    let (open, over): (Vec<_>, Vec<_>) = campaigns.iter().partition(is_open);
    let head = html! {
        div.titled {
            h1 { "Campaigns" }
            @if eyes.may_act() { a.button.primary href="/upload" { "Enqueue a list" } }
        }
    };
    let open = html! {
        @if campaigns.is_empty() {
            (empty("No campaign yet", &html! {
                p { "A campaign does one thing to every device of a list." }
                @if eyes.may_act() { p { a.button.primary href="/upload" { "Enqueue a list" } } }
                p.hint { "or on the command line: " code { "repilot run devices.csv" } }
            }))
        } @else if open.is_empty() {
            (empty("Nothing is under way", &html! { p { "All campaigns have ended." } }))
        }
        div.cards {
            @for campaign in &open { (card(campaign, eyes)) }
        }
    };
    let over = html! {
        @if !over.is_empty() {
            h2 { "Ended" }
            div.cards.small {
                @for campaign in over.iter().take(OVER_SHOWN) { (small(campaign, eyes)) }
            }
            @if over.len() > OVER_SHOWN {
                p.hint { "and " (over.len() - OVER_SHOWN) " older ones; " code { "repilot status" } " lists them all" }
            }
        }
    };
    vec![
        Section::new("head", head),
        Section::new("open", open),
        Section::new("over", over),
    ]
}

/// One that is under way.
fn card(campaign: &Campaign, eyes: &Eyes) -> Markup {
    let counts = &campaign.counts;
    let overview = &eyes.overview;
    let standing = Standing::of(campaign, eyes.now);
    let worst = troubles(campaign, overview, eyes.now).into_iter().next();
    html! {
        article.card data-key=(campaign.id) {
            div.titled {
                h2 { a href=(view::campaign(&campaign.name)) { (campaign.name) } }
                (chip(standing.look(), standing.word()))
            }
            (bar(counts))
            dl.facts {
                (fact("Done", &html! { (done(counts)) }, &html! {
                    (count(counts.total - counts.open())) " of " (count(counts.total))
                }))
                (fact("Rate", &html! { (rate_in_words(campaign, overview)) }, &html! {
                    (count(counts.throttled)) " × 429"
                }))
                (fact("Over", &ending(campaign, eyes), &html! {
                    (count(counts.open())) " to go"
                }))
                (fact("Dead letters", &html! { (count(counts.dead)) }, &html! {
                    (campaign.tenant) ", begun " (ago(campaign.created_at))
                }))
            }
            @if let Some(trouble) = worst {
                div class={ "notice " (trouble.grade.look()) } {
                    strong { (trouble.what) }
                    span { (trouble.advice) }
                }
            }
        }
    }
}

/// When it is over.
pub(super) fn ending(campaign: &Campaign, eyes: &Eyes) -> Markup {
    html! {
        @if let Some((left, at)) = end(campaign, &eyes.overview, eyes.now) {
            span title={ "at what the tenant grants, at " (at) } { "in " (left) }
        } @else { "–" }
    }
}

/// One that is over.
fn small(campaign: &Campaign, eyes: &Eyes) -> Markup {
    let counts = &campaign.counts;
    let standing = Standing::of(campaign, eyes.now);
    html! {
        article.card data-key=(campaign.id) {
            div.titled {
                h3 { a href=(view::campaign(&campaign.name)) { (campaign.name) } }
                (chip(standing.look(), standing.word()))
            }
            (bar(counts))
            p.soft {
                (count(counts.succeeded)) " of " (count(counts.total)) " succeeded"
                @if counts.dead > 0 { " · " strong { (count(counts.dead)) " dead" } }
                @if counts.cancelled > 0 { " · " (count(counts.cancelled)) " cancelled" }
                @if let Some(ended) = campaign.ended_at { " · " (clock(ended)) }
            }
        }
    }
}
