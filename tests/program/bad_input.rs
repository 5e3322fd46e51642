//! Bad input: each gets a clear error, a hint and the right exit code; nothing is lost.

use e2e::{Bench, ended};
use repilot_graph_sim::{Fault, On, Scenario};

use serde_json::json;

use crate::PROGRAM;

async fn bench() -> Bench {
    Bench::new(PROGRAM, Scenario::default(), 5).await
}

/// The program says both, ends with 1, and calls no device.
async fn refused(bench: &Bench, arguments: &[&str], error: &str, hint: &str) {
    let ran = bench.run(arguments).await.expect(1);
    assert!(ran.stderr.contains(error), "{ran:?}");
    assert!(ran.stderr.contains(&format!("hint: {hint}")), "{ran:?}");
    assert_eq!(bench.counters().acts, 0);
}

#[tokio::test]
async fn lists_that_are_none() {
    let bench = bench().await;
    bench.write("empty.txt", "");
    bench.write("book.xlsx", b"PK\x03\x04 and so on");
    bench.write("strange.csv", "Asset,Owner\n1,2\n");
    bench.write("other.txt", "NOT-OURS-1\nNOT-OURS-2\n");
    refused(
        &bench,
        &["run", "--yes", "missing.csv"],
        "cannot read the device list missing.csv",
        "check the path",
    )
    .await;
    refused(
        &bench,
        &["run", "--yes", "empty.txt"],
        "has no rows",
        "a list has one serial",
    )
    .await;
    refused(
        &bench,
        &["run", "--yes", "book.xlsx"],
        "a workbook that is damaged or was not copied to its end",
        "save it as CSV",
    )
    .await;
    refused(
        &bench,
        &["run", "--yes", "strange.csv"],
        "it has `Asset`, `Owner`",
        "--column HEADER says which one it is",
    )
    .await;
    refused(
        &bench,
        &["run", "--yes", "other.txt"],
        "none of the 2 rows",
        "is it the right list",
    )
    .await;
    let campaigns = bench
        .run(&["campaign", "list", "--json"])
        .await
        .expect(0)
        .json();
    assert_eq!(
        campaigns.as_array().map(Vec::len),
        Some(0),
        "nothing was enqueued"
    );
}

#[tokio::test]
async fn strict_refuses_the_whole_list_for_one_bad_row() {
    let bench = bench().await;
    let mut list = std::fs::read_to_string(bench.path("devices.txt")).unwrap();
    list.push_str("\nNOT-OURS");
    bench.write("mixed.txt", list);
    refused(
        &bench,
        &["run", "--yes", "mixed.txt", "--strict"],
        "1 of 6 rows were refused",
        "mend",
    )
    .await;
    let ran = bench.run(&["run", "--yes", "mixed.txt"]).await.expect(0);
    assert!(
        ran.stdout.contains("refused    1 row of its lists"),
        "{ran:?}"
    );
    let campaigns = bench.run(&["campaign", "list", "--json"]).await.json();
    let name = campaigns[0]["name"].as_str().unwrap();
    let refused = bench.run(&["refused", name, "--json"]).await.expect(0);
    let refused = refused.json();
    assert_eq!(
        [
            &refused[0]["list"],
            &refused[0]["value"],
            &refused[0]["line"]
        ],
        [&json!("mixed.txt"), &json!("NOT-OURS"), &json!(6)]
    );
}

#[tokio::test]
async fn ledgers_that_are_none() {
    let bench = bench().await;
    bench.write("notes.txt", "no database at all, just words. ".repeat(100));
    refused(
        &bench,
        &["status", "--ledger", "notes.txt"],
        "cannot open the ledger notes.txt",
        "is it a ledger",
    )
    .await;
    refused(
        &bench,
        &[
            "run",
            "--yes",
            "devices.txt",
            "--ledger",
            "devices.txt/x.db",
        ],
        "cannot open the ledger",
        "check that the folder",
    )
    .await;
    refused(
        &bench,
        &["status", "--ledger", "mistyped.db"],
        "there is no ledger mistyped.db",
        "check the path",
    )
    .await;
    refused(
        &bench,
        &["status", "--ledger", "mysql://h/db"],
        "is no ledger",
        "set `[ledger] url`",
    )
    .await;
}

#[tokio::test]
async fn a_wrong_token_and_no_network_stop_before_anything_is_enqueued() {
    let bench = bench().await;
    let mut command = bench.command(&["run", "--yes", "devices.txt"]);
    command.env("REPILOT_GRAPH__TOKEN", "wrong");
    let ran = ended(command.spawn().unwrap()).await.expect(1);
    assert!(ran.stderr.contains("refuses the token (401)"), "{ran:?}");
    assert!(ran.stderr.contains("hint: run `repilot check`"), "{ran:?}");
    let mut command = bench.command(&["run", "--yes", "devices.txt"]);
    // Port 9 is the discard service, which nobody runs.
    command.env("REPILOT_GRAPH__ROOT", "http://127.0.0.1:9");
    let ran = ended(command.spawn().unwrap()).await.expect(1);
    assert!(ran.stderr.contains("cannot be reached"), "{ran:?}");
    assert!(ran.stderr.contains("hint: check the network"), "{ran:?}");
    let campaigns = bench
        .run(&["campaign", "list", "--json"])
        .await
        .expect(0)
        .json();
    assert_eq!(campaigns.as_array().map(Vec::len), Some(0));
}

#[tokio::test]
async fn an_inventory_that_breaks_off_is_an_error_and_one_that_stumbles_is_not() {
    let stumbling = Fault {
        on: On::List,
        attempts: Some(2),
        share: None,
        ..Fault::status(503, 1.0)
    };
    let scenario = Scenario {
        faults: vec![stumbling.clone()],
        ..Scenario::default()
    };
    let bench = Bench::new(PROGRAM, scenario, 5).await;
    bench.run(&["run", "--yes", "devices.txt"]).await.expect(0);
    let failing = Fault {
        attempts: None,
        after: None,
        status: Some(400),
        ..stumbling
    };
    let scenario = Scenario {
        faults: vec![failing],
        ..Scenario::default()
    };
    let bench = Bench::new(PROGRAM, scenario, 5).await;
    refused(
        &bench,
        &["run", "--yes", "devices.txt"],
        "is incomplete",
        "run the same command again",
    )
    .await;
}

#[tokio::test]
async fn settings_that_cannot_be() {
    let bench = bench().await;
    bench.write("repilot.toml", "[throttle]\nwirtes = 5\n");
    let ran = bench.run(&["config", "show"]).await.expect(1);
    assert!(
        ran.stderr.contains("repilot.toml sets `throttle.wirtes`"),
        "{ran:?}"
    );
    bench.write("repilot.toml", "");
    let mut command = bench.command(&["run", "--yes", "devices.txt"]);
    command.env("REPILOT_GRAPH__ROOT", "http://graph.example.com");
    let ran = ended(command.spawn().unwrap()).await.expect(1);
    assert!(
        ran.stderr.contains("plain http to another machine"),
        "{ran:?}"
    );
    bench.run(&["no-such-command"]).await.expect(2);
    refused(
        &bench,
        &["run", "--yes", "devices.txt", "--tenant", "nobody"],
        "there is no tenant `nobody`",
        "known are default",
    )
    .await;
    refused(
        &bench,
        &["status", "nothing"],
        "there is no campaign `nothing`",
        "this ledger has no campaigns",
    )
    .await;
    refused(
        &bench,
        &["job", "7"],
        "there is no job 7",
        "`repilot jobs CAMPAIGN`",
    )
    .await;
}
