//! The inventory in the ledger: reused while it is fresh, gone on with, never half.

use e2e::{Bench, kill};
use repilot_graph_sim::{Fault, Latency, On, Scenario};

use crate::PROGRAM;

/// As many devices as make so many pages.
const fn pages(count: usize) -> usize {
    count * 1_000 - 500
}

fn every_page_fails() -> Scenario {
    Scenario {
        faults: vec![Fault {
            on: On::List,
            ..Fault::status(400, 1.0)
        }],
        ..Scenario::default()
    }
}

#[tokio::test]
async fn a_fresh_inventory_is_not_listed_again_unless_somebody_asks() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 3).await;
    bench.run(&["plan", "devices.txt"]).await.expect(0);
    let again = bench.run(&["plan", "devices.txt"]).await.expect(0);
    assert!(again.stderr.contains("--refresh"), "{again:?}");
    assert_eq!(bench.counters().pages, 1);
    bench
        .run(&["plan", "devices.txt", "--refresh"])
        .await
        .expect(0);
    assert_eq!(bench.counters().pages, 2);
    let mut impatient = bench.command(&["plan", "devices.txt"]);
    impatient.env("REPILOT_INVENTORY__MAX_AGE", "0s");
    assert!(impatient.status().await.unwrap().success());
    assert_eq!(bench.counters().pages, 3);
}

#[tokio::test]
async fn a_name_that_stands_for_another_graph_has_another_inventory() {
    let mut bench = Bench::new(PROGRAM, Scenario::default(), 3).await;
    bench.run(&["inventory", "sync"]).await.expect(0);
    bench.replace(Scenario::default()).await;
    bench.run(&["plan", "devices.txt"]).await.expect(0);
    assert_eq!(bench.counters().pages, 1);
}

#[tokio::test]
async fn a_listing_that_is_killed_goes_on_where_it_stopped() {
    let slow = Scenario {
        latency: Latency {
            fixed_ms: 200,
            jitter_ms: 0,
        },
        ..Scenario::default()
    };
    let bench = Bench::new(PROGRAM, slow, pages(6)).await;
    let listing = bench.start(&["inventory", "sync"]);
    bench.until(|counters| counters.pages >= 3).await;
    kill(listing).await;
    // Half an inventory is none.
    let list = bench.run(&["inventory", "list"]).await.expect(1);
    assert!(list.stderr.contains("never listed to its end"), "{list:?}");
    let synced = bench.run(&["inventory", "sync", "--json"]).await.expect(0);
    assert_eq!(synced.json()["devices"], pages(6));
    assert!(
        synced.stderr.contains("going on with a listing"),
        "{synced:?}"
    );
    // The page that was under way when the process died is asked for again.
    let asked = bench.counters().pages;
    assert!((6..=7).contains(&asked), "{asked} pages");
    let exported = bench
        .run(&["inventory", "export", "--json"])
        .await
        .expect(0);
    assert_eq!(exported.json().as_array().unwrap().len(), pages(6));
}

#[tokio::test]
async fn an_inventory_that_cannot_be_listed_to_its_end_plans_nothing() {
    let mut bench = Bench::new(PROGRAM, Scenario::default(), 3).await;
    bench.run(&["inventory", "sync"]).await.expect(0);
    let root = bench.simulator.url();
    bench.replace(every_page_fails()).await;
    let plan = bench
        .run(&["plan", "devices.txt", "--refresh"])
        .await
        .expect(1);
    assert!(plan.stderr.contains("is incomplete"), "{plan:?}");
    // The one before is still there for whoever may use it.
    let mut before = bench.command(&["plan", "devices.txt"]);
    before.env("REPILOT_GRAPH__ROOT", root);
    assert_eq!(before.output().await.unwrap().status.code(), Some(0));
}

#[tokio::test]
async fn an_export_is_a_list_to_choose_from() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 40).await;
    bench.run(&["inventory", "sync"]).await.expect(0);
    let all = bench.run(&["inventory", "export"]).await.expect(0).stdout;
    let kiosks = bench
        .run(&["inventory", "export", "--where", "tag=kiosk"])
        .await
        .expect(0)
        .stdout;
    let lines = kiosks.lines().count();
    assert!(lines > 1 && lines < all.lines().count(), "{kiosks}");
    assert!(kiosks.lines().skip(1).all(|line| line.contains("Kiosk")));
    bench.write("kiosks.csv", &kiosks);
    let plan = bench.run(&["plan", "kiosks.csv", "--json"]).await.expect(0);
    assert_eq!(plan.json()["planned"], lines - 1);
}
