//! A campaign: the answers first, then what it is made of.

use maud::{Markup, html};
use repilot_domain::{CampaignStatus, CanaryPhase, Shell};
use repilot_ledger::{AuditFilter, AuditRow, Campaign, DeadGroup, Minutes};

use super::summary::{over, pill, rate, why};
use super::{Section, ViewContext, activity, background_task, dead, hold_reasons, lanes};
use crate::error::Refusal;
use crate::links;
use crate::live::Overview;
use crate::parts::{Form, ago, bar, chart, chip, count, done, fact, moment, wide};
use crate::state::App;

/// Columns of the chart.
const POINTS: u32 = 120;

/// What was done lately.
const STEPS_SHOWN: u32 = 12;

/// What is read beyond the overview.
pub(crate) struct Details {
    campaign: Campaign,
    minutes: Minutes,
    steps: Vec<AuditRow>,
}

impl Details {
    /// The campaign; as the overview has it, which may be younger.
    pub(super) fn campaign_of<'a>(&'a self, context: &'a ViewContext) -> &'a Campaign {
        let known = context.overview.campaign_of(self.campaign.id);
        known.unwrap_or(&self.campaign)
    }
}

pub(super) async fn read(app: &App, name: &str, overview: &Overview) -> Result<Details, Refusal> {
    let missing = || Refusal::Missing(format!("campaign `{name}`"));
    let campaign = overview.campaign(name).cloned().ok_or_else(missing)?;
    let filter = AuditFilter {
        campaign: Some(campaign.id),
    };
    let steps = app.ledger.newest_audit(&filter, None, STEPS_SHOWN).await?;
    let minutes = app
        .ledger
        .minutes(campaign.id, (None, None), POINTS)
        .await?;
    Ok(Details {
        campaign,
        minutes,
        steps,
    })
}

pub(super) fn sections(details: &Details, context: &ViewContext) -> Vec<Section> {
    let campaign = details.campaign_of(context);
    vec![
        Section::new("head", head(campaign, context)),
        Section::new("answers", answers(campaign, context)),
        Section::new("errand", background_task::section(campaign, context)),
        Section::new("states", states(campaign)),
        Section::new("chart", over_time(&details.minutes)),
        Section::new("dead", letters(campaign, context)),
        Section::new("lane", lane(campaign, context)),
        Section::new("holding", hold_reasons::table(campaign)),
        Section::new("lists", lists(campaign)),
        Section::new("steps", steps(&details.steps)),
    ]
}

fn head(campaign: &Campaign, context: &ViewContext) -> Markup {
    html! {
        p.crumbs { a href="/" { "Campaigns" } }
        div.titled {
            h1 { (campaign.name) " " (pill(campaign, context)) }
            (acts(campaign, context))
        }
    }
}

/// What an operator can do to it.
fn acts(campaign: &Campaign, context: &ViewContext) -> Markup {
    if !context.may_act() {
        return html! {};
    }
    let is_cancelled = campaign.status == CampaignStatus::Cancelled;
    // Of what was forgotten nobody knows any more who had what.
    let has_done_something = campaign.counts.calls > 0 && campaign.pruned_at.is_none();
    let here = links::campaign(&campaign.name);
    let to = |act: &str| format!("{here}/{act}");
    let form = |act: &str, says: &str, look: &str| {
        let form = Form {
            action: &to(act),
            token: &context.form_token,
            with: &[],
        };
        form.button(says, look)
    };
    html! {
        div.acts {
            @if !campaign.has_ended() {
                @if campaign.status == CampaignStatus::Active {
                    a.button href=(to("pause")) { "Pause" }
                } @else if campaign.canary_phase == CanaryPhase::Waiting {
                    a.button.primary href=(to("canary")) { "Pass the canary…" }
                } @else {
                    (form("resume", "Resume", "primary"))
                }
                a.button href=(to("controls")) { "When and how fast" }
            }
            @if !is_cancelled {
                a.button href={ "/upload?campaign=" (crate::parts::encoded(&campaign.name)) } { "Add a list" }
            }
            @if has_done_something {
                a.button href=(to("verify")) { "Verify…" }
                a.button href=(to("rollback")) { "Roll back…" }
            }
            @if !campaign.has_ended() {
                a.button.danger href=(to("cancel")) { "Cancel…" }
            }
        }
    }
}

/// Is it going, how fast, when is it over, what is wrong, what to do.
fn answers(campaign: &Campaign, context: &ViewContext) -> Markup {
    let counts = &campaign.counts;
    html! {
        div.card {
            (bar(counts))
            dl.facts {
                (fact("Settled", &html! { (done(counts)) }, &html! {
                    (count(counts.total - counts.open())) " of " (count(counts.total))
                }))
                (fact("Rate", &html! { (rate(campaign, context)) }, &html! {
                    (count(counts.calls)) " calls, " (count(counts.throttled)) " × 429"
                }))
                @if let Some(ended) = campaign.ended_at {
                    (fact("Ended", &html! { (ago(ended)) }, &moment(ended)))
                } @else {
                    (fact("Over", &html! { (over(campaign, context)) }, &html! { (count(counts.open())) " to go" }))
                }
                (fact(if campaign.started_at.is_some() { "Begun" } else { "Enqueued" }, &html! { (ago(campaign.started_at.unwrap_or(campaign.created_at))) }, &html! {
                    (campaign.action) ", tenant " (campaign.tenant)
                }))
            }
            (why(campaign, context))
        }
    }
}

/// The states as numbers that lead to their jobs.
fn states(campaign: &Campaign) -> Markup {
    let counts = &campaign.counts;
    let all = [
        ("pending", counts.pending),
        ("queued", counts.queued),
        ("running", counts.running),
        ("succeeded", counts.succeeded),
        ("dead", counts.dead),
        ("cancelled", counts.cancelled),
        ("skipped", counts.skipped),
    ];
    html! {
        h2.unseen { "Jobs by state" }
        ul.states {
            @for (state, jobs) in all {
                li { a class=(state) href=(links::jobs(&campaign.name, &format!("state:{state}"))) {
                    b { (count(jobs)) } span { (state) }
                } }
            }
        }
    }
}

fn over_time(minutes: &Minutes) -> Markup {
    html! {
        @if let Some(drawn) = chart(minutes) {
            h2.unseen { "Over time" }
            div.card { (drawn) }
        }
    }
}

/// Dead letters by reason, with what to do about them.
fn letters(campaign: &Campaign, context: &ViewContext) -> Markup {
    let of_campaign = |group: &&DeadGroup| group.campaign == campaign.name;
    let groups: Vec<_> = context.overview.dead.iter().filter(of_campaign).collect();
    html! {
        @if !groups.is_empty() {
            h2 { "Dead letters" }
            (dead::table(&groups, false, context))
        }
    }
}

fn lane(campaign: &Campaign, context: &ViewContext) -> Markup {
    let of_tenant = |lane: &&repilot_ledger::LaneState| lane.tenant == campaign.tenant;
    let lanes: Vec<_> = context.overview.lanes.iter().filter(of_tenant).collect();
    html! {
        @if !lanes.is_empty() && !campaign.has_ended() {
            h2 { "What tenant " (campaign.tenant) " grants" }
            (lanes::table(&lanes, context))
        }
    }
}

fn lists(campaign: &Campaign) -> Markup {
    let table = html! {
        table {
            thead { tr { th { "List" } th { "Begun" } th { "All in" } th { "SHA-256" } } }
            tbody {
                @for list in &campaign.lists {
                    tr data-key=(list.sha256) {
                        td.text { (list.name) }
                        td.keep { (moment(list.begun_at)) }
                        td.keep { @if let Some(at) = list.enqueued_at { (moment(at)) } @else { (chip("waiting", "not yet")) } }
                        td.mono title=(list.sha256) { (list.sha256.get(..12).unwrap_or(&list.sha256)) "…" }
                    }
                }
            }
        }
    };
    html! {
        @if !campaign.lists.is_empty() {
            h2 { "Lists" }
            (wide("Lists of this campaign", &table))
            @if campaign.counts.refused() > 0 {
                p.soft {
                    (count(campaign.counts.refused())) " rows became no job:"
                    @for (reason, rows) in &campaign.counts.refused_by_reason { " " (reason) " " (count(*rows)) }
                    ". " code { "repilot refused " (Shell::HERE.quoted(&campaign.name)) } " lists them."
                }
            }
        }
    }
}

fn steps(steps: &[AuditRow]) -> Markup {
    html! {
        @if !steps.is_empty() {
            h2 { "Who did what" }
            (activity::table(steps, false))
        }
    }
}
