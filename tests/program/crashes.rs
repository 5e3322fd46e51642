//! Kills, signals, lost networks.

use e2e::{Bench, ended, kill};
use repilot_graph_sim::Scenario;

use crate::PROGRAM;

fn slow_enough_to_kill() -> Scenario {
    let mut scenario = Scenario::default();
    scenario.latency.fixed_ms = 20;
    scenario
}

#[tokio::test]
async fn a_killed_run_goes_on_where_it_was_and_every_device_has_one_success() {
    let bench = Bench::new(PROGRAM, slow_enough_to_kill(), 600).await;
    let command = || {
        let mut command = bench.command(&["run", "--yes", "devices.txt", "--campaign", "c"]);
        command.env("REPILOT_THROTTLE__WRITES", "100000");
        command.env("REPILOT_WORKER__CONCURRENCY", "16");
        command.env("REPILOT_RETRY__LOOK_AFTER", "50ms");
        command
    };
    let mut in_flight = 0;
    for kills in 1..=2 {
        let running = command().spawn().unwrap();
        bench.until(|counters| counters.acts >= 120 * kills).await;
        kill(running).await;
        in_flight += 16;
    }
    ended(command().spawn().unwrap()).await.expect(0);
    let counters = bench.counters();
    assert_eq!(
        (counters.devices_applied, counters.still_assigned),
        (600, 0)
    );
    assert!(counters.applied <= 600 + in_flight, "{counters:?}");
    let rows = bench.run(&["export", "c", "--format", "json"]).await.json();
    assert!(
        rows.as_array()
            .unwrap()
            .iter()
            .all(|row| row["outcome"] == "succeeded")
    );
    bench.assert_accounted("c", 600).await;
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_ends_what_is_in_flight_and_says_how_to_resume() {
    let bench = Bench::new(PROGRAM, slow_enough_to_kill(), 400).await;
    let mut command = bench.command(&["run", "--yes", "devices.txt", "--campaign", "c"]);
    command
        .env("REPILOT_WORKER__CONCURRENCY", "4")
        .env("REPILOT_THROTTLE__WRITES", "100000");
    let running = command.spawn().unwrap();
    bench.until(|counters| counters.acts >= 30).await;
    e2e::interrupt(&running).await;
    let ran = ended(running).await.expect(4);
    assert!(ran.stderr.contains("run the same command again"), "{ran:?}");
    let after = bench.counters();
    assert!(after.acts < 400);
    let status = bench.run(&["status", "c", "--json"]).await.json();
    assert_eq!(status["campaigns"][0]["counts"]["running"], 0);
    assert_eq!(status["campaigns"][0]["counts"]["succeeded"], after.applied);
    let mut command = bench.command(&["run", "--yes", "devices.txt", "--campaign", "c"]);
    command.env("REPILOT_THROTTLE__WRITES", "100000");
    ended(command.spawn().unwrap()).await.expect(0);
    assert_eq!(bench.counters().applied, 400, "nothing was called twice");
}

#[tokio::test]
async fn a_network_that_goes_and_comes_back_costs_time_and_no_attempt() {
    let mut bench = Bench::new(PROGRAM, Scenario::default(), 40).await;
    bench
        .run(&["enqueue", "--yes", "devices.txt", "--campaign", "c"])
        .await
        .expect(0);
    let url = bench.simulator.url();
    let address = url.trim_start_matches("http://").parse().unwrap();
    let fleet = repilot_graph_sim::Fleet::generated(40, 3);
    // Nobody listens at the old address until the worker has noticed.
    let gone = std::mem::replace(
        &mut bench.simulator,
        repilot_graph_sim::Simulator::start(
            Scenario::default(),
            &fleet,
            ([127, 0, 0, 1], 0).into(),
        )
        .await
        .unwrap(),
    );
    gone.shutdown().await;
    let mut command = bench.command(&["worker", "--until-empty"]);
    command.env("REPILOT_GRAPH__ROOT", &url);
    let worker = command.spawn().unwrap();
    loop {
        let jobs = bench
            .run(&["jobs", "c", "--reason", "backoff", "--json"])
            .await
            .json();
        if jobs.as_array().is_some_and(|jobs| jobs.len() > 2) {
            break;
        }
    }
    bench.simulator = repilot_graph_sim::Simulator::start(Scenario::default(), &fleet, address)
        .await
        .unwrap();
    ended(worker).await.expect(0);
    let jobs = bench.run(&["jobs", "c", "--json"]).await.json();
    assert!(
        jobs.as_array()
            .unwrap()
            .iter()
            .all(|job| job["attempts"] == 1)
    );
    bench.assert_accounted("c", 40).await;
}
