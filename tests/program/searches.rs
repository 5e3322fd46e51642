//! Searches from the command line, and what is done to what they find.

use e2e::Bench;
use repilot_graph_sim::Scenario;
use serde_json::Value;

use crate::PROGRAM;

fn ids(jobs: &Value) -> Vec<i64> {
    let jobs = jobs.as_array().unwrap().iter();
    jobs.map(|job| job["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn jobs_are_searched_for_page_by_page_and_set_aside_by_what_they_have_in_common() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 30).await;
    bench
        .run(&["enqueue", "devices.txt", "--campaign", "c", "--yes"])
        .await
        .expect(0);
    let all = bench.run(&["jobs", "c", "--json"]).await.expect(0).json();
    assert_eq!(ids(&all), (1..=30).collect::<Vec<i64>>());
    let serial = all[4]["serial"].as_str().unwrap();
    for search in [serial, &format!("serial:\"{serial}\" state:pending"), "#5"] {
        let found = bench.run(&["jobs", "c", search, "--json"]).await.expect(0);
        assert_eq!(ids(&found.json()), [5], "{search}");
    }
    let page = bench
        .run(&[
            "jobs",
            "c",
            "state:pending",
            "--limit",
            "4",
            "--after",
            "10",
        ])
        .await
        .expect(0);
    assert!(page.stderr.contains("more with --after 14"), "{page:?}");
    let last = bench
        .run(&[
            "jobs",
            "--everywhere",
            "--reverse",
            "--limit",
            "2",
            "--json",
        ])
        .await
        .expect(0);
    assert_eq!(ids(&last.json()), [30, 29]);

    let wrong = bench.run(&["jobs", "c", "stat:dead"]).await.expect(1);
    assert!(
        wrong.stderr.contains("known are state, reason, tag"),
        "{wrong:?}"
    );

    let skipped = bench
        .run(&["campaign", "skip", "c", serial, "--yes"])
        .await
        .expect(0);
    assert!(
        skipped.stdout.contains("1 job of campaign c"),
        "{skipped:?}"
    );
    bench.run(&["worker", "--until-empty"]).await.expect(0);
    let counters = bench.simulator.counters(0);
    assert_eq!(counters.devices_applied, 29);
}
