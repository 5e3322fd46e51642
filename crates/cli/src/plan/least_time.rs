//! The least time that calls take, by what the tenant is known to grant.

use std::time::Duration;

use repilot_domain::{LaneKind, Limit, Rate, TenantName};
use repilot_ledger::Ledger;

use crate::app::App;

/// Calls by the budget that they draw on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) writes: u64,
    pub(crate) reads: u64,
}

/// Limits on devices of which each takes some writes: what the tenant is known to grant, and the
/// campaign's rate, which counts writes as well.
pub(crate) async fn limits(
    app: &App,
    ledger: &Ledger,
    tenant: &TenantName,
    writes_each: u64,
    rate: Option<Rate>,
) -> anyhow::Result<Vec<Limit>> {
    let settings = &app.settings.throttle;
    let states = ledger.lane_states().await?;
    let learnt = states.iter().find_map(|lane| {
        let is_it = lane.tenant == *tenant && lane.kind == LaneKind::Writes;
        is_it.then_some(lane.learnt_limit).flatten()
    });
    let limit =
        |writes: f64, window: Duration| Limit::rested(writes / writes_each.max(1) as f64, window);
    let quota = granted(f64::from(settings.writes), learnt);
    let mut limits = vec![limit(quota, settings.window.0)];
    limits.extend(rate.map(|rate| limit(f64::from(rate.calls), rate.window)));
    Ok(limits)
}

/// Of each budget a first window's worth at once, the rest as it is granted; both at a time.
pub(crate) async fn least_time(
    app: &App,
    ledger: &Ledger,
    tenant: &TenantName,
    calls: Calls,
) -> anyhow::Result<Duration> {
    let settings = &app.settings.throttle;
    let states = ledger.lane_states().await?;
    let windows = |kind: LaneKind, configured: u32, calls: u64| {
        let learnt = states.iter().find_map(|lane| {
            let is_it = lane.tenant == *tenant && lane.kind == kind;
            is_it.then_some(lane.learnt_limit).flatten()
        });
        windows(calls, f64::from(configured), learnt)
    };
    let writes = windows(LaneKind::Writes, settings.writes, calls.writes);
    let reads = windows(LaneKind::Reads, settings.reads, calls.reads);
    Ok(settings.window.0.mul_f64(writes.max(reads)))
}

fn granted(configured: f64, learnt: Option<f64>) -> f64 {
    learnt.unwrap_or(configured).min(configured).max(1.0)
}

fn windows(calls: u64, configured: f64, learnt: Option<f64>) -> f64 {
    let granted = granted(configured, learnt);
    (calls as f64 - granted).max(0.0) / granted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_window_is_free_and_what_was_learnt_counts_where_it_is_less() {
        let of = |calls, learnt| format!("{:.1}", windows(calls, 100.0, learnt));
        assert_eq!(of(100, None), "0.0");
        assert_eq!(of(250, None), "1.5");
        assert_eq!(of(250, Some(50.0)), "4.0");
        assert_eq!(of(250, Some(500.0)), "1.5");
    }
}
