//! Who did what, and whether that is still as it was recorded.

use e2e::Bench;
use repilot_graph_sim::Scenario;

use crate::PROGRAM;

#[tokio::test]
async fn every_command_that_steers_says_who_and_from_where_and_the_chain_holds() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 4).await;
    let enqueue = ["enqueue", "devices.txt", "--campaign", "c", "--yes"];
    bench.run(&enqueue).await.expect(0);
    let pause = ["campaign", "pause", "c", "--reason", "change freeze"];
    bench.run(&pause).await.expect(0);
    bench.run(&["campaign", "resume", "c"]).await.expect(0);
    bench.run(&["worker", "--until-empty"]).await.expect(0);

    let listed = bench.run(&["audit", "list", "c", "--json"]).await.expect(0);
    let listed = listed.json();
    let rows = listed.as_array().unwrap();
    let events: Vec<&str> = rows
        .iter()
        .map(|row| row["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        events,
        [
            "campaign-opened",
            // What `[campaign]` has by default.
            "settings-changed",
            "list-begun",
            "plan-accepted",
            "list-enqueued",
            "paused",
            "resumed",
            "ended"
        ]
    );
    let by_a_person = |row: &serde_json::Value| {
        let origin = row["origin"].as_str().unwrap();
        origin.starts_with("cli at ") && !row["actor"].as_str().unwrap().is_empty()
    };
    let (ended, before) = rows.split_last().unwrap();
    assert!(before.iter().all(by_a_person), "{listed}");
    let worker = ended["actor"].as_str().unwrap();
    assert!(worker.starts_with("worker "), "{listed}");
    assert_eq!(ended["detail"]["succeeded"], 4);
    let shown = bench.run(&["audit", "list", "c"]).await.expect(0);
    assert!(shown.stdout.contains("change freeze"), "{shown:?}");

    let verified = bench.run(&["audit", "verify", "--json"]).await.expect(0);
    let head = verified.json()["head"].as_str().unwrap().to_owned();
    assert_eq!(ended["hash"], head.as_str());
    let kept = ["audit", "verify", "--head", &head];
    bench.run(&kept).await.expect(0);
    let other = ["audit", "verify", "--head", "00"];
    bench.run(&other).await.expect(1);
}

#[tokio::test]
async fn a_row_that_was_changed_beside_the_program_is_named() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 1).await;
    bench
        .run(&["run", "devices.txt", "--campaign", "c", "--yes"])
        .await
        .expect(0);
    bench.run(&["ledger", "check"]).await.expect(0);
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}", bench.path("ledger.db").display());
    let pool = sqlx::AnyPool::connect(&url).await.unwrap();
    sqlx::query("UPDATE audit SET actor = 'mallory' WHERE seq = 2")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let verified = bench.run(&["audit", "verify"]).await.expect(1);
    let said = "row 2 is not what was recorded";
    assert!(verified.stdout.contains(said), "{verified:?}");
    let checked = bench.run(&["ledger", "check"]).await.expect(1);
    assert!(checked.stdout.contains(said), "{checked:?}");
}
