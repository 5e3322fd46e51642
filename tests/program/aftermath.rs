//! After the calls: verified against the inventory, sent round again, forgotten.

use e2e::{Bench, ended};
use repilot_graph_sim::{Fleet, Scenario};

use crate::PROGRAM;

/// Devices of several pages of the inventory, of which a list names some.
async fn done(devices: usize, named: usize) -> Bench {
    let fleet = Fleet::generated(devices, 3);
    let serials: Vec<String> = fleet.serials().take(named).map(str::to_owned).collect();
    let bench = Bench::with_fleet(PROGRAM, Scenario::default(), fleet).await;
    bench.write("some.txt", serials.join("\n"));
    let run = ["run", "some.txt", "--campaign", "c", "--yes"];
    let mut unthrottled = bench.command(&run);
    unthrottled.env("REPILOT_THROTTLE__WRITES", "100000");
    ended(unthrottled.spawn().unwrap()).await.expect(0);
    bench
}

/// Whether a device's user is anywhere in the ledger's file.
fn file_names_a_user(bench: &Bench) -> bool {
    let file = std::fs::read(bench.path("ledger.db")).unwrap();
    let user = b"@contoso.example";
    file.windows(user.len()).any(|bytes| bytes == user)
}

#[tokio::test]
async fn a_campaign_is_verified_with_one_read_a_thousand_devices() {
    let bench = done(2_500, 500).await;
    let young = bench.run(&["verify", "c"]).await.expect(4);
    assert!(young.stderr.contains("nothing to verify"), "{young:?}");
    let before = bench.counters();
    let verify = ["verify", "c", "--after", "0s", "--json"];
    let verified = bench.run(&verify).await.expect(0).json();
    assert_eq!(verified["verification"]["verified"], 500);
    assert_eq!(verified["too_young"], 0);
    let after = bench.counters();
    assert_eq!(after.pages - before.pages, 3);
    assert_eq!((after.looks, after.acts), (before.looks, before.acts));
    let status = bench.run(&["status", "c"]).await.expect(0);
    assert!(status.stdout.contains("500 verified"), "{status:?}");
    let rows = bench.run(&["export", "c", "--format", "json"]).await;
    let rows = rows.json();
    let row = &rows.as_array().unwrap()[0];
    assert_eq!(row["verification"], "verified");
    assert_ne!(row["verified_at"], "");
    bench.run(&["ledger", "check"]).await.expect(0);
}

#[tokio::test]
async fn wait_waits_until_what_was_done_is_old_enough() {
    let bench = done(20, 20).await;
    let verify = ["verify", "c", "--after", "2s", "--wait", "--json"];
    let verified = bench.run(&verify).await.expect(0).json();
    assert_eq!(verified["verification"]["verified"], 20);
}

#[tokio::test]
async fn who_is_still_assigned_is_requeued_and_who_is_new_is_left_alone() {
    let mut bench = done(10, 8).await;
    // Graph forgot what was done: every device has its user again, one of them another.
    bench.replace(Scenario::default()).await;
    let export = ["export", "c", "--format", "json"];
    let rows = bench.run(&export).await.json();
    let device = rows[0]["device_id"].as_str().unwrap();
    assert!(bench.simulator.reassign(0, device, "new@contoso.example"));
    let verify = ["verify", "c", "--after", "0s"];
    let verified = bench.run(&verify).await.expect(3);
    assert!(
        verified.stdout.contains("7  still assigned"),
        "{verified:?}"
    );
    assert!(
        verified.stdout.contains("1  assigned to someone new"),
        "{verified:?}"
    );
    let still = ["jobs", "c", "--verification", "still-assigned", "--json"];
    let still = bench.run(&still).await.expect(0).json();
    assert_eq!(still.as_array().unwrap().len(), 7);

    let requeue = ["verify", "c", "--after", "0s", "--requeue", "--json"];
    let requeued = bench.run(&requeue).await.expect(3).json();
    assert_eq!(requeued["requeued"], 7);
    bench.run(&["worker", "--until-empty"]).await.expect(0);
    let counters = bench.counters();
    assert_eq!(counters.devices_applied, 7);
    assert_eq!(counters.looks, 7, "each was looked at first");
    assert_eq!(counters.reassigned_touched, 0);
    bench.run(&verify).await.expect(3);
    let status = bench.run(&["status", "c", "--json"]).await.json();
    let counts = &status["campaigns"][0]["counts"];
    let expected = serde_json::json!({ "someone-new": 1, "verified": 7 });
    assert_eq!(counts["verification"], expected);
    bench.assert_accounted("c", 8).await;
    bench.run(&["ledger", "check"]).await.expect(0);
    bench.run(&["audit", "verify"]).await.expect(0);
}

#[tokio::test]
async fn a_forgotten_campaign_says_so_keeps_its_totals_and_takes_nothing_more() {
    let bench = done(30, 30).await;
    assert!(file_names_a_user(&bench));
    let none = ["prune", "--older-than", "90d", "--yes", "--json"];
    let none = bench.run(&none).await.expect(0).json();
    assert_eq!((&none["campaigns"], &none["jobs"]), (&0.into(), &0.into()));
    let now = ["prune", "--older-than", "0s"];
    let asked = bench.run(&now).await.expect(1);
    assert!(asked.stderr.contains("no terminal"), "{asked:?}");
    let now = ["prune", "--older-than", "0s", "--yes", "--json"];
    let forgotten = bench.run(&now).await.expect(0).json();
    assert_eq!(
        (&forgotten["campaigns"], &forgotten["jobs"]),
        (&1.into(), &30.into())
    );
    let status = bench.run(&["status", "c"]).await.expect(0);
    assert!(status.stdout.contains("succeeded  30 of 30"), "{status:?}");
    assert!(status.stdout.contains("forgotten"), "{status:?}");
    let verify = bench.run(&["verify", "c"]).await.expect(1);
    assert!(verify.stderr.contains("were forgotten"), "{verify:?}");
    let into = ["enqueue", "devices.txt", "--campaign", "c", "--yes"];
    let into = bench.run(&into).await.expect(1);
    assert!(into.stderr.contains("were forgotten"), "{into:?}");
    bench.run(&["ledger", "check"]).await.expect(0);
    let audit = bench.run(&["audit", "list", "c", "--json"]).await.json();
    let last = audit.as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last["event"], &last["detail"]["jobs"]),
        (&"pruned".into(), &30.into())
    );
    assert!(!file_names_a_user(&bench));
}
