//! A job: why it waits and when it goes, and its life, attempt by attempt.

use maud::{Markup, html};
use repilot_domain::{JobId, JobState, LaneKind};
use repilot_ledger::{Ahead, Attempt, Explanation, Job, explain};

use super::{Section, ViewContext};
use crate::error::Refusal;
use crate::links;
use crate::live::Overview;
use crate::parts::{Form, ago, chip, count, fact, moment};
use crate::state::App;

/// What is read beyond the overview.
pub(crate) struct Details {
    job: Job,
    campaign: String,
    explanation: Option<Explanation>,
    attempts: Vec<Attempt>,
}

pub(super) async fn read(app: &App, id: JobId, overview: &Overview) -> Result<Details, Refusal> {
    let found = app.ledger.job(id).await?;
    let (job, campaign) = found.ok_or_else(|| Refusal::Missing(format!("job {id}")))?;
    let attempts = app.ledger.attempts(id).await?;
    let now = app.now();
    let ahead = match job.state {
        JobState::Pending => app.ledger.ahead_of(&job, now).await?,
        _ => Ahead::NONE,
    };
    let explanation = overview.campaign_of(job.campaign).map(|campaign| {
        let is_lane = |lane: &&repilot_ledger::LaneState| {
            lane.tenant == campaign.tenant && lane.kind == LaneKind::Writes
        };
        let lane = overview.lanes.iter().find(is_lane);
        explain(&job, campaign, lane, ahead, now)
    });
    Ok(Details {
        job,
        campaign,
        explanation,
        attempts,
    })
}

pub(super) fn sections(details: &Details, context: &ViewContext) -> Vec<Section> {
    vec![
        Section::new("head", head(details, context)),
        Section::new("why", why(details)),
        Section::new("device", device(&details.job)),
        Section::new("life", life(details)),
    ]
}

fn head(details: &Details, context: &ViewContext) -> Markup {
    let job = &details.job;
    let id = job.id.to_string();
    let with = [("job", id.as_str())];
    let form = |act: &str, says: &str, look: &str| {
        let form = Form {
            action: &format!("/jobs/{act}"),
            token: &context.form_token,
            with: &with,
        };
        form.button(says, look)
    };
    html! {
        p.crumbs {
            a href="/" { "Campaigns" } " / " a href=(links::campaign(&details.campaign)) { (details.campaign) }
        }
        div.titled {
            h1 { (job.serial) " " (chip(job.state.as_str(), job.state.as_str())) }
            @if context.may_act() {
                div.acts {
                    @if job.state == JobState::Dead {
                        @if job.found_user.is_some() {
                            a.button.primary href={ "/jobs/requeue?job=" (id) } { "Requeue…" }
                        } @else {
                            (form("requeue", "Requeue", "primary"))
                        }
                        (form("discard", "Discard", ""))
                    }
                    @if job.state == JobState::Skipped && !job.reason.is_empty() {
                        (form("restore", "Restore", "primary"))
                    }
                }
            }
        }
    }
}

fn why(details: &Details) -> Markup {
    let job = &details.job;
    html! {
        div.card {
            @if let Some(explanation) = &details.explanation {
                p.lead { strong { (crate::pages::capitalised(&explanation.because)) "." } }
                @if !job.state.is_terminal() || job.state == JobState::Dead {
                    p { "What moves it on: " (explanation.unblocked_by) "." }
                    @if let Some(at) = explanation.expected_at { p { "Expected " (ago(at)) ", at " (moment(at)) "." } }
                }
            }
            @if !job.message.is_empty() && job.state != JobState::Succeeded {
                @if let (Some(user), Some(at)) = (&job.found_user, job.found_at) {
                    p { strong.name { (user) } " has it now, as of " (moment(at)) "." }
                } @else {
                    p.soft { "Graph said: " (job.message) }
                }
            }
        }
    }
}

fn device(job: &Job) -> Markup {
    let named = |text: &str| {
        if text.is_empty() {
            "none".to_owned()
        } else {
            text.to_owned()
        }
    };
    html! {
        h2.unseen { "Device" }
        dl.facts.card {
            (fact("User when planned", &html! { span.name { (named(&job.user_principal_name)) } }, &html! { (job.addressable_user_name) }))
            @if let (Some(user), Some(at)) = (&job.seen_user, job.seen_at) {
                (fact("Seen before its call", &html! { span.name { (named(user)) } }, &html! { (moment(at)) }))
            }
            @if let Some(user) = &job.accepted_user {
                (fact("May be taken from", &html! { span.name { (user) } }, &html! { "accepted when it was requeued" }))
            }
            @if job.action.needs_user() {
                (fact("New user", &html! { span.name { (job.new_user_principal_name) } }, &html! { (job.action) @if !job.stands.is_empty() { ": " (job.stands) } }))
            }
            (fact("Model", &html! { span.name { (named(&job.model)) } }, &html! { "group tag " (named(&job.group_tag)) }))
            (fact("Autopilot id", &html! { span.name.mono { (job.device_id) } }, &html! { "line " (job.line) " of its list" }))
            (fact("Attempts spent", &html! { (count(job.attempts)) }, &html! { "job " (job.id) ", enqueued " (moment(job.created_at)) }))
        }
    }
}

fn life(details: &Details) -> Markup {
    html! {
        h2 { "Attempts" }
        @if details.attempts.is_empty() {
            p.soft { "Nothing was sent to Graph for this device yet." }
        } @else {
            ol.life {
                @for attempt in details.attempts.iter().rev() { (one(attempt)) }
            }
        }
    }
}

fn one(attempt: &Attempt) -> Markup {
    let took = attempt.finished_at.since(attempt.started_at).as_millis();
    let rows = [
        ("request-id", &attempt.request_id),
        ("client-request-id", &attempt.client_request_id),
        ("Date", &attempt.server_date),
        ("x-ms-ags-diagnostic", &attempt.diagnostic),
    ];
    html! {
        li.card data-key={ (attempt.dispatch) "-" (attempt.started_at.as_millis()) (attempt.step) } {
            div.titled {
                h3 {
                    (chip(attempt.outcome.as_str(), attempt.outcome.as_str())) " "
                    @if let Some(status) = attempt.status { (status) " " }
                    @if let Some(code) = &attempt.code { (code) }
                }
                span.soft { (moment(attempt.started_at)) ", " (took) " ms" }
            }
            @if let Some(message) = &attempt.message { p { (message) } }
            dl.pairs {
                dt { "step" } dd { (attempt.step) " by " (attempt.worker) }
                @for (name, value) in rows {
                    @if let Some(value) = value { dt { (name) } dd.mono { (value) } }
                }
            }
            @if attempt.request_id.is_some() {
                button.copy type="button" hidden data-copy=(for_support(attempt)) { "Copy for Microsoft's support" }
            }
        }
    }
}

/// What Microsoft's support asks for.
fn for_support(attempt: &Attempt) -> String {
    let said = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    let status = attempt
        .status
        .map_or_else(|| "none".to_owned(), |status| status.to_string());
    format!(
        "status: {status}\ncode: {}\nmessage: {}\nrequest-id: {}\nclient-request-id: {}\nDate: {}\nx-ms-ags-diagnostic: {}\nsent: {}\nanswered: {}",
        said(&attempt.code),
        said(&attempt.message),
        said(&attempt.request_id),
        said(&attempt.client_request_id),
        said(&attempt.server_date),
        said(&attempt.diagnostic),
        attempt.started_at,
        attempt.finished_at,
    )
}
