//! What is measured of the tenants' lanes, and of workers.

use repilot_ledger::{Gate, LaneState};

use super::exposition::{Exposition, Kind};
use crate::live::Overview;

/// A metric: its name, what it is, and its value.
type Metric = (&'static str, Kind, &'static str, fn(&LaneState) -> f64);

const METRICS: [Metric; 9] = [
    (
        "repilot_lane_budget_calls",
        Kind::Gauge,
        "Calls that a lane may make in a window, as set or as learnt.",
        |lane| lane.learnt_limit.unwrap_or(lane.configured_limit as f64),
    ),
    (
        "repilot_lane_budget_used_calls",
        Kind::Gauge,
        "Calls that occupy a lane's window.",
        |lane| lane.used as f64,
    ),
    (
        "repilot_lane_window_seconds",
        Kind::Gauge,
        "How long a lane's window is.",
        |lane| lane.window_ms as f64 / 1e3,
    ),
    (
        "repilot_lane_in_flight_calls",
        Kind::Gauge,
        "Calls of a lane that are under way.",
        |lane| lane.in_flight as f64,
    ),
    (
        "repilot_lane_gate_open",
        Kind::Gauge,
        "Whether calls leave: 0 while the tenant throttles or cannot be reached.",
        |lane| match lane.gate {
            Gate::Open | Gate::Reopening => 1.0,
            Gate::Closed | Gate::Unreachable => 0.0,
        },
    ),
    (
        "repilot_lane_calls_per_second",
        Kind::Gauge,
        "Calls of a lane a second that were accepted, of late.",
        |lane| lane.rate_per_second,
    ),
    (
        "repilot_lane_calls_total",
        Kind::Counter,
        "Calls since a process took the lane.",
        |lane| lane.calls as f64,
    ),
    (
        "repilot_lane_throttled_calls_total",
        Kind::Counter,
        "Calls that were answered with 429 since a process took the lane.",
        |lane| lane.throttled as f64,
    ),
    (
        "repilot_lane_throttle_events_total",
        Kind::Counter,
        "How often the tenant throttled since a process took the lane.",
        |lane| lane.throttle_events as f64,
    ),
];

pub(super) fn write(text: &mut Exposition, overview: &Overview) {
    for (name, kind, help, value) in METRICS {
        text.metric(name, kind, help);
        for lane in overview.lanes.iter().filter(|lane| overview.is_heard(lane)) {
            let labels = [
                ("tenant", lane.tenant.as_str()),
                ("kind", lane.kind.as_str()),
            ];
            text.sample(name, &labels, value(lane));
        }
    }
    let workers = &overview.workers;
    let name = "repilot_workers";
    text.metric(
        name,
        Kind::Gauge,
        "Workers that were heard of in the last seconds.",
    );
    text.sample(name, &[], workers.len() as f64);
    let name = "repilot_workers_in_trouble";
    text.metric(
        name,
        Kind::Gauge,
        "Workers that lack something, such as a Redis that cannot be reached.",
    );
    let troubled = workers.iter().filter(|worker| !worker.trouble.is_empty());
    text.sample(name, &[], troubled.count() as f64);
    let name = "repilot_workers_in_flight_jobs";
    text.metric(name, Kind::Gauge, "Jobs that workers hold.");
    let in_flight: i64 = workers.iter().map(|worker| worker.in_flight).sum();
    text.sample(name, &[], in_flight as f64);
}
