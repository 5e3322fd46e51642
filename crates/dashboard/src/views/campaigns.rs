//! Every campaign: what needs somebody first, then a line each.

use std::cmp::Reverse;
use std::time::Duration;

use maud::{Markup, html};
use repilot_domain::folded;
use repilot_domain::standing::Grade;
use repilot_ledger::Campaign;

use super::summary::{over, pill, rate};
use super::{Section, ViewContext, needs};
use crate::links::{self, CampaignSort, CampaignsAt, Which};
use crate::parts::{bar, clock, count, done, empty, wide};

/// Campaigns a page.
const SHOWN: usize = 100;

/// One that ended longer ago is archived: it is found among those that have ended.
const ARCHIVED_AFTER: Duration = Duration::from_hours(30 * 24);

fn is_over(campaign: &Campaign, context: &ViewContext) -> bool {
    let standing = context.overview.standing(campaign.id);
    standing.is_some_and(|standing| standing.state.is_over())
}

fn is_archived(campaign: &Campaign, context: &ViewContext) -> bool {
    let ended = campaign.ended_at.or(campaign.stopped_at);
    is_over(campaign, context) && ended.is_some_and(|at| context.now.since(at) > ARCHIVED_AFTER)
}

/// Whether it is among those that are asked for by how they stand.
fn is_meant(at: &CampaignsAt, campaign: &Campaign, context: &ViewContext) -> bool {
    let standing = context.overview.standing(campaign.id);
    match at.which {
        Which::Current => !is_over(campaign, context),
        Which::Needs => standing.is_some_and(|standing| standing.grade != Grade::Fine),
        Which::Running => standing.is_some_and(|standing| standing.state.moves()),
        Which::Paused => campaign.pause_cause.is_some() && !is_over(campaign, context),
        Which::Ended => is_over(campaign, context),
    }
}

pub(super) fn sections(at: &CampaignsAt, context: &ViewContext) -> Vec<Section> {
    let all = &context.overview.campaigns;
    let named: Vec<&Campaign> = all
        .iter()
        .filter(|found| at.names(&found.name, &found.tenant))
        .collect();
    let mut shown: Vec<&Campaign> = named
        .iter()
        .copied()
        .filter(|found| is_meant(at, found, context))
        .collect();
    // Equals stay as they come: the newest first.
    match at.sort {
        CampaignSort::Pressing => shown.sort_by_key(|campaign| {
            let standing = context.overview.standing(campaign.id);
            Reverse(standing.map(|standing| standing.grade))
        }),
        CampaignSort::Name => shown.sort_by_cached_key(|campaign| folded(&campaign.name)),
        CampaignSort::Left => shown.sort_by_key(|campaign| Reverse(campaign.counts.open())),
        CampaignSort::Dead => shown.sort_by_key(|campaign| Reverse(campaign.counts.dead)),
    }
    let main = html! {
        @if all.is_empty() {
            (empty("No campaign yet", &html! {
                p { "A campaign does one thing to every device of a list." }
                @if context.may_act() { p { a.button.primary href="/upload" { "Enqueue a list" } } }
                p.hint { "or on the command line: " code { "repilot run devices.csv" } }
            }))
        } @else if shown.is_empty() && *at == CampaignsAt::default() {
            (empty("Nothing is under way", &html! { p { "All campaigns have ended." } }))
        } @else if shown.is_empty() {
            (empty("No campaign fits", &html! { p { a href="/" { "Show all" } } }))
        } @else {
            (table(at.which.in_words(), at, &shown, context))
            (pages(at, shown.len()))
        }
    };
    let over: Vec<&Campaign> = named
        .iter()
        .copied()
        .filter(|found| is_over(found, context) && !is_archived(found, context))
        .collect();
    let archived = named
        .iter()
        .filter(|found| is_archived(found, context))
        .count();
    let all_over = CampaignsAt {
        which: Which::Ended,
        from: 0,
        ..at.clone()
    };
    let ended = html! {
        @if at.which == Which::Current && (!over.is_empty() || archived > 0) {
            details.ended {
                summary { "Ended: " (count_of(over.len() + archived)) }
                @if !over.is_empty() { (table("Ended", &at.starting(0), &over, context)) }
                @if over.len() > SHOWN || archived > 0 {
                    p.hint {
                        @if archived > 0 { (count_of(archived)) " ended more than 30 days ago. " }
                        a href=(all_over.address()) { "Show all that have ended" }
                    }
                }
            }
        }
    };
    vec![
        Section::new("head", head(at, &named, context)),
        Section::new("needs", needs::section(at, context)),
        Section::new("open", main),
        Section::new("over", ended),
    ]
}

/// The title, what can be done to all, and the filter.
fn head(at: &CampaignsAt, named: &[&Campaign], context: &ViewContext) -> Markup {
    let campaigns = &context.overview.campaigns;
    let mut tenants: Vec<&str> = campaigns
        .iter()
        .map(|found| found.tenant.as_str())
        .collect();
    tenants.sort_unstable();
    tenants.dedup();
    let open = |found: &&&Campaign| !is_over(found, context);
    let is_active = |found: &&Campaign| found.pause_cause.is_none();
    let active = named.iter().filter(open).copied().filter(is_active).count();
    let may_go_on = |found: &&&Campaign| found.may_be_resumed_with_others(context.now);
    let paused = named.iter().filter(may_go_on).count();
    let all = links::several(at);
    html! {
        div.titled {
            h1 { @if at.tenant.is_empty() { "Campaigns" } @else { "Tenant " (at.tenant) } }
            @if context.may_act() {
                div.acts {
                    @if active > 1 { a.button href={ "/several/pause" (all) } { "Pause " (active) "…" } }
                    @if paused > 1 { a.button href={ "/several/resume" (all) } { "Resume " (paused) "…" } }
                    a.button.primary href="/upload" { "Enqueue a list" }
                }
            }
        }
        @if !campaigns.is_empty() {
            form.filter method="get" action="/" role="search" aria-label="Filter campaigns" {
                label { "Name " input name="name" value=(at.name) maxlength="100" placeholder="q4-*" autocomplete="off"; }
                label { "Tenant "
                    select name="tenant" {
                        option value="" { "all " (tenants.len()) }
                        @for tenant in &tenants { option value=(tenant) selected[at.tenant == **tenant] { (tenant) } }
                    }
                }
                label { "Show "
                    select name="which" {
                        @for which in Which::ALL { option value=(which.word()) selected[at.which == which] { (which.in_words()) } }
                    }
                }
                button type="submit" { "Filter" }
                @if *at != CampaignsAt::default() { a href="/" { "Show all" } }
            }
        }
        @if !at.tenant.is_empty() {
            p.hint {
                a href=(links::jobs_found(&format!("tenant:{}", at.tenant))) { "Its jobs" } ", "
                a href=(links::jobs_found(&format!("tenant:{} state:dead", at.tenant))) { "its dead letters" } ", "
                a href="/lanes" { "its lanes" }
            }
        }
    }
}

/// Which of the pages this is, and the others.
fn pages(at: &CampaignsAt, of: usize) -> Markup {
    let until = (at.from + SHOWN).min(of);
    html! {
        @if of > SHOWN {
            nav.acts aria-label="Pages" {
                @if at.from > 0 { a.button href=(at.starting(at.from.saturating_sub(SHOWN)).address()) { "Before" } }
                span { (at.from + 1) " to " (until) " of " (of) }
                @if until < of { a.button href=(at.starting(until).address()) { "Next" } }
            }
        }
    }
}

/// `1 campaign`, `20 campaigns`.
fn count_of(campaigns: usize) -> String {
    match campaigns {
        1 => "1 campaign".to_owned(),
        many => format!("{many} campaigns"),
    }
}

/// A line each for a page of them, and the totals of all.
fn table(name: &str, at: &CampaignsAt, campaigns: &[&Campaign], context: &ViewContext) -> Markup {
    let sorted = |sort: CampaignSort, says: &str| {
        html! { a href=(at.sorted(sort).address()) aria-current=[(at.sort == sort).then_some("true")] { (says) } }
    };
    let page = campaigns.iter().skip(at.from).take(SHOWN);
    let sum = |of: fn(&Campaign) -> i64| campaigns.iter().map(|campaign| of(campaign)).sum::<i64>();
    let table = html! {
        table {
            thead { tr {
                th { (sorted(CampaignSort::Name, "Campaign")) } th { (sorted(CampaignSort::Pressing, "State")) } th { "Settled" }
                th.n { (sorted(CampaignSort::Left, "Left")) } th.n { (sorted(CampaignSort::Dead, "Dead")) }
                th.n { "Rate" } th { "Over" }
            } }
            tbody {
                @for campaign in page { (row(campaign, context)) }
            }
            @if campaigns.len() > 1 {
                tfoot { tr {
                    td { (count_of(campaigns.len())) }
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

fn row(campaign: &Campaign, context: &ViewContext) -> Markup {
    let counts = &campaign.counts;
    html! {
        tr data-key=(campaign.id) {
            td {
                a href=(links::campaign(&campaign.name)) { (campaign.name) }
                div.soft { a href=(CampaignsAt::of_tenant(campaign.tenant.as_str()).address()) { (campaign.tenant) } }
            }
            td { (pill(campaign, context)) }
            td {
                (bar(counts))
                div.soft { (done(counts)) ", " (count(counts.total - counts.open())) " of " (count(counts.total)) }
            }
            td.n { (count(counts.open())) }
            td.n { (count(counts.dead)) }
            td.n { (rate(campaign, context)) }
            td {
                @if let Some(ended) = campaign.ended_at { (clock(ended)) } @else { (over(campaign, context)) }
            }
        }
    }
}
