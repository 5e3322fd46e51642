//! What needs somebody, on top of the first page.

use maud::{Markup, html};
use repilot_domain::standing::{Grade, Standing};
use repilot_ledger::Campaign;

use super::ViewContext;
use super::summary::{acts, look};
use crate::links::{self, CampaignsAt};
use crate::pages::capitalised;
use crate::parts::chip;

/// Campaigns that are shown at once; the table below has them all.
const SHOWN: usize = 10;

/// Campaigns that wait for somebody, the worst first and the newest of equals.
fn pressing<'a>(at: &CampaignsAt, context: &'a ViewContext) -> Vec<(&'a Campaign, &'a Standing)> {
    let overview = &context.overview;
    let mut found: Vec<_> = overview
        .campaigns
        .iter()
        .filter(|campaign| at.tenant.is_empty() || at.tenant == campaign.tenant.as_str())
        .filter_map(|campaign| Some((campaign, overview.standing(campaign.id)?)))
        .filter(|(_, standing)| standing.grade != Grade::Fine)
        .collect();
    found.sort_by_key(|(_, standing)| std::cmp::Reverse(standing.grade));
    found
}

/// What needs somebody; nothing where all is well.
pub(super) fn section(at: &CampaignsAt, context: &ViewContext) -> Markup {
    let found = pressing(at, context);
    html! {
        @if !found.is_empty() {
            h2 { "What needs you" }
            div.cards {
                @for (campaign, standing) in found.iter().take(SHOWN) {
                    article.notice.(grade(standing.grade)) data-key=(campaign.id) {
                        div.titled {
                            h3 { a href=(links::campaign(&campaign.name)) { (campaign.name) } }
                            (chip(look(standing), &standing.says))
                        }
                        @if !standing.because.is_empty() {
                            p { (capitalised(&standing.because.join("; "))) }
                        }
                        (acts(campaign, standing, context))
                    }
                }
            }
            @if found.len() > SHOWN {
                p.hint { "and " (found.len() - SHOWN) " more, in the table below" }
            }
        }
    }
}

const fn grade(grade: Grade) -> &'static str {
    match grade {
        Grade::Fine => "good",
        Grade::Ask => "warn",
        Grade::Alarm => "bad",
    }
}
