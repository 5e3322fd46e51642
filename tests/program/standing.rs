//! What a campaign is doing is said with the same words by every place that says it.

use std::time::Duration;

use e2e::{Bench, kill};
use repilot_domain::{Clock as _, SystemClock, Timestamp};
use repilot_graph_sim::Scenario;
use serde_json::Value;

use crate::PROGRAM;
use crate::api::Caller;

/// What `status NAME --json` says of a campaign's standing, once it says so of its state.
async fn standing(bench: &Bench, name: &str, state: &str) -> Value {
    loop {
        let status = bench.run(&["status", name, "--json"]).await.expect(0);
        let standing = status.json()["campaigns"][0]["standing"].clone();
        if standing["state"] == state {
            return standing;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A window that opens in two hours and closes in three.
fn later_window() -> String {
    let now = SystemClock.now();
    let time = |moment: Timestamp| moment.to_string()[11..16].to_owned();
    let (opens, closes) = (
        now.after(Duration::from_hours(2)),
        now.after(Duration::from_hours(3)),
    );
    format!("{}-{}", time(opens), time(closes))
}

#[tokio::test]
async fn status_list_json_and_api_say_the_same_of_what_keeps_a_campaign() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 4).await;
    let devices = bench.simulator.devices(0);
    let window = later_window();
    let enqueued: [(&str, &[&str]); 4] = [
        ("night", &["--window", &window]),
        ("later", &["--not-before", "+2h"]),
        ("late", &["--window", &window, "--deadline", "+1h"]),
        ("held", &["--not-before", "+2h"]),
    ];
    for (device, (name, controls)) in devices.iter().zip(enqueued) {
        let list = format!("{name}.txt");
        bench.write(&list, &device.serial_number);
        let enqueue = ["enqueue", "--yes", &list, "--campaign", name];
        bench
            .run(&[&enqueue[..], controls].concat())
            .await
            .expect(0);
    }
    let pause = ["campaign", "pause", "held", "--reason", "change freeze"];
    bench.run(&pause).await.expect(0);
    let caller = Caller::over(&bench).await;

    // Without a worker both are said: what it waits for, and that nothing will happen then.
    let alone = standing(&bench, "night", "window").await;
    assert_eq!(alone["says"], "waits for its window, no worker");
    assert_eq!(alone["kept_by"], serde_json::json!(["window", "no-worker"]));
    assert_eq!(alone["acts"], serde_json::json!(["start-worker"]));
    assert_eq!(alone["ends"], Value::Null);

    let worker = bench.start(&["worker"]);
    let attended = async |name: &str, state: &str| loop {
        let found = standing(&bench, name, state).await;
        if !found["says"].as_str().unwrap().ends_with("no worker") {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    for (name, state, says, because, who, acts) in [
        (
            "night",
            "window",
            "waits for its window",
            "opens",
            "nobody",
            &[][..],
        ),
        ("later", "not-before", "begins", "that is in", "nobody", &[]),
        (
            "late",
            "window",
            "waits for its window",
            "does not open before its deadline",
            "operator",
            &["change-controls"],
        ),
        (
            "held",
            "paused",
            "paused",
            "change freeze",
            "operator",
            &["resume"],
        ),
    ] {
        let found = attended(name, state).await;
        let said = found["says"].as_str().unwrap();
        assert!(said.starts_with(says), "{name}: {found}");
        let why = found["because"][0].as_str().unwrap();
        assert!(why.contains(because), "{name}: {found}");
        assert_eq!(found["who"], who, "{name}");
        assert_eq!(found["acts"], serde_json::json!(acts), "{name}");
        assert_eq!(found["rate_per_second"], Value::Null, "{name}");

        let status = bench.run(&["status", name]).await.expect(0);
        assert!(status.stdout.contains(said), "{status:?}");
        let list = bench.run(&["campaign", "list"]).await.expect(0);
        // A table folds what is long.
        let first = said.split(' ').next().unwrap();
        assert!(list.stdout.contains(first), "{list:?}");

        let by_api = caller.read(&format!("campaigns/{name}")).await;
        assert_eq!(by_api["standing"]["says"], found["says"], "{name}");
        assert_eq!(by_api["standing"]["state"], state, "{name}");
    }
    let held = standing(&bench, "held", "paused").await;
    let why = held["because"][0].as_str().unwrap();
    assert!(
        why.starts_with("paused by ") && !why.contains("a person"),
        "{held}"
    );
    kill(worker).await;
}
