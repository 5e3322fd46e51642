//! Tenants, tokens, permissions.

use e2e::{Bench, ended};
use repilot_graph_sim::{Fleet, Scenario, Simulator};

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

/// Two tenants, each with a simulated Graph of its own and a token of its own: campaigns are listed and
/// searched by tenant, paused by pattern, and go on together.
#[tokio::test]
async fn campaigns_of_two_tenants_stop_and_go_on_together() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 12).await;
    let fleet = Fleet::generated(4, 7);
    let elsewhere = Simulator::start(Scenario::default(), &fleet, ([127, 0, 0, 1], 0).into());
    let elsewhere = elsewhere.await.unwrap();
    bench.write("token", "simulated\n");
    let section = |name: &str, root: String| {
        format!(
            "[tenants.{name}]\ncredential = \"token\"\ntoken_file = \"token\"\nroot = \"{root}\"\n"
        )
    };
    let settings =
        section("contoso", bench.simulator.url()) + &section("fabrikam", elsewhere.url());
    bench.write("repilot.toml", settings);
    let list = std::fs::read_to_string(bench.path("devices.txt")).unwrap();
    let serials: Vec<&str> = list.lines().collect();
    let others: Vec<&str> = fleet.serials().collect();
    for (name, tenant, devices) in [
        ("q4-north", "contoso", &serials[..3]),
        ("q4-south", "contoso", &serials[3..6]),
        ("spring", "contoso", &serials[6..]),
        ("q4-west", "fabrikam", &others[..]),
    ] {
        bench.write("list.txt", devices.join("\n"));
        let enqueue = [
            "enqueue",
            "--yes",
            "list.txt",
            "--tenant",
            tenant,
            "--campaign",
            name,
        ];
        bench.run(&enqueue).await.expect(0);
    }

    let paused = bench
        .run(&["campaign", "pause", "q4-*", "--reason", "change freeze"])
        .await
        .expect(0);
    assert_eq!(paused.stdout.lines().count(), 3, "{paused:?}");
    let unknown = bench.run(&["campaign", "pause", "q5-*"]).await.expect(1);
    assert!(
        unknown.stderr.contains("no campaign fits `q5-*`"),
        "{unknown:?}"
    );
    let of_fabrikam = bench
        .run(&["campaign", "list", "--tenant", "fabrikam", "--json"])
        .await
        .expect(0)
        .json();
    assert_eq!(of_fabrikam.as_array().unwrap().len(), 1);
    assert_eq!(of_fabrikam[0]["name"], "q4-west");
    let jobs = bench
        .run(&["jobs", "--tenant", "fabrikam", "state:pending", "--json"])
        .await
        .expect(0)
        .json();
    assert_eq!(jobs.as_array().unwrap().len(), 4);

    // Nobody can be asked here, so nothing goes on without --yes; then that tenant's, and no other's.
    let resume = ["campaign", "resume", "--all", "--tenant", "contoso"];
    bench.run(&resume).await.expect(1);
    let resumed = bench
        .run(&[&resume[..], &["--yes"]].concat())
        .await
        .expect(0);
    let told: Vec<&str> = resumed.stdout.lines().collect();
    assert_eq!(
        told,
        ["campaign q4-south may go on", "campaign q4-north may go on"]
    );
    bench.run(&["worker", "--until-empty"]).await.expect(4);
    assert_eq!(bench.counters().applied, 12);
    assert_eq!(elsewhere.counters(0).applied, 0);

    bench
        .run(&["campaign", "resume", "q4-west"])
        .await
        .expect(0);
    bench.run(&["worker", "--until-empty"]).await.expect(0);
    assert_eq!(elsewhere.counters(0).applied, 4);
}
