//! What everybody is to know, whatever they look at: the truth when something is gone.

use maud::html;
use repilot_domain::CampaignStatus;

use super::{Eyes, Section};
use crate::parts::clock;

pub(super) fn section(eyes: &Eyes) -> Section {
    let overview = &eyes.overview;
    let could_go = overview.campaigns.iter().any(|campaign| {
        campaign.status == CampaignStatus::Active
            && !campaign.has_ended()
            && campaign.counts.open() > 0
    });
    let troubled: Vec<_> = overview
        .workers
        .iter()
        .filter(|worker| !worker.trouble.is_empty())
        .collect();
    let body = html! {
        @if let Some(since) = overview.silent_since {
            div.notice.bad role="alert" {
                strong { "The ledger has not answered since " (clock(since)) "." }
                span { "What you see is from then. Workers keep the answers under way and go on by themselves when it is back." }
            }
        } @else {
            @if could_go && overview.workers.is_empty() {
                div.notice.bad role="status" {
                    strong { "No worker is running: nothing moves." }
                    span { "Start one with " code { "repilot worker" } "." }
                }
            }
            @for worker in &troubled {
                div.notice.bad role="status" {
                    strong { "Worker " (worker.id) " is in trouble" }
                    span { (worker.trouble) }
                }
            }
        }
    };
    Section::new("banner", body)
}
