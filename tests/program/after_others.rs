//! Devices that have an open job in another campaign, and wait for its end.

use e2e::Bench;
use repilot_graph_sim::{Fleet, Scenario};
use serde_json::{Value, json};

use crate::PROGRAM;

/// Five devices that each have a user, all of them open in a campaign that is paused.
async fn held() -> Bench {
    let mut fleet = Fleet::generated(5, 3);
    for (number, device) in fleet.0.iter_mut().enumerate() {
        device.user_principal_name = format!("user{number}@contoso.example");
    }
    let bench = Bench::with_fleet(PROGRAM, Scenario::default(), fleet).await;
    let first = ["enqueue", "devices.txt", "--campaign", "first", "--yes"];
    bench.run(&first).await.expect(0);
    bench.run(&["campaign", "pause", "first"]).await.expect(0);
    bench
}

/// Waits with `--after-others`, in a campaign that stops at no number of dead letters.
const SECOND: [&str; 7] = [
    "enqueue",
    "devices.txt",
    "--campaign",
    "second",
    "--after-others",
    "--no-max-failures",
    "--yes",
];

async fn explained(bench: &Bench, job: &Value) -> Value {
    let id = job["id"].to_string();
    let job = bench.run(&["job", &id, "--json"]).await.expect(0).json();
    job["explanation"].clone()
}

async fn jobs(bench: &Bench, campaign: &str) -> Vec<Value> {
    let jobs = bench.run(&["jobs", campaign, "--json"]).await.expect(0);
    jobs.json().as_array().unwrap().clone()
}

#[tokio::test]
async fn devices_wait_for_another_campaigns_end_and_each_is_looked_at() {
    let bench = held().await;
    let plan = ["plan", "devices.txt", "--json"];
    // None of them can be planned.
    let refused = bench.run(&plan).await.expect(1).json();
    assert_eq!(
        refused["busy_by_campaign"],
        json!({ "first": 5 }),
        "{refused}"
    );
    let told = bench.run(&plan[..2]).await.expect(1).stderr;
    assert!(
        told.contains("5 devices have open jobs in campaign `first`")
            && told.contains("--after-others"),
        "{told}"
    );
    let waiting = [&plan[..], &["--after-others"]].concat();
    let waiting = bench.run(&waiting).await.expect(0).json();
    assert_eq!(
        waiting["waiting_by_campaign"],
        json!({ "first": 5 }),
        "{waiting}"
    );
    assert_eq!(waiting["planned"], 5);
    let enqueued = bench.run(&SECOND).await.expect(0);
    assert!(enqueued.stderr.contains("wait for the end"), "{enqueued:?}");
    for job in jobs(&bench, "second").await {
        assert_eq!(job["waits_for"], "first", "{job}");
        let explanation = explained(&bench, &job).await;
        assert_eq!(explanation["blocked_by"], "other-campaign");
        assert_eq!(
            explanation["because"],
            "it waits for campaign first's job of this device"
        );
    }
    // One changes hands while it waits.
    let changed = bench.simulator.devices(0).swap_remove(2);
    let newcomer = "newcomer@contoso.example";
    assert!(bench.simulator.reassign(0, &changed.id, newcomer));
    bench
        .run(&["campaign", "cancel", "first", "--yes"])
        .await
        .expect(0);
    bench.run(&["worker", "--until-empty"]).await.expect(3);
    let counters = bench.counters();
    assert_eq!((counters.applied, counters.looks), (4, 5), "{counters:?}");
    assert_eq!((counters.reassigned_touched, counters.acts_at_once), (0, 0));
    for job in jobs(&bench, "second").await {
        let is_changed = job["serial"] == changed.serial_number.as_str();
        let expected = if is_changed { "dead" } else { "succeeded" };
        assert_eq!(job["state"], expected, "{job}");
    }
    bench.assert_accounted("second", 5).await;
}

#[tokio::test]
async fn both_campaigns_are_drained_by_one_worker_one_after_the_other() {
    let bench = held().await;
    bench.run(&SECOND).await.expect(0);
    bench.run(&["campaign", "resume", "first"]).await.expect(0);
    bench.run(&["worker", "--until-empty"]).await.expect(0);
    // The first unassigned them; the second found that by a look, and called nothing.
    let counters = bench.counters();
    assert_eq!(
        (counters.applied, counters.acts_at_once),
        (5, 0),
        "{counters:?}"
    );
    for campaign in ["first", "second"] {
        for job in jobs(&bench, campaign).await {
            assert_eq!(job["state"], "succeeded", "{job}");
        }
    }
}
