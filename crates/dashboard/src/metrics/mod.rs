//! Metrics for Prometheus, and whether the process is well.
//!
//! What campaigns and lanes say comes from what all pages share, so that a scrape costs the ledger
//! next to nothing. Campaigns that ended an hour ago are left out, and lanes that nobody speaks of:
//! how many series there are is bounded by what is going on.

mod calls;
mod campaigns;
mod exposition;
mod health;
mod lanes;

use axum::extract::{FromRequestParts as _, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

pub(crate) use health::{live, ready};

use crate::access::Visitor;
use crate::api::Problem;
use crate::error::Refusal;
use crate::state::App;
use exposition::{Exposition, Kind};

/// Prometheus's text format, version 0.0.4.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything that is measured, for whoever has a token or a session; while the ledger does not answer, for
/// a token that it knew a while ago.
pub(crate) async fn serve(State(app): State<App>, mut parts: Parts) -> Result<Response, Problem> {
    if let Err(refused) = Visitor::from_request_parts(&mut parts, &app).await {
        let is_silent = matches!(refused, Refusal::Ledger(_));
        if !is_silent || !app.known_tokens.has_one_of(&parts.headers, app.now()) {
            return Err(refused.into());
        }
    }
    let overview = app.overview().await;
    let now = app.now();
    let mut text = Exposition::default();
    text.metric(
        "repilot_build_info",
        Kind::Gauge,
        "Of which version this dashboard is.",
    );
    text.sample(
        "repilot_build_info",
        &[("version", app.options.version)],
        1.0,
    );
    text.metric(
        "repilot_ledger_up",
        Kind::Gauge,
        "Whether the ledger answers; if not, the rest is what it said last.",
    );
    let answers = matches!(&overview, Ok(overview) if overview.silent_since.is_none());
    text.sample("repilot_ledger_up", &[], f64::from(u8::from(answers)));
    let Ok(overview) = overview else {
        // Nothing was heard of it since this process began.
        return Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text.into_text()).into_response());
    };
    campaigns::write(&mut text, &overview);
    lanes::write(&mut text, &overview);
    if answers {
        // What the ledger cannot say in this moment is missing from one scrape.
        if let Ok(due) = app.ledger.oldest_due(now).await {
            campaigns::write_queue_age(&mut text, &overview, &due, now);
        }
        if let Ok(times) = app.ledger.call_times().await {
            calls::write(&mut text, &times);
        }
    }
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text.into_text()).into_response())
}
