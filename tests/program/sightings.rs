//! Devices that change hands between plan and call are left alone, and each is named with who has it.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::{Bench, ended, kill};
use repilot_graph_sim::{Counters, DeviceState, Fault, FaultKind, Fleet, On, Scenario};
use serde_json::Value;

use crate::PROGRAM;

/// How old a sighting may be in these tests, and as milliseconds.
const WITHIN: &str = "1s";
const WITHIN_MS: u64 = 1_000;

/// A slow machine may send a call late that was decided in time.
const SLACK_MS: u64 = 2_000;

const NEWCOMER: &str = "newcomer@contoso.example";

fn command(bench: &Bench, arguments: &[&str]) -> tokio::process::Command {
    let mut command = bench.command(arguments);
    command
        .env("REPILOT_CAMPAIGN__SIGHTED_WITHIN", WITHIN)
        .env("REPILOT_CAMPAIGN__MAX_FAILURES", "")
        .env("REPILOT_THROTTLE__WINDOW", "500ms");
    command
}

async fn run(bench: &Bench, arguments: &[&str], code: i32) -> e2e::Ran {
    let started = command(bench, arguments).spawn().unwrap();
    ended(started).await.expect(code)
}

async fn bench(scenario: Scenario, devices: usize) -> Bench {
    let mut fleet = Fleet::generated(devices, 3);
    for (number, device) in fleet.0.iter_mut().enumerate() {
        device.user_principal_name = format!("user{number}@contoso.example");
        device.addressable_user_name = format!("User {number}");
    }
    Bench::with_fleet(PROGRAM, scenario, fleet).await
}

/// Gives these devices to a newcomer, unless their users are gone already; which it were.
fn hand_over(bench: &Bench, places: impl Iterator<Item = usize>) -> BTreeSet<String> {
    let devices = bench.simulator.devices(0);
    let mut changed = BTreeSet::new();
    for place in places {
        let device = &devices[place];
        if !device.user_principal_name.is_empty() {
            assert!(bench.simulator.reassign(0, &device.id, NEWCOMER));
            changed.insert(device.serial_number.clone());
        }
    }
    changed
}

/// The dead letters of a campaign by serial, each with who has its device now.
async fn found(bench: &Bench, campaign: &str) -> BTreeSet<String> {
    let jobs = run(bench, &["jobs", campaign, "state:dead", "--json"], 0).await;
    let jobs = jobs.json();
    let serial = |job: &Value| {
        assert_eq!(job["reason"], "reassigned-meanwhile", "{job}");
        assert_eq!(job["found_user"], NEWCOMER, "{job}");
        job["serial"].as_str().unwrap().to_owned()
    };
    jobs.as_array().unwrap().iter().map(serial).collect()
}

fn had_newcomer(bench: &Bench) -> usize {
    let devices = bench.simulator.devices(0);
    let has = |device: &&DeviceState| device.user_principal_name == NEWCOMER;
    devices.iter().filter(has).count()
}

fn assert_none_touched_late(counters: &Counters) {
    let late = counters.touched_after_ms.unwrap_or_default();
    assert!(late <= WITHIN_MS + SLACK_MS, "{counters:?}");
}

#[tokio::test]
async fn devices_that_change_hands_before_their_window_are_not_called() {
    let bench = bench(Scenario::default(), 60).await;
    let enqueue = [
        "enqueue",
        "devices.txt",
        "--yes",
        "--campaign",
        "c",
        "--not-before",
        "+2s",
    ];
    run(&bench, &enqueue, 0).await;
    let changed = hand_over(&bench, (0..60).step_by(10));
    run(&bench, &["worker", "--until-empty"], 3).await;
    assert_eq!(found(&bench, "c").await, changed);
    let counters = bench.counters();
    assert_eq!((counters.applied, counters.reassigned_touched), (54, 0));
    assert_eq!(had_newcomer(&bench), 6);
    // One listing for the plan and one for the calls, where a look at each would be sixty.
    assert_eq!((counters.looks, counters.pages), (0, 2), "{counters:?}");
    // Every view says who it is.
    let first = changed.first().unwrap();
    for (arguments, says) in [
        (
            vec!["jobs", "c", "state:dead"],
            format!("{NEWCOMER} has it now"),
        ),
        (
            vec!["dead", "list", first],
            format!("{NEWCOMER} has it now"),
        ),
        (vec!["export", "c"], NEWCOMER.to_owned()),
        (vec!["report", "c", "--markdown"], NEWCOMER.to_owned()),
    ] {
        let said = run(&bench, &arguments, 0).await.stdout;
        assert!(said.contains(&says), "{arguments:?} {said}");
    }
    // To requeue them is to take them from the newcomer, and asks.
    let requeue = ["dead", "requeue", "--campaign", "c"];
    let refused = run(&bench, &requeue, 1).await;
    assert!(refused.stderr.contains(NEWCOMER), "{refused:?}");
    let mut accepted = requeue.to_vec();
    accepted.push("--yes");
    run(&bench, &accepted, 0).await;
    run(&bench, &["worker", "--until-empty"], 0).await;
    assert_eq!((bench.counters().applied, had_newcomer(&bench)), (60, 0));
    // What is given back is who had it last, and not who was planned.
    run(&bench, &["rollback", "c", "--run", "--yes"], 0).await;
    assert_eq!(had_newcomer(&bench), 6);
}

#[tokio::test]
async fn few_devices_are_looked_at_and_many_listed() {
    for (meant, looks, pages) in [(1, 1, 1), (2, 0, 2)] {
        let bench = bench(Scenario::default(), 5).await;
        let serials: Vec<String> = bench.simulator.devices(0)[..meant]
            .iter()
            .map(|device| device.serial_number.clone())
            .collect();
        std::fs::write(bench.folder.path().join("few.txt"), serials.join("\n")).unwrap();
        let enqueue = ["enqueue", "few.txt", "--yes", "--campaign", "c"];
        let mut later = enqueue.to_vec();
        later.extend(["--not-before", "+2s"]);
        run(&bench, &later, 0).await;
        run(&bench, &["worker", "--until-empty"], 0).await;
        let counters = bench.counters();
        let calls = (counters.applied, counters.looks, counters.pages);
        assert_eq!(calls, (meant as u64, looks, pages), "{counters:?}");
    }
}

#[tokio::test]
async fn a_look_right_before_each_call_is_one_look_a_device() {
    let bench = bench(Scenario::default(), 30).await;
    let narrow = [("REPILOT_THROTTLE__WRITES", "10")];
    let arguments = [
        "run",
        "devices.txt",
        "--yes",
        "--campaign",
        "c",
        "--sighted-within",
        "0s",
    ];
    let running = command(&bench, &arguments).envs(narrow).spawn().unwrap();
    ended(running).await.expect(0);
    let counters = bench.counters();
    assert_eq!((counters.applied, counters.looks), (30, 30), "{counters:?}");
    assert_eq!(counters.throttled, 0);
}

#[tokio::test]
async fn devices_that_change_hands_at_any_moment_are_each_reported() {
    let slow = Fault {
        on: On::Unassign,
        delay_ms: 20,
        ..Fault::sharing(FaultKind::Slow, 1.0)
    };
    let scenario = Scenario {
        faults: vec![slow],
        ..Scenario::default()
    };
    let bench = bench(scenario, 200).await;
    let narrow = [("REPILOT_THROTTLE__WRITES", "20")];
    let enqueue = ["enqueue", "devices.txt", "--yes", "--campaign", "c"];
    run(&bench, &enqueue, 0).await;
    let mut changed = hand_over(&bench, (0..200).skip(3).step_by(40));
    let worker = || {
        command(&bench, &["worker", "--until-empty"])
            .envs(narrow)
            .spawn()
    };
    let mut running = worker().unwrap();
    for round in 0..5_usize {
        // Some are called before each of these moments, and some after.
        let done = bench.counters().applied;
        while bench.counters().applied < done + 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        changed.extend(hand_over(&bench, (0..200).skip(10 + round).step_by(25)));
        if round == 2 {
            kill(running).await;
            running = worker().unwrap();
        }
    }
    ended(running).await.expect(3);
    let counters = bench.counters();
    assert_none_touched_late(&counters);
    let found = found(&bench, "c").await;
    assert!(found.is_subset(&changed), "{found:?}");
    // Who has lost a device all the same lost it within the time that the campaign allows.
    let lost = usize::try_from(counters.reassigned_touched).unwrap();
    assert_eq!(had_newcomer(&bench) + lost, changed.len(), "{counters:?}");
    assert!(found.len() >= 5, "{found:?}");
}

#[tokio::test]
async fn a_tenant_that_shows_no_users_is_named_and_assigned_only_if_meant() {
    let mut fleet = Fleet::generated(4, 3);
    for device in &mut fleet.0 {
        device.user_principal_name.clear();
        device.addressable_user_name.clear();
    }
    let bench = Bench::with_fleet(PROGRAM, Scenario::default(), fleet).await;
    let plan = run(&bench, &["plan", "devices.txt"], 0).await;
    assert!(
        plan.stdout
            .contains("no device of this tenant shows a user"),
        "{plan:?}"
    );
    let unassign = ["run", "devices.txt", "--yes", "--campaign", "u"];
    let mut looked_at = unassign.to_vec();
    looked_at.extend(["--sighted-within", "0s"]);
    run(&bench, &looked_at, 0).await;
    assert_eq!(bench.counters().applied, 4);
    let rows = bench.simulator.devices(0);
    let rows = rows
        .iter()
        .map(|device| format!("{},new@contoso.example", device.serial_number));
    let list: Vec<String> = std::iter::once("Serial number,New user".to_owned())
        .chain(rows)
        .collect();
    std::fs::write(bench.folder.path().join("moves.csv"), list.join("\n")).unwrap();
    let assign = [
        "run",
        "moves.csv",
        "--action",
        "assign",
        "--yes",
        "--campaign",
        "a",
    ];
    let refused = run(&bench, &assign, 1).await;
    assert!(refused.stderr.contains("--blind"), "{refused:?}");
    assert_eq!(bench.counters().assigned, 0);
    let mut blind = assign.to_vec();
    blind.push("--blind");
    run(&bench, &blind, 0).await;
    assert_eq!(bench.counters().assigned, 4);
}
