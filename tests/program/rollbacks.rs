//! The way back: what a campaign did is undone, and only that.

use e2e::Bench;
use repilot_graph_sim::Scenario;

use crate::PROGRAM;

fn unthrottled(bench: &Bench, arguments: &[&str]) -> tokio::process::Command {
    let mut command = bench.command(arguments);
    command
        .env("REPILOT_THROTTLE__WRITES", "100000")
        .env("REPILOT_THROTTLE__READS", "100000");
    command
}

async fn run(bench: &Bench, arguments: &[&str], code: i32) -> e2e::Ran {
    let started = unthrottled(bench, arguments).spawn().unwrap();
    e2e::ended(started).await.expect(code)
}

#[tokio::test]
async fn five_hundred_devices_rolled_back_are_byte_for_byte_what_they_were() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 500).await;
    let inventory = || serde_json::to_string(&bench.simulator.devices(0)).unwrap();
    let before = inventory();
    run(
        &bench,
        &["run", "--yes", "devices.txt", "--campaign", "c"],
        0,
    )
    .await;
    let unassigned = inventory();
    assert_eq!(bench.counters().still_assigned, 0);
    run(&bench, &["rollback", "c", "--run", "--yes"], 0).await;
    assert_eq!(inventory(), before);
    let assigned = bench.counters().assigned;
    let again = run(&bench, &["rollback", "c", "--run", "--yes"], 1).await;
    assert!(again.stderr.contains("is to be taken back"), "{again:?}");
    assert_eq!(bench.counters().assigned, assigned, "nothing twice");
    run(&bench, &["rollback", "c-rollback", "--run", "--yes"], 0).await;
    assert_eq!(inventory(), unassigned);
}

#[tokio::test]
async fn a_device_that_got_a_new_user_since_is_not_touched_and_is_said() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 20).await;
    run(
        &bench,
        &["run", "--yes", "devices.txt", "--campaign", "c"],
        0,
    )
    .await;
    let device = bench.simulator.devices(0)[0].clone();
    assert!(
        bench
            .simulator
            .reassign(0, &device.id, "eve@contoso.example")
    );
    let ran = run(&bench, &["rollback", "c", "--run", "--yes"], 0).await;
    assert!(ran.stderr.contains("new-user-since 1"), "{ran:?}");
    let now = bench.simulator.devices(0)[0].clone();
    assert_eq!(now.user_principal_name, "eve@contoso.example");
    assert_eq!(bench.counters().reassigned_touched, 0);
}
