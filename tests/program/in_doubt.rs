//! A campaign that is cancelled or paused while nobody knows what came of some of its calls.

use e2e::{Bench, ended, kill};
use repilot_graph_sim::Scenario;
use serde_json::Value;

use crate::PROGRAM;

/// Calls under way when the worker is lost.
const UNDER_WAY: u64 = 8;

const DEVICES: usize = 60;

fn command(bench: &Bench, arguments: &[&str]) -> tokio::process::Command {
    let mut command = bench.command(arguments);
    command
        .env("REPILOT_THROTTLE__WRITES", "100000")
        .env("REPILOT_WORKER__CONCURRENCY", UNDER_WAY.to_string());
    command
}

async fn run(bench: &Bench, arguments: &[&str], code: i32) -> e2e::Ran {
    let started = command(bench, arguments).spawn().unwrap();
    ended(started).await.expect(code)
}

/// Jobs that the worker takes in hand before it is lost: some were called and answered, some are under way,
/// and some were never called.
const IN_HAND: u64 = 24;

/// A campaign of which a worker was killed with calls under way, and who had each device before.
async fn with_a_lost_worker() -> (Bench, Vec<(String, String)>) {
    let mut scenario = Scenario::default();
    scenario.latency.fixed_ms = 1_000;
    let bench = Bench::new(PROGRAM, scenario, DEVICES).await;
    let at_first = users(&bench);
    let enqueue = ["enqueue", "--yes", "devices.txt", "--campaign", "c"];
    run(&bench, &enqueue, 0).await;
    let mut worker = command(&bench, &["worker"]);
    worker.env("REPILOT_THROTTLE__WRITES", IN_HAND.to_string());
    let worker = worker.spawn().unwrap();
    bench.until(|counters| counters.acts > UNDER_WAY).await;
    kill(worker).await;
    (bench, at_first)
}

/// Who has each device, by the server; nobody is an empty name.
fn users(bench: &Bench) -> Vec<(String, String)> {
    let devices = bench.simulator.devices(0).into_iter();
    let users = devices.map(|device| (device.id, device.user_principal_name));
    users.collect()
}

async fn counts(bench: &Bench) -> Value {
    let status = run(bench, &["status", "c", "--json"], 0).await.json();
    status["campaigns"][0]["counts"].clone()
}

/// Devices that were unassigned, by the server.
fn unassigned(bench: &Bench) -> u64 {
    bench.counters().devices_applied
}

#[tokio::test]
async fn a_campaign_that_is_cancelled_after_a_worker_was_lost_has_the_sum_of_its_devices() {
    let (bench, at_first) = with_a_lost_worker().await;
    let cancelled = run(&bench, &["campaign", "cancel", "c", "--yes"], 0).await;
    let before = counts(&bench).await;
    let open = before["running"].as_u64().unwrap() + before["uncertain"].as_u64().unwrap();
    assert!(open > 0 && open <= IN_HAND, "{before} {cancelled:?}");
    assert!(
        cancelled.stdout.contains("jobs will not be called"),
        "{cancelled:?}"
    );
    let acts = bench.counters().acts;
    run(&bench, &["worker", "--until-empty"], 4).await;

    let after = counts(&bench).await;
    assert_eq!(
        bench.counters().acts,
        acts,
        "nothing is called after a cancel"
    );
    assert_eq!(
        bench.counters().looks,
        open,
        "each in doubt is looked at once"
    );
    let succeeded = after["succeeded"].as_u64().unwrap();
    assert_eq!(succeeded, unassigned(&bench), "{after}");
    assert_eq!(after["cancelled"], DEVICES as u64 - succeeded, "{after}");
    assert_eq!(after["uncertain"], 0);
    bench.assert_accounted("c", DEVICES).await;
    let verified = run(&bench, &["verify", "c", "--after", "0s", "--json"], 0).await;
    let verified = verified.json();
    assert_eq!(
        verified["verification"]["verified"], succeeded,
        "{verified}"
    );
    // All of them go back, and no others.
    run(&bench, &["rollback", "c", "--run", "--yes"], 0).await;
    let had_user = bench.counters().assigned;
    assert!(had_user <= succeeded, "{had_user} of {succeeded}");
    assert_eq!(users(&bench), at_first);
}

#[tokio::test]
async fn a_campaign_that_is_paused_after_a_worker_was_lost_knows_what_it_did() {
    let (bench, _) = with_a_lost_worker().await;
    run(&bench, &["campaign", "pause", "c"], 0).await;
    let acts = bench.counters().acts;
    let worker = command(&bench, &["worker"]).spawn().unwrap();
    loop {
        let counts = counts(&bench).await;
        if counts["running"] == 0 && counts["uncertain"] == 0 && bench.counters().looks > 0 {
            assert_eq!(counts["succeeded"], unassigned(&bench), "{counts}");
            break;
        }
    }
    let looks = bench.counters().looks;
    assert_eq!(
        bench.counters().acts,
        acts,
        "nothing is called while it is paused"
    );
    kill(worker).await;
    run(&bench, &["campaign", "resume", "c"], 0).await;
    run(&bench, &["worker", "--until-empty"], 0).await;
    let counters = bench.counters();
    assert_eq!(counters.devices_applied, DEVICES as u64);
    assert_eq!(counters.looks, looks, "none is looked at twice");
    bench.assert_accounted("c", DEVICES).await;
}
