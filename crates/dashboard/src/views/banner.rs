//! What everybody is to know, whatever they look at: the truth when something is gone.

use maud::html;
use repilot_domain::standing::Grade;

use super::{Section, ViewContext};
use crate::parts::clock;

pub(super) fn section(context: &ViewContext) -> Section {
    let overview = &context.overview;
    let body = html! {
        @if let Some(since) = overview.silent_since {
            div.notice.bad role="alert" {
                strong { "The ledger has not answered since " (clock(since)) "." }
                span { "What you see is from then. Workers keep the answers under way and go on by themselves when it is back." }
            }
        } @else {
            @for notice in &overview.notices {
                div.notice.(if notice.grade == Grade::Alarm { "bad" } else { "warn" }) role="status" {
                    strong { (notice.what) }
                    @for act in &notice.acts { span { (act.words()) "." } }
                }
            }
        }
    };
    Section::new("banner", body)
}
