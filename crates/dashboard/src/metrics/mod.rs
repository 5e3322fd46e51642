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

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

pub(crate) use health::{live, ready};

use crate::api::{Caller, Problem};
use crate::app::App;
use exposition::{Exposition, Kind};

/// Prometheus's text format, version 0.0.4.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything that is measured, for whoever has a token or a session.
pub(crate) async fn serve(State(app): State<App>, _: Caller) -> Result<Response, Problem> {
    let overview = app.hub.overview(&app).await?;
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
    let up = f64::from(u8::from(overview.silent_since.is_none()));
    text.sample("repilot_ledger_up", &[], up);
    campaigns::write(&mut text, &overview);
    lanes::write(&mut text, &overview);
    if overview.silent_since.is_none() {
        campaigns::write_queue_age(
            &mut text,
            &overview,
            &app.ledger.oldest_due(now).await?,
            now,
        );
        calls::write(&mut text, &app.ledger.call_times().await?);
    }
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text.into_text()).into_response())
}
