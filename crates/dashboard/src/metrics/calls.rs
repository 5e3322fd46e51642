//! What came of calls to Graph, and how long they took.

use std::collections::BTreeMap;

use repilot_ledger::{CallTimes, Ledger};

use super::exposition::{Exposition, Kind};

/// A tenant's calls, whatever came of them: by bound, those beyond the last, and how long they took.
#[derive(Default)]
struct Histogram {
    up_to: BTreeMap<i64, i64>,
    calls: i64,
    total_ms: i64,
}

pub(super) fn write(text: &mut Exposition, times: &[CallTimes]) {
    let mut by_outcome: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    let mut by_tenant: BTreeMap<&str, Histogram> = BTreeMap::new();
    for time in times {
        let tenant = time.tenant.as_str();
        *by_outcome
            .entry((tenant, time.outcome.as_str()))
            .or_default() += time.calls;
        let histogram = by_tenant.entry(tenant).or_default();
        histogram.calls += time.calls;
        histogram.total_ms = histogram.total_ms.saturating_add(time.total_ms);
        if let Some(bound) = time.up_to_ms {
            *histogram.up_to.entry(bound).or_default() += time.calls;
        }
    }
    let name = "repilot_attempts_total";
    text.metric(
        name,
        Kind::Counter,
        "Calls to Graph for a tenant by what came of them.",
    );
    for ((tenant, outcome), calls) in by_outcome {
        let labels = [("tenant", tenant), ("outcome", outcome)];
        text.sample(name, &labels, calls as f64);
    }
    let name = "repilot_graph_call_duration_seconds";
    text.metric(
        name,
        Kind::Histogram,
        "How long Graph took to answer a tenant's calls.",
    );
    for (tenant, histogram) in by_tenant {
        write_histogram(text, name, tenant, &histogram);
    }
}

fn write_histogram(text: &mut Exposition, name: &str, tenant: &str, histogram: &Histogram) {
    let bucket = format!("{name}_bucket");
    let mut below = 0;
    for bound in Ledger::call_time_bounds_ms() {
        below += histogram.up_to.get(&bound).copied().unwrap_or_default();
        let seconds = (bound as f64 / 1e3).to_string();
        text.sample(
            &bucket,
            &[("tenant", tenant), ("le", &seconds)],
            below as f64,
        );
    }
    let calls = histogram.calls as f64;
    text.sample(&bucket, &[("tenant", tenant), ("le", "+Inf")], calls);
    let seconds = histogram.total_ms as f64 / 1e3;
    text.sample(&format!("{name}_sum"), &[("tenant", tenant)], seconds);
    text.sample(&format!("{name}_count"), &[("tenant", tenant)], calls);
}
