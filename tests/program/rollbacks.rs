//! The way back: what a campaign did is undone, and only that.

use e2e::Bench;
use repilot_graph_sim::{DeviceState, Fault, On, Scenario};

use crate::PROGRAM;
use crate::reassign_breaks::stumbling_assignments;

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
    let had_user = with_user(&bench);
    run(
        &bench,
        &["run", "--yes", "devices.txt", "--campaign", "c"],
        0,
    )
    .await;
    let unassigned = inventory();
    assert_eq!(bench.counters().still_assigned, 0);
    assert_eq!(verified(&bench, "c").await, 500);
    let back = run(&bench, &["rollback", "c", "--run", "--yes"], 0).await;
    // The listing that its plan was made by shows who has each device.
    let calls = format!("for {had_user} assignments");
    assert!(back.stderr.contains(&calls), "{back:?}");
    assert_eq!(inventory(), before);
    assert_eq!(verified(&bench, "c-rollback").await, had_user as u64);
    assert_eq!(inventory(), before, "to verify changes nothing");
    let assigned = bench.counters().assigned;
    let again = run(&bench, &["rollback", "c", "--run", "--yes"], 1).await;
    assert!(again.stderr.contains("is to be taken back"), "{again:?}");
    assert_eq!(bench.counters().assigned, assigned, "nothing twice");
    let again = run(&bench, &["rollback", "c-rollback", "--run", "--yes"], 0).await;
    let calls = format!("for {had_user} unassignments");
    assert!(again.stderr.contains(&calls), "{again:?}");
    assert_eq!(inventory(), unassigned);
}

/// As many devices as have a user: not all of those that are made up.
fn with_user(bench: &Bench) -> usize {
    let devices = bench.simulator.devices(0);
    let has_user = |device: &&DeviceState| !device.user_principal_name.is_empty();
    devices.iter().filter(has_user).count()
}

/// As many jobs as a verification finds as they shall be; and no others.
async fn verified(bench: &Bench, campaign: &str) -> u64 {
    let verify = ["verify", campaign, "--after", "0s", "--json"];
    let found = run(bench, &verify, 0).await.json();
    let found = found["verification"].as_object().unwrap().clone();
    assert_eq!(found.len(), 1, "{found:?}");
    found["verified"].as_u64().unwrap()
}

#[tokio::test]
async fn a_rollback_takes_back_what_a_search_finds_and_another_the_rest() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 60).await;
    let before = bench.simulator.devices(0);
    let tag = before[0].group_tag.clone();
    let all_of_them = with_user(&bench);
    let is_meant =
        |device: &&DeviceState| device.group_tag == tag && !device.user_principal_name.is_empty();
    let tagged = before.iter().filter(is_meant).count();
    assert!(0 < tagged && tagged < all_of_them);
    let all = ["run", "--yes", "devices.txt", "--campaign", "c"];
    run(&bench, &all, 0).await;
    let (these, others) = (format!("tag:{tag}"), format!("-tag:{tag}"));
    let first = ["rollback", "c", &these, "--yes", "--json"];
    let enqueued = run(&bench, &first, 0).await.json();
    assert_eq!(enqueued["counts"]["total"], tagged);
    // The same again goes on with the same; another is another campaign.
    let again = run(&bench, &first, 0).await.json();
    assert_eq!(again["name"], "c-rollback");
    let rest = ["rollback", "c", "--yes", "--json", "--", &others];
    let rest = run(&bench, &rest, 0).await.json();
    assert_eq!(rest["name"], "c-rollback-2");
    assert_eq!(rest["counts"]["total"], all_of_them - tagged);
    run(&bench, &["worker", "--until-empty"], 0).await;
    let now = |devices| serde_json::to_string(&devices).unwrap();
    assert_eq!(now(bench.simulator.devices(0)), now(before));
    assert_eq!(bench.counters().max_assigned_per_device, 1);
    run(&bench, &["audit", "verify"], 0).await;
}

#[tokio::test]
async fn assignments_whose_answers_are_lost_are_all_made_and_none_is_made_twice() {
    let bench = Bench::new(PROGRAM, stumbling_assignments(), 120).await;
    let had_user = with_user(&bench);
    let before = serde_json::to_string(&bench.simulator.devices(0)).unwrap();
    run(
        &bench,
        &["run", "--yes", "devices.txt", "--campaign", "c"],
        0,
    )
    .await;
    run(&bench, &["rollback", "c", "--yes"], 0).await;
    let mut patient = unthrottled(&bench, &["worker", "--until-empty"]);
    patient
        .env("REPILOT_RETRY__LOOK_AFTER", "100ms")
        .env("REPILOT_RETRY__BACKOFF", "100ms");
    e2e::ended(patient.spawn().unwrap()).await.expect(0);
    let after = serde_json::to_string(&bench.simulator.devices(0)).unwrap();
    assert_eq!(after, before);
    let counters = bench.counters();
    let seen = |status| counters.statuses.get(&status).copied().unwrap_or(0) > 0;
    assert!([429, 503, 504].into_iter().all(seen), "{counters:?}");
    assert_eq!(counters.max_assigned_per_device, 1, "{counters:?}");
    assert_eq!(
        (counters.assigned, counters.acts_at_once),
        (had_user as u64, 0)
    );
    assert_eq!(counters.max_applied_per_device, 1, "no step that is done");
    bench.assert_accounted("c-rollback", had_user).await;
}

#[tokio::test]
async fn an_assignment_that_is_refused_for_good_says_where_the_device_stands() {
    let mut scenario = Scenario::default();
    scenario.faults.push(Fault {
        on: On::Assign,
        ..Fault::status(400, 1.0)
    });
    let bench = Bench::new(PROGRAM, scenario, 3).await;
    run(
        &bench,
        &["run", "--yes", "devices.txt", "--campaign", "c"],
        0,
    )
    .await;
    run(&bench, &["rollback", "c", "--run", "--yes"], 3).await;
    assert_eq!(bench.counters().assigned, 0);
    let rows = run(&bench, &["jobs", "c-rollback", "--json"], 0)
        .await
        .json();
    for row in rows.as_array().unwrap() {
        assert_eq!(
            (&row["state"], &row["reason"]),
            (&"dead".into(), &"rejected".into())
        );
        assert_eq!(
            row["uncertain"], false,
            "nothing was done, and that is known: {row}"
        );
    }
    bench.run(&["ledger", "check"]).await.expect(0);
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
