//! Reassignments that break off, in either step, and go on where they were.

use e2e::{Bench, ended, kill};
use repilot_graph_sim::{Fault, FaultKind, On, Scenario};
use serde_json::Value;

use crate::reassign::{REASSIGN, UNTHROTTLED, assert_moved, bench, run, with_users};

/// Whoever waits does not wait for long.
const QUICK: [(&str, &str); 3] = [
    ("REPILOT_RETRY__LOOK_AFTER", "50ms"),
    ("REPILOT_RETRY__BACKOFF", "50ms"),
    ("REPILOT_RETRY__BACKOFF_MAX", "200ms"),
];

/// Who is greeted by the name by which the list calls them.
fn as_looked_up(number: usize) -> String {
    format!("New {number}")
}

/// Every way in which an assignment's answer gets lost or comes wrong, and then comes right.
pub(crate) fn stumbling_assignments() -> Scenario {
    let first = |kind| Fault {
        on: On::Assign,
        attempts: Some(2),
        ..Fault::sharing(kind, 0.25)
    };
    let status = |status| Fault {
        status: Some(status),
        ..first(FaultKind::Status)
    };
    Scenario {
        faults: vec![
            first(FaultKind::Applied504),
            first(FaultKind::ResetAfter),
            first(FaultKind::ResetBefore),
            status(429),
            status(503),
            status(504),
        ],
        ..Scenario::default()
    }
}

/// Kills a reassignment of 12 devices as soon as it is where it shall be, and goes on.
async fn killed(
    scenario: Scenario,
    environment: &[(&str, &str)],
    is_there: impl AsyncFn(&Bench) -> bool,
) -> Bench {
    let bench = bench(scenario, 12).await;
    let command = || {
        let mut command = bench.command(&REASSIGN);
        command
            .envs(UNTHROTTLED)
            .env("REPILOT_WORKER__CONCURRENCY", "4")
            .envs(QUICK)
            .envs(environment.iter().copied());
        command
    };
    let running = command().spawn().unwrap();
    while !is_there(&bench).await {
        tokio::task::yield_now().await;
    }
    kill(running).await;
    ended(command().spawn().unwrap()).await.expect(0);
    assert_moved(&bench, as_looked_up);
    bench.assert_accounted("moves", 12).await;
    bench
}

fn slow(on: On) -> Scenario {
    let mut fault = Fault::sharing(FaultKind::Slow, 1.0);
    fault.on = on;
    fault.attempts = Some(1);
    fault.delay_ms = 1_500;
    let mut scenario = Scenario::default();
    scenario.faults.push(fault);
    scenario
}

#[tokio::test]
async fn a_kill_while_a_device_is_unassigned_repeats_nothing() {
    let is_there = async |bench: &Bench| bench.counters().applied >= 4;
    let bench = killed(slow(On::Unassign), &[], is_there).await;
    let counters = bench.counters();
    assert_eq!((counters.applied, counters.assigned), (12, 12));
    assert_eq!(counters.max_applied_per_device, 1);
}

#[tokio::test]
async fn a_kill_while_a_device_is_assigned_repeats_neither_step() {
    let is_there = async |bench: &Bench| bench.counters().assigned >= 4;
    let bench = killed(slow(On::Assign), &[], is_there).await;
    let counters = bench.counters();
    assert_eq!((counters.applied, counters.assigned), (12, 12));
    assert_eq!(counters.max_applied_per_device, 1);
    assert_eq!(counters.max_assigned_per_device, 1);
}

#[tokio::test]
async fn a_kill_between_the_steps_goes_on_with_the_second() {
    // The first calls spend the budget, and their devices wait for the next window unassigned.
    let narrow = [
        ("REPILOT_THROTTLE__WRITES", "4"),
        ("REPILOT_THROTTLE__WINDOW", "3s"),
    ];
    let is_there = async |bench: &Bench| {
        let status = bench.run(&["status", "--json"]).await;
        let status: Value = serde_json::from_str(&status.stdout).unwrap_or_default();
        let between = &status["campaigns"][0]["counts"]["between_steps"];
        between.as_u64() > Some(0)
    };
    let bench = killed(Scenario::default(), &narrow, is_there).await;
    let counters = bench.counters();
    assert_eq!((counters.applied, counters.assigned), (12, 12));
}

/// Calls of a step that the ledger knows of, over all jobs of a campaign.
async fn recorded(bench: &Bench, step: &str) -> u64 {
    let jobs = run(bench, &["jobs", "moves", "--json"], 0).await.json();
    let mut calls = 0;
    for job in jobs.as_array().unwrap() {
        let job = run(bench, &["job", &job["id"].to_string(), "--json"], 0).await;
        let job = job.json();
        let history = job["history"].as_array().unwrap().iter();
        calls += history.filter(|attempt| attempt["step"] == step).count() as u64;
    }
    calls
}

/// Some second steps stumbled, and no step was done twice over it.
fn assert_each_step_once(bench: &Bench, devices: u64) {
    let counters = bench.counters();
    assert!(counters.assigns > devices, "{counters:?}");
    assert_eq!((counters.applied, counters.assigned), (devices, devices));
    assert_eq!(counters.max_applied_per_device, 1, "{counters:?}");
    assert_eq!(counters.max_assigned_per_device, 1, "{counters:?}");
}

#[tokio::test]
async fn second_steps_whose_answers_are_lost_are_each_done_once_and_each_call_is_recorded() {
    let bench = bench(stumbling_assignments(), 40).await;
    let mut command = bench.command(&REASSIGN);
    let running = command.envs(UNTHROTTLED).envs(QUICK).spawn().unwrap();
    ended(running).await.expect(0);
    assert_moved(&bench, as_looked_up);
    assert_each_step_once(&bench, 40);
    let counters = bench.counters();
    let seen = |status| counters.statuses.contains_key(&status);
    assert!([0, 429, 503, 504].into_iter().all(seen), "{counters:?}");
    assert_eq!(recorded(&bench, "assign").await, counters.assigns);
    assert_eq!(recorded(&bench, "act").await, 40);
    bench.assert_accounted("moves", 40).await;
}

#[tokio::test]
async fn a_kill_among_second_steps_that_stumble_repeats_none_that_is_done() {
    let mut scenario = stumbling_assignments();
    scenario.latency.fixed_ms = 100;
    let is_there = async |bench: &Bench| bench.counters().assigned >= 6;
    let bench = killed(scenario, &[], is_there).await;
    assert_each_step_once(&bench, 12);
    // Each that was under way is recorded as lost, whether it had left or not.
    assert!(recorded(&bench, "assign").await >= bench.counters().assigns);
}

#[tokio::test]
async fn a_second_step_that_nobody_saw_done_is_said_to_be_unknown_until_somebody_looks() {
    let serial = Some(with_users(3).0[1].serial_number.clone());
    let lost = Fault {
        on: On::Assign,
        serial: serial.clone(),
        ..Fault::sharing(FaultKind::Applied504, 1.0)
    };
    let blind = Fault {
        on: On::Look,
        serial,
        // As many as are made with two attempts.
        attempts: Some(3),
        ..Fault::status(503, 1.0)
    };
    let scenario = Scenario {
        faults: vec![lost, blind],
        ..Scenario::default()
    };
    let bench = bench(scenario, 3).await;
    let mut command = bench.command(&REASSIGN);
    command.envs(UNTHROTTLED).envs(QUICK);
    let running = command.env("REPILOT_RETRY__ATTEMPTS", "2").spawn();
    ended(running.unwrap()).await.expect(3);
    // It is assigned; but that is not known.
    assert_moved(&bench, as_looked_up);
    let job = async || run(&bench, &["job", "2", "--json"], 0).await.json();
    let dead = job().await;
    let stands = (&dead["state"], &dead["uncertain"], &dead["steps_done"]);
    assert_eq!(stands, (&"dead".into(), &true.into(), &1.into()), "{dead}");
    run(&bench, &["dead", "requeue", "--campaign", "moves"], 0).await;
    run(&bench, &["worker", "--until-empty"], 0).await;
    let done = job().await;
    let stands = (&done["state"], &done["uncertain"]);
    assert_eq!(stands, (&"succeeded".into(), &false.into()), "{done}");
    let counters = bench.counters();
    assert_eq!((counters.assigns, counters.looks), (3, 4), "{counters:?}");
}
