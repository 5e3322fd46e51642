//! Every campaign: is it going, how far, what is wrong.

use axum::extract::State;
use maud::{Markup, html};
use repilot_domain::{CampaignStatus, Timestamp};
use repilot_ledger::Campaign;

use crate::access::Visitor;
use crate::app::App;
use crate::error::Refusal;
use crate::pages::{Here, page as whole};
use crate::parts::{ago, bar, count, done};

pub(crate) async fn page(State(app): State<App>, visitor: Visitor) -> Result<Markup, Refusal> {
    let campaigns = app.ledger.campaigns().await?;
    let body = body(&campaigns, &visitor, app.now());
    Ok(whole(&visitor, Some(Here::Campaigns), "Campaigns", &body))
}

fn body(campaigns: &[Campaign], visitor: &Visitor, now: Timestamp) -> Markup {
    html! {
        h1 { "Campaigns" }
        @if campaigns.is_empty() {
            div.empty {
                p.lead { "No campaign yet." }
                p { "Make one on the command line:" }
                pre { code { "repilot run devices.csv" } }
            }
        }
        @for campaign in campaigns { (card(campaign, visitor, now)) }
    }
}

fn card(campaign: &Campaign, visitor: &Visitor, now: Timestamp) -> Markup {
    let counts = &campaign.counts;
    html! {
        article.card {
            h2 { (campaign.name) " " span.chip { (state(campaign, now)) } }
            (bar(counts))
            p {
                (done(counts)) " · " (count(counts.succeeded)) " of " (count(counts.total)) " succeeded"
                @if counts.dead > 0 { " · " (count(counts.dead)) " dead" }
                " · begun " (ago(campaign.created_at, now))
            }
            (acts(campaign, visitor))
        }
    }
}

/// What an operator can do to it.
fn acts(campaign: &Campaign, visitor: &Visitor) -> Markup {
    let Some(token) = visitor
        .form_token
        .as_ref()
        .filter(|_| visitor.is_operator())
    else {
        return html! {};
    };
    let (act, word) = match campaign.status {
        _ if campaign.has_ended() => return html! {},
        CampaignStatus::Active => ("pause", "Pause"),
        CampaignStatus::Paused => ("resume", "Resume"),
        CampaignStatus::Cancelled => return html! {},
    };
    html! {
        form.acts method="post" action=(format!("/campaigns/{}/{act}", campaign.id)) {
            input type="hidden" name="csrf" value=(token);
            button type="submit" { (word) }
        }
    }
}

fn state(campaign: &Campaign, now: Timestamp) -> &'static str {
    match campaign.status {
        CampaignStatus::Cancelled => "cancelled",
        _ if campaign.has_ended() => "ended",
        CampaignStatus::Paused => "paused",
        CampaignStatus::Active if campaign.attended_until < now => "waits for a worker",
        CampaignStatus::Active => "running",
    }
}
