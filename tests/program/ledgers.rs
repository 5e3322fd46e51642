//! Ledgers in PostgreSQL, and ledgers that move.

use std::time::Duration;

use e2e::{Bench, ended};
use repilot_graph_sim::{Latency, Scenario};
use servers::Postgres;
use tokio::process::Command;

use crate::PROGRAM;

/// The program with its ledger elsewhere.
fn with_ledger(bench: &Bench, url: &str, arguments: &[&str]) -> Command {
    let mut command = bench.command(arguments);
    command.env("REPILOT_LEDGER__URL", url);
    command
}

#[tokio::test]
async fn a_campaign_moves_from_a_file_to_postgres_and_ends_there() {
    let postgres = Postgres::start();
    let url = postgres.create_database();
    let bench = Bench::new(PROGRAM, Scenario::default(), 30).await;
    let enqueue = ["enqueue", "devices.txt", "--campaign", "c", "--yes"];
    bench.run(&enqueue).await.expect(0);

    let copy = ["ledger", "copy", "ledger.db", &url, "--json"];
    let copied = bench.run(&copy).await.expect(0).json();
    let tables = copied["tables"].as_array().unwrap();
    let jobs = tables
        .iter()
        .find(|one| one["table"] == "job_rows")
        .unwrap();
    assert_eq!(jobs["rows"], 30);
    let again = bench.run(&copy).await.expect(1);
    assert!(again.stderr.contains("is not empty"), "{again:?}");

    let worker = ["worker", "--until-empty"];
    let [first, second] = [0, 1].map(|_| with_ledger(&bench, &url, &worker).spawn().unwrap());
    let (first, second) = tokio::join!(ended(first), ended(second));
    first.expect(0);
    second.expect(0);
    assert_eq!(bench.counters().devices_applied, 30);
    let mut check = with_ledger(&bench, &url, &["ledger", "check", "--json"]);
    let checked = ended(check.spawn().unwrap()).await.expect(0).json();
    assert_eq!(
        (&checked["jobs"], &checked["miscounts"]),
        (&30.into(), &serde_json::json!([]))
    );
}

#[tokio::test]
async fn a_worker_goes_on_when_postgres_was_restarted_under_it() {
    let mut postgres = Postgres::start();
    let url = postgres.create_database();
    let scenario = Scenario {
        latency: Latency {
            fixed_ms: 50,
            jitter_ms: 0,
        },
        ..Scenario::default()
    };
    let bench = Bench::new(PROGRAM, scenario, 90).await;
    let run = ["run", "devices.txt", "--campaign", "c", "--yes", "--json"];
    let mut command = with_ledger(&bench, &url, &run);
    command.env("REPILOT_WORKER__CONCURRENCY", "4");
    let running = command.spawn().unwrap();
    bench.until(|counters| counters.acts >= 20).await;
    postgres.stop();
    tokio::time::sleep(Duration::from_secs(1)).await;
    postgres.resume();
    let ran = ended(running).await.expect(0).json();
    assert_eq!(ran["counts"]["succeeded"], 90);
    assert_eq!(bench.counters().acts, 90, "nobody was called twice");
}

#[tokio::test]
async fn a_password_of_the_ledger_is_never_shown() {
    let postgres = Postgres::start();
    let url = postgres.create_database();
    let secret = url.replace("postgres@", "postgres:s3cret@");
    let nobody = "postgres://me:s3cret@127.0.0.1:1/nowhere".to_owned();
    let bench = Bench::new(PROGRAM, Scenario::default(), 1).await;
    for url in [&secret, &nobody, &"postgres://me:s3cret@:::/".to_owned()] {
        for arguments in [
            &["config", "show"][..],
            &["config", "show", "--json"],
            &["ledger", "migrate"],
            &["ledger", "check", "--json"],
            &["ledger", "copy", "nothing.db", url],
            &["check"],
            &["status"],
            &["--ledger", url, "status"],
            &["--ledger", url, "enqueue", "devices.txt", "--campaign", "c"],
        ] {
            let mut command = with_ledger(&bench, url, arguments);
            command.env("REPILOT_LOG", "trace");
            let ran = ended(command.spawn().unwrap()).await;
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert!(!said.contains("s3cret"), "{arguments:?}: {said}");
        }
    }
}
