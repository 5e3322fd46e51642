//! Tenants, tokens, permissions.

use e2e::{Bench, ended};
use repilot_graph_sim::Scenario;

use crate::PROGRAM;

/// Settings of a tenant whose token comes from a machine's identity endpoint.
const MANAGED: &str = "[tenants.contoso]\ncredential = \"managed-identity\"\n";

fn with_identity(bench: &Bench, arguments: &[&str]) -> tokio::process::Command {
    let mut command = bench.command(arguments);
    command
        .env_remove("REPILOT_GRAPH__TOKEN")
        .env(
            "IDENTITY_ENDPOINT",
            format!("{}/_sim/identity", bench.simulator.url()),
        )
        .env("IDENTITY_HEADER", "simulated");
    command
}

#[tokio::test]
async fn a_token_that_expires_is_fetched_anew_and_no_attempt_is_spent_on_it() {
    let scenario = Scenario {
        token_expires_after_calls: Some(40),
        ..Scenario::default()
    };
    let bench = Bench::new(PROGRAM, scenario, 90).await;
    bench.write("repilot.toml", MANAGED);
    let command =
        with_identity(&bench, &["run", "--yes", "devices.txt", "--campaign", "c"]).spawn();
    ended(command.unwrap()).await.expect(0);
    let counters = bench.counters();
    assert_eq!((counters.applied, counters.still_assigned), (90, 0));
    let jobs = bench
        .run(&["jobs", "c", "--limit", "1000", "--json"])
        .await
        .json();
    assert!(
        jobs.as_array()
            .unwrap()
            .iter()
            .all(|job| job["attempts"] == 1)
    );
}

#[tokio::test]
async fn a_fixed_token_that_expires_pauses_the_campaign_until_there_is_another() {
    let scenario = Scenario {
        token_expires_after_calls: Some(40),
        ..Scenario::default()
    };
    let mut bench = Bench::new(PROGRAM, scenario, 90).await;
    let ran = bench
        .run(&["run", "--yes", "devices.txt", "--campaign", "c"])
        .await
        .expect(4);
    assert!(ran.stdout.contains("refuses the token (401)"), "{ran:?}");
    let done = bench.counters().applied;
    assert!(done < 90);
    bench.replace(Scenario::default()).await;
    bench
        .run(&["run", "--yes", "devices.txt", "--campaign", "c"])
        .await
        .expect(0);
    assert_eq!(
        bench.counters().applied,
        90 - done,
        "what was done is not called again"
    );
    bench.assert_accounted("c", 90).await;
}

#[tokio::test]
async fn check_says_ok_or_what_to_do() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 5).await;
    bench.write("repilot.toml", MANAGED);
    let ran = ended(with_identity(&bench, &["check"]).spawn().unwrap())
        .await
        .expect(0);
    assert!(
        ran.stdout
            .contains("DeviceManagementServiceConfig.ReadWrite.All"),
        "{ran:?}"
    );
    assert!(ran.stdout.contains("reached; 5 devices"), "{ran:?}");

    let scenario = Scenario {
        token_roles: vec!["User.Read.All".to_owned()],
        ..Scenario::default()
    };
    let bench = Bench::new(PROGRAM, scenario, 5).await;
    bench.write("repilot.toml", MANAGED);
    let ran = ended(with_identity(&bench, &["check"]).spawn().unwrap())
        .await
        .expect(1);
    assert!(
        ran.stdout.contains("the token carries User.Read.All"),
        "{ran:?}"
    );
    assert!(
        ran.stdout
            .contains("grant the app DeviceManagementServiceConfig.ReadWrite.All"),
        "{ran:?}"
    );

    let mut command = bench.command(&["check"]);
    command.env("REPILOT_GRAPH__TOKEN", "wrong");
    bench.write("repilot.toml", "");
    let ran = ended(command.spawn().unwrap()).await.expect(1);
    assert!(ran.stdout.contains("FAIL  default Graph"), "{ran:?}");
}

#[tokio::test]
async fn a_secret_comes_from_a_file_or_the_environment_and_its_absence_is_explained() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 1).await;
    let tenant =
        "[tenants.contoso]\ntenant_id = \"t\"\nclient_id = \"c\"\ncredential = \"client-secret\"\n";
    bench.write("repilot.toml", tenant);
    let run = async || {
        let mut command = bench.command(&["run", "--yes", "devices.txt"]);
        command.env_remove("REPILOT_GRAPH__TOKEN");
        ended(command.spawn().unwrap()).await.expect(1)
    };
    let ran = run().await;
    assert!(ran.stderr.contains("has no client secret"), "{ran:?}");
    bench.write(
        "repilot.toml",
        format!("{tenant}client_secret_env = \"NOT_SET\"\n"),
    );
    let ran = run().await;
    assert!(
        ran.stderr.contains("environment variable NOT_SET"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn a_tenant_that_is_added_is_drained_by_the_worker_that_runs() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 20).await;
    bench.write("repilot.toml", MANAGED);
    let worker = with_identity(&bench, &["worker"]).spawn().unwrap();
    let other = MANAGED.replace("contoso", "fabrikam");
    bench.write("repilot.toml", format!("{MANAGED}\n{other}"));
    let mut enqueue = with_identity(
        &bench,
        &[
            "enqueue",
            "--yes",
            "devices.txt",
            "--campaign",
            "c",
            "--tenant",
            "fabrikam",
        ],
    );
    ended(enqueue.spawn().unwrap()).await.expect(0);
    bench.until(|counters| counters.applied == 20).await;
    e2e::interrupt(&worker).await;
    ended(worker).await;
}
