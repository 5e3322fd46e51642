//! Lanes: what each tenant grants, what of it is used, and whether anything leaves.

use maud::{Markup, html};
use repilot_ledger::{Gate, LaneState};

use super::{Section, ViewContext};
use crate::parts::{ago, chip, count, empty, per_second, wide};

pub(super) fn sections(context: &ViewContext) -> Vec<Section> {
    let lanes: Vec<&LaneState> = context.overview.lanes.iter().collect();
    let body = html! {
        h1 { "Lanes" }
        p.soft { "A tenant throttles app and tenant together, so each has one budget for changes and one for reads." }
        @if lanes.is_empty() {
            (empty("No lane yet", &html! { p { "A tenant has one as soon as a worker has called it." } }))
        } @else {
            (table(&lanes, context))
        }
    };
    vec![Section::new("lanes", body)]
}

/// Lanes as a table.
pub(super) fn table(lanes: &[&LaneState], context: &ViewContext) -> Markup {
    let table = html! {
        table {
            thead { tr {
                th { "Tenant" } th { "Calls" } th { "Gate" } th.n { "Used of granted" } th.n { "Under way" }
                th.n { "Rate" } th.n { "429s" } th { "Heard of" }
            } }
            tbody {
                @for lane in lanes { (row(lane, context)) }
            }
        }
    };
    wide("Lanes", &table)
}

fn row(lane: &LaneState, context: &ViewContext) -> Markup {
    let heard = context.overview.is_heard(lane);
    let limit = lane.granted();
    let learnt = lane.learnt_limit.is_some();
    html! {
        tr data-key={ (lane.tenant) (lane.kind) } {
            td { (lane.tenant) }
            td { (lane.kind) }
            td { (gate(lane, heard)) }
            td.n {
                @if heard && lane.used as f64 >= limit.floor() { "all used of " } @else if heard { (count(lane.used)) " of " }
                (format!("{limit:.0}")) " per " (lane.window_ms / 1_000) " s"
                div.soft { @if learnt { "learnt; set are " (count(lane.configured_limit)) } @else { "as set" } }
            }
            td.n { @if heard { (count(lane.in_flight)) } @else { "–" } }
            td.n { @if heard { (per_second(lane.rate_per_second)) } @else { "–" } }
            td.n {
                (count(lane.throttled)) " of " (count(lane.calls))
                div.soft { "in " (count(lane.throttle_events)) " events" }
            }
            td.keep { (ago(lane.updated_at)) }
        }
    }
}

fn gate(lane: &LaneState, heard: bool) -> Markup {
    let (look, word) = match lane.gate {
        _ if !heard => ("idle", "idle"),
        Gate::Open => ("open", "open"),
        Gate::Reopening => ("reopening", "reopening"),
        Gate::Closed => ("closed", "closed"),
        Gate::Unreachable => ("unreachable", "unreachable"),
    };
    let is_shut = heard && matches!(lane.gate, Gate::Closed | Gate::Unreachable);
    html! {
        (chip(look, word))
        @if is_shut {
            div.soft {
                @if let Some(until) = lane.gate_until { "opens " (ago(until)) ", " }
                (lane.gate_reason)
            }
        }
    }
}
