//! Dead letters of all campaigns, by reason.

use maud::{Markup, html};
use repilot_domain::CampaignStatus;
use repilot_ledger::DeadGroup;

use super::campaign::bulk;
use super::view;
use super::{Eyes, Section};
use crate::parts::{count, empty, wide};

pub(super) fn sections(eyes: &Eyes) -> Vec<Section> {
    let groups = &eyes.overview.dead;
    let table = html! {
        table {
            thead { tr {
                th { "Campaign" } th { "Reason" } th.n { "Devices" } th { "What to do" } th { span.unseen { "Acts" } }
            } }
            tbody { @for group in groups { (row(group, eyes)) } }
        }
    };
    let body = html! {
        h1 { "Dead letters" }
        @if groups.is_empty() {
            (empty("No dead letters", &html! { p { "Every device was done, or still will be." } }))
        } @else {
            p.soft { "What could not be done, and why. Requeue what is mended; discard what is not to be done." }
            (wide("Dead letters by campaign and reason", &table))
        }
    };
    vec![Section::new("dead", body)]
}

fn row(group: &DeadGroup, eyes: &Eyes) -> Markup {
    let query = format!("state:dead reason:{}", group.reason);
    let campaign = eyes.overview.campaign(&group.campaign);
    let steerable = campaign.filter(|found| found.status != CampaignStatus::Cancelled);
    html! {
        tr data-key={ (group.campaign) (group.reason) } {
            td { a href=(view::campaign(&group.campaign)) { (group.campaign) } }
            td.text {
                a href=(view::jobs(&group.campaign, &query)) { (group.reason) }
                div.soft { (group.meaning) }
            }
            td.n { (count(group.jobs)) }
            td.text { (group.advice) }
            td.keep {
                @if let Some(campaign) = steerable.filter(|_| eyes.may_act()) {
                    div.acts {
                        a.button href=(bulk("requeue", campaign, &query)) { "Requeue…" }
                        a.button href=(bulk("discard", campaign, &query)) { "Discard…" }
                    }
                }
            }
        }
    }
}
