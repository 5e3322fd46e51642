//! What holds a campaign back where several processes drain it.

use std::collections::HashSet;
use std::time::Duration;

use e2e::{Deployment, ended};
use repilot_graph_sim::{Fault, Quota, Scenario};
use serde_json::Value;

use crate::PROGRAM;

/// Processes that drain one campaign.
const WORKERS: usize = 3;

/// Calls that each of them has under way at once.
const CONCURRENCY: u64 = 4;

/// The breaker.
const MAX_FAILURES: u64 = 10;

/// Dead letters within which it stops: one more for each call that may be under way.
const WITHIN: u64 = MAX_FAILURES + WORKERS as u64 * CONCURRENCY;

fn scenario(latency_ms: u64) -> Scenario {
    let mut scenario = Scenario::default();
    scenario.latency.fixed_ms = latency_ms;
    scenario
}

async fn status(deployment: &Deployment) -> Value {
    deployment.run(&["status", "--json"]).await.expect(0).json()
}

/// Waits until the breaker has tripped and whatever was under way is over; the campaign.
async fn tripped(deployment: &Deployment) -> Value {
    loop {
        let campaign = status(deployment).await["campaigns"][0].clone();
        let counts = &campaign["counts"];
        if campaign["pause_cause"] == "breaker" && counts["running"] == 0 && counts["queued"] == 0 {
            return campaign;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Drains by several processes a campaign of which Graph refuses a share, until its breaker trips,
/// and once more.
async fn a_breaker_trips_for_all(refused: f64) {
    // Long, as against what the ledger takes: whoever still calls then was not told.
    let mut refusing = scenario(150);
    refusing.faults.push(Fault::status(400, refused));
    let deployment = Deployment::with_campaign(PROGRAM, refusing, 1_000).await;
    deployment.run(&["campaign", "pause", "c"]).await.expect(0);
    let limit = MAX_FAILURES.to_string();
    let set = ["campaign", "set", "c", "--max-failures", &limit];
    deployment.run(&set).await.expect(0);
    let start = || {
        let mut command = deployment.command(&["worker"]);
        command.env("REPILOT_WORKER__CONCURRENCY", CONCURRENCY.to_string());
        command.spawn().unwrap()
    };
    let _workers: Vec<_> = (0..WORKERS).map(|_| start()).collect();
    while status(&deployment).await["workers"]
        .as_array()
        .unwrap()
        .len()
        < WORKERS
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut before = 0;
    // Whoever goes on has as many more.
    for _ in 0..2 {
        deployment.run(&["campaign", "resume", "c"]).await.expect(0);
        let campaign = tripped(&deployment).await;
        let dead = campaign["counts"]["dead"].as_u64().unwrap();
        let more = dead - before;
        assert!(
            (MAX_FAILURES..=WITHIN).contains(&more),
            "{more}: {campaign}"
        );
        let counters = deployment.bench.counters();
        assert_eq!(counters.statuses.get(&400), Some(&dead), "{counters:?}");
        before = dead;
    }
    let dead = ["jobs", "c", "--state", "dead", "--json"];
    let dead = deployment.run(&dead).await.expect(0).json();
    let jobs = dead.as_array().unwrap().iter();
    let callers: HashSet<&str> = jobs.map(|job| job["worker"].as_str().unwrap()).collect();
    assert_eq!(callers.len(), WORKERS, "each had its part: {callers:?}");
}

#[tokio::test]
async fn a_breaker_stops_three_processes_within_10_dead_letters_and_what_was_in_flight() {
    a_breaker_trips_for_all(1.0).await;
}

#[tokio::test]
async fn a_breaker_stops_three_processes_as_well_where_most_calls_go_through() {
    a_breaker_trips_for_all(0.3).await;
}

/// A ceiling is held by all processes together, as the tenant's own budget is.
#[tokio::test]
async fn two_processes_together_keep_a_campaigns_ceiling() {
    let scenario = Scenario {
        // Grants everything; only says over which window it counts.
        quota: Quota {
            window_ms: 2_000,
            ..Quota::default()
        },
        ..scenario(40)
    };
    let deployment = Deployment::with_campaign(PROGRAM, scenario, 80).await;
    let set = ["campaign", "set", "c", "--rate", "20/2s"];
    deployment.run(&set).await.expect(0);
    let workers = [deployment.worker(), deployment.worker()];
    for worker in workers {
        ended(worker).await.expect(0);
    }
    let counters = deployment.bench.counters();
    assert!(counters.peak_writes_per_window <= 20, "{counters:?}");
    assert!(counters.peak_writes_per_window >= 15, "used: {counters:?}");
    deployment.assert_done(80, 0).await;
}
