//! Dead letters of all campaigns, by reason.

use maud::{Markup, html};
use repilot_domain::CampaignStatus;
use repilot_ledger::{Campaign, DeadGroup};

use super::{Section, ViewContext};
use crate::links;
use crate::parts::{count, devices, empty, wide};

pub(super) fn sections(context: &ViewContext) -> Vec<Section> {
    let groups: Vec<_> = context.overview.dead.iter().collect();
    let body = html! {
        h1 { "Dead letters" }
        @if groups.is_empty() {
            (empty("No dead letters", &html! { p { "Every device was done, or still will be." } }))
        } @else {
            p.soft { "What could not be done, and why. Requeue what is mended; discard what is not to be done." }
            (table(&groups, true, context))
        }
    };
    vec![Section::new("dead", body)]
}

/// Groups of dead letters: what they mean, what Graph said, what to do, and the way to their devices.
pub(super) fn table(groups: &[&DeadGroup], with_campaign: bool, context: &ViewContext) -> Markup {
    let table = html! {
        table {
            thead { tr {
                @if with_campaign { th { "Campaign" } }
                th { "Reason" } th.n { "Devices" } th { "What Graph said, and what to do" } th { span.unseen { "Acts" } }
            } }
            tbody { @for group in groups { (row(group, with_campaign, context)) } }
        }
    };
    wide("Dead letters by reason", &table)
}

fn row(group: &DeadGroup, with_campaign: bool, context: &ViewContext) -> Markup {
    let query = format!("state:dead reason:{}", group.reason);
    let each = links::jobs(&group.campaign, &query);
    let campaign = context.overview.campaign(&group.campaign);
    let steerable = campaign.filter(|found| found.status != CampaignStatus::Cancelled);
    html! {
        tr data-key={ (group.campaign) (group.reason) } {
            @if with_campaign {
                td { a href=(links::campaign(&group.campaign)) { (group.campaign) } }
            }
            td.text {
                a href=(each) { (group.reason) }
                div.soft { (group.meaning) }
            }
            td.n { (count(group.jobs)) }
            td.text {
                @if group.without_user > 0 {
                    strong { (devices(group.without_user)) " of these have no user now." }
                }
                @if !group.message.is_empty() { div { "“" (group.message) "”" } }
                div.soft { (group.advice) }
            }
            td.keep {
                div.acts {
                    // A link, not an act: whoever may only look sees it, too.
                    a href=(each) { "Devices" }
                    @if let Some(campaign) = steerable.filter(|_| context.may_act()) {
                        a.button href=(bulk("requeue", campaign, &query)) { "Requeue…" }
                        a.button href=(bulk("discard", campaign, &query)) { "Discard…" }
                    }
                }
            }
        }
    }
}

/// Where a bulk act on all that match is asked for.
pub(super) fn bulk(act: &str, campaign: &Campaign, query: &str) -> String {
    let pairs = [("campaign", campaign.name.as_str()), ("q", query)];
    let encoded = serde_html_form::to_string(pairs).unwrap_or_default();
    format!("/jobs/{act}?{encoded}")
}
