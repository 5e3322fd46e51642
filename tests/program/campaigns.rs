//! Campaigns from a list to their end.

use e2e::{Bench, ended};
use repilot_graph_sim::{Fault, FaultKind, Quota, RetryAfter, Scenario};

use crate::PROGRAM;

/// A quota that a test can wait for.
fn quick_quota(writes: u32) -> Quota {
    Quota {
        writes: Some(writes),
        window_ms: 1_000,
        ..Quota::default()
    }
}

const QUICK_WINDOW: (&str, &str) = ("REPILOT_THROTTLE__WINDOW", "1s");

#[tokio::test]
async fn one_command_unassigns_every_device_of_the_list() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 80).await;
    let ran = bench
        .run(&["run", "--yes", "devices.txt", "--campaign", "spring"])
        .await
        .expect(0);
    assert!(ran.stdout.contains("succeeded  80 of 80"), "{ran:?}");
    let counters = bench.counters();
    assert_eq!((counters.applied, counters.still_assigned), (80, 0));
    bench.assert_accounted("spring", 80).await;
    let status = bench.run(&["status", "--json"]).await.json();
    let workers = status["workers"].as_array().map(Vec::len);
    assert_eq!(workers, Some(0), "a worker that ends says so: {status}");
}

#[tokio::test]
async fn running_it_again_calls_nothing() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 20).await;
    bench.run(&["run", "--yes", "devices.txt"]).await.expect(0);
    let before = bench.counters();
    let again = bench.run(&["run", "--yes", "devices.txt"]).await.expect(0);
    assert!(again.stderr.contains("has ended already"), "{again:?}");
    assert_eq!(bench.counters(), before);
}

#[tokio::test]
async fn the_grant_is_never_overrun_when_it_is_what_the_settings_say() {
    let scenario = Scenario {
        quota: quick_quota(40),
        ..Scenario::default()
    };
    let bench = Bench::new(PROGRAM, scenario, 200).await;
    let (name, value) = QUICK_WINDOW;
    let mut command = bench.command(&["run", "--yes", "devices.txt", "--json"]);
    command
        .env(name, value)
        .env("REPILOT_THROTTLE__WRITES", "40");
    let ran = ended(command.spawn().unwrap()).await.expect(0);
    assert_eq!(ran.json()["counts"]["succeeded"], 200);
    let counters = bench.counters();
    assert_eq!(counters.throttled, 0, "{counters:?}");
    assert!(counters.peak_writes_per_window <= 40, "{counters:?}");
}

#[tokio::test]
async fn a_tenant_that_grants_less_is_learnt_and_no_attempt_is_spent_on_it() {
    for retry_after in [
        RetryAfter::Absent,
        RetryAfter::Date,
        RetryAfter::Always("1".to_owned()),
    ] {
        let quota = Quota {
            retry_after,
            ..quick_quota(30)
        };
        let bench = Bench::new(
            PROGRAM,
            Scenario {
                quota,
                ..Scenario::default()
            },
            150,
        )
        .await;
        let (name, value) = QUICK_WINDOW;
        let mut command = bench.command(&["run", "--yes", "devices.txt", "--campaign", "c"]);
        command.env(name, value);
        ended(command.spawn().unwrap()).await.expect(0);
        let counters = bench.counters();
        assert!(counters.throttled > 0, "{counters:?}");
        assert_eq!(
            (counters.applied, counters.calls_while_gate_closed),
            (150, 0)
        );
        let jobs = bench
            .run(&["jobs", "c", "--limit", "1000", "--json"])
            .await
            .json();
        let spent = jobs
            .as_array()
            .unwrap()
            .iter()
            .all(|job| job["attempts"] == 1);
        assert!(spent, "a 429 spends no attempt");
        bench.assert_accounted("c", 150).await;
    }
}

#[tokio::test]
async fn passing_faults_of_every_kind_leave_no_device_assigned_and_touch_no_new_user() {
    let mut scenario = Scenario::default();
    for status in [500, 502, 503, 504, 408] {
        scenario.faults.push(Fault {
            attempts: Some(2),
            ..Fault::status(status, 0.03)
        });
    }
    for kind in [
        FaultKind::Applied504,
        FaultKind::ResetBefore,
        FaultKind::ResetAfter,
    ] {
        scenario.faults.push(Fault {
            attempts: Some(2),
            ..Fault::sharing(kind, 0.03)
        });
    }
    let reassigned = Fault::sharing(FaultKind::Reassigned504, 0.02);
    scenario.faults.push(Fault {
        attempts: Some(1),
        ..reassigned
    });
    let bench = Bench::new(PROGRAM, scenario, 300).await;
    let mut command = bench.command(&["run", "--yes", "devices.txt", "--campaign", "c", "--json"]);
    command
        .env("REPILOT_RETRY__BACKOFF", "50ms")
        .env("REPILOT_RETRY__LOOK_AFTER", "50ms")
        .env("REPILOT_THROTTLE__WRITES", "100000");
    let ran = ended(command.spawn().unwrap()).await;
    let counters = bench.counters();
    assert!(
        counters.reassigned > 0,
        "the scenario must bite: {counters:?}"
    );
    assert_eq!(counters.reassigned_touched, 0, "{counters:?}");
    assert_eq!(counters.still_assigned, counters.reassigned, "{counters:?}");
    let counts = &ran.json()["counts"];
    assert_eq!(
        counts["dead_by_reason"]["reassigned-meanwhile"],
        counters.reassigned
    );
    assert_eq!(counts["dead"], counters.reassigned, "{counts}");
    bench.assert_accounted("c", 300).await;
}

#[tokio::test]
async fn enqueuing_the_same_list_again_adds_nothing_and_says_so() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 30).await;
    let first = bench
        .run(&["enqueue", "--yes", "devices.txt", "--campaign", "c"])
        .await
        .expect(0);
    assert!(first.stdout.contains("30 jobs added"), "{first:?}");
    let again = bench
        .run(&["enqueue", "--yes", "devices.txt", "--campaign", "c"])
        .await
        .expect(0);
    assert!(again.stdout.contains("nothing added"), "{again:?}");
    assert_eq!(bench.counters().acts, 0);
    bench.run(&["worker", "--until-empty"]).await.expect(0);
    bench.assert_accounted("c", 30).await;
}

#[tokio::test]
async fn workers_that_share_a_ledger_share_its_quota() {
    let scenario = Scenario {
        quota: quick_quota(40),
        ..Scenario::default()
    };
    let bench = Bench::new(PROGRAM, scenario, 160).await;
    bench
        .run(&["enqueue", "--yes", "devices.txt", "--campaign", "c"])
        .await
        .expect(0);
    let (name, value) = QUICK_WINDOW;
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let mut command = bench.command(&["worker", "--until-empty"]);
            command
                .env(name, value)
                .env("REPILOT_THROTTLE__WRITES", "40");
            command.spawn().unwrap()
        })
        .collect();
    for worker in workers {
        ended(worker).await.expect(0);
    }
    let counters = bench.counters();
    assert_eq!(
        (counters.throttled, counters.applied),
        (0, 160),
        "{counters:?}"
    );
    bench.assert_accounted("c", 160).await;
}

#[tokio::test]
async fn a_paused_campaign_lets_nothing_out_and_a_cancelled_one_never_will() {
    let mut scenario = Scenario::default();
    scenario.latency.fixed_ms = 30;
    let bench = Bench::new(PROGRAM, scenario, 2_000).await;
    let mut command = bench.command(&["run", "--yes", "devices.txt", "--campaign", "c"]);
    command.env("REPILOT_WORKER__CONCURRENCY", "4");
    let running = command.spawn().unwrap();
    bench.until(|counters| counters.acts >= 20).await;
    bench
        .run(&["campaign", "pause", "c", "--reason", "lunch"])
        .await
        .expect(0);
    let ran = ended(running).await.expect(4);
    assert!(ran.stdout.contains("lunch"), "{ran:?}");
    let paused_at = bench.counters().acts;
    assert!(paused_at < 2_000);
    let again = bench
        .run(&["run", "--yes", "devices.txt", "--campaign", "c"])
        .await
        .expect(4);
    assert!(again.stdout.contains("lunch"), "{again:?}");
    assert_eq!(bench.counters().acts, paused_at);
    bench
        .run(&["campaign", "cancel", "c", "--yes"])
        .await
        .expect(0);
    bench.run(&["worker", "--until-empty"]).await.expect(0);
    assert_eq!(bench.counters().acts, paused_at);
    bench.assert_accounted("c", 2_000).await;
}

#[tokio::test]
async fn a_tenant_that_refuses_as_a_whole_pauses_the_campaign_and_spends_nothing() {
    for (fault, words) in [
        (
            Fault::status(403, 1.0),
            "DeviceManagementServiceConfig.ReadWrite.All",
        ),
        (
            Fault::sharing(FaultKind::Approval, 1.0),
            "Multi Admin Approval",
        ),
    ] {
        let mut scenario = Scenario::default();
        scenario.faults.push(fault);
        let mut bench = Bench::new(PROGRAM, scenario, 80).await;
        let ran = bench
            .run(&["run", "--yes", "devices.txt", "--campaign", "c"])
            .await
            .expect(4);
        assert!(ran.stdout.contains(words), "{ran:?}");
        assert!(
            bench.counters().acts < 80,
            "a refusal stops the campaign soon"
        );
        let jobs = bench
            .run(&["jobs", "c", "--limit", "1000", "--json"])
            .await
            .json();
        let jobs = jobs.as_array().unwrap().clone();
        assert!(
            jobs.iter()
                .all(|job| job["attempts"] == 0 && job["state"] == "pending")
        );
        bench.replace(Scenario::default()).await;
        bench
            .run(&["run", "--yes", "devices.txt", "--campaign", "c"])
            .await
            .expect(0);
        bench.assert_accounted("c", 80).await;
    }
}

#[tokio::test]
async fn both_routes_and_both_versions_work() {
    for (version, route) in [("beta", "identity"), ("beta", "deployment-profile")] {
        let bench = Bench::new(PROGRAM, Scenario::default(), 10).await;
        let mut command = bench.command(&["run", "--yes", "devices.txt"]);
        command
            .env("REPILOT_GRAPH__VERSION", version)
            .env("REPILOT_GRAPH__ROUTE", route);
        ended(command.spawn().unwrap()).await.expect(0);
        assert_eq!(bench.counters().applied, 10, "{version} {route}");
    }
    let bench = Bench::new(PROGRAM, Scenario::default(), 1).await;
    let mut command = bench.command(&["run", "--yes", "devices.txt"]);
    command.env("REPILOT_GRAPH__ROUTE", "deployment-profile");
    let ran = ended(command.spawn().unwrap()).await.expect(1);
    assert!(ran.stderr.contains("does not exist in v1.0"), "{ran:?}");
}

#[tokio::test]
async fn a_cancelled_campaign_is_no_success_and_is_not_begun_again() {
    let mut scenario = Scenario::default();
    scenario.latency.fixed_ms = 50;
    let bench = Bench::new(PROGRAM, scenario, 80).await;
    let mut command = bench.command(&["run", "--yes", "devices.txt", "--campaign", "c"]);
    command.env("REPILOT_WORKER__CONCURRENCY", "2");
    let running = command.spawn().unwrap();
    bench.until(|counters| counters.acts >= 4).await;
    bench
        .run(&["campaign", "cancel", "c", "--yes"])
        .await
        .expect(0);
    let ran = ended(running).await.expect(4);
    assert!(ran.stdout.contains("cancelled by "), "{ran:?}");
    let again = bench
        .run(&["run", "--yes", "devices.txt", "--campaign", "c"])
        .await
        .expect(1);
    assert!(again.stderr.contains("was cancelled"), "{again:?}");
    bench.assert_accounted("c", 80).await;
}

#[tokio::test]
async fn a_second_list_of_a_campaign_says_what_else_will_be_done() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 12).await;
    let list = std::fs::read_to_string(bench.path("devices.txt")).unwrap();
    let serials: Vec<&str> = list.lines().collect();
    bench.write("a.txt", serials[..7].join("\n"));
    bench.write("b.txt", serials[5..].join("\n"));
    bench
        .run(&["enqueue", "--yes", "a.txt", "--campaign", "c"])
        .await
        .expect(0);
    let ran = bench
        .run(&["run", "--yes", "b.txt", "--campaign", "c"])
        .await
        .expect(0);
    assert!(
        ran.stderr.contains("7 devices of its earlier lists"),
        "{ran:?}"
    );
    assert_eq!(bench.counters().applied, 12);
    let again = bench
        .run(&["run", "--yes", "b.txt", "--campaign", "c"])
        .await
        .expect(0);
    assert!(again.stderr.contains("has ended already"), "{again:?}");
    bench.assert_accounted("c", 12).await;
}

#[tokio::test]
async fn a_worker_leaves_alone_what_it_cannot_move_on_and_returns() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 3).await;
    bench.write("one.toml", "[tenants.one]\ncredential = \"azure-cli\"\n");
    bench.write("two.toml", "[tenants.two]\ncredential = \"azure-cli\"\n");
    let list = ["enqueue", "--yes", "devices.txt", "--campaign", "c"];
    bench
        .run(&[&list[..], &["--config", "one.toml"]].concat())
        .await
        .expect(0);
    let worker = bench
        .run(&["worker", "--until-empty", "--config", "two.toml"])
        .await
        .expect(4);
    assert!(
        worker.stderr.contains("the settings have no tenant one"),
        "{worker:?}"
    );
    let status = bench.run(&["status"]).await.expect(0);
    assert!(status.stdout.contains("waits for a worker"), "{status:?}");
    let other = ["run", "--yes", "devices.txt", "--campaign", "c"];
    let other = bench
        .run(&[&other[..], &["--config", "two.toml"]].concat())
        .await
        .expect(1);
    assert!(
        other.stderr.contains("belongs to tenant `one`"),
        "{other:?}"
    );
    assert_eq!(bench.counters().acts, 0);
    bench
        .run(&["worker", "--until-empty", "--config", "one.toml"])
        .await
        .expect(0);
    bench.assert_accounted("c", 3).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_to_copy_runs_nothing_that_a_name_says() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 3).await;
    for name in [
        "y $(touch ran)",
        "it's \"both\"; touch ran",
        "`touch ran` ~ *",
    ] {
        let ran = bench
            .run(&["run", "--yes", "devices.txt", "--campaign", name])
            .await
            .expect(0);
        let says = format!("{}{}", ran.stdout, ran.stderr);
        let line = says
            .lines()
            .find_map(|line| line.trim().strip_prefix("look "));
        let mut shell = tokio::process::Command::new("sh");
        let environment = bench.command(&[]);
        shell
            .args(["-c", line.expect("a command to look").trim()])
            .current_dir(bench.path("."))
            .env_clear()
            .envs(
                environment
                    .as_std()
                    .get_envs()
                    .filter_map(|(key, value)| Some((key, value?))),
            );
        let looked = shell.output().await.unwrap();
        assert!(looked.status.success(), "{name}: {line:?}: {looked:?}");
        assert!(!bench.path("ran").exists(), "{name}: {line:?}");
    }
}
