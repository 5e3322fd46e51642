//! The alarm of devices without a user: it stands first wherever a campaign is shown.

use maud::{Markup, html};
use repilot_domain::CampaignStatus;
use repilot_ledger::Campaign;

use super::{Section, ViewContext};
use crate::links;

/// The alarms of all campaigns.
pub(super) fn all(context: &ViewContext) -> Section {
    let body = html! {
        @for campaign in &context.overview.campaigns { (alarm(campaign, true, context)) }
    };
    Section::new("alarm", body)
}

/// The alarm of one campaign, on its own page.
pub(super) fn of(campaign: &Campaign, context: &ViewContext) -> Section {
    Section::new("alarm", alarm(campaign, false, context))
}

fn alarm(campaign: &Campaign, with_name: bool, context: &ViewContext) -> Markup {
    let counts = &campaign.counts;
    let Some(words) = counts.without_user_in_words() else {
        return html! {};
    };
    let here = links::campaign(&campaign.name);
    let (left, open) = (counts.left_without_user(), counts.without_user_open);
    html! {
        div.notice.bad role="status" data-key={ "without-user-" (campaign.id) } {
            strong {
                (words)
                @if with_name { ": campaign " a href=(here) { (campaign.name) } }
            }
            span { "They were unassigned, and their assignment stopped." }
            @if open > 0 {
                span {
                    (open) " of them "
                    @if open == 1 { "is" } @else { "are" }
                    " still to be assigned by the campaign, before all others"
                    @if campaign.status == CampaignStatus::Paused { ", once it is resumed" }
                    "."
                }
            }
            div.acts {
                a href=(links::jobs(&campaign.name, "without:user")) { "Which" }
                @if left > 0 && context.may_act() {
                    a.button.primary href={ (here) "/give-back" } { "Give back…" }
                    a.button href={ (here) "/assign-again" } { "Try again…" }
                }
            }
        }
    }
}
