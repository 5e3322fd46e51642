//! What is planned is what was meant: conditions, exceptions, limits, saved plans, rejects.

use std::process::Stdio;

use e2e::{Bench, ended};
use repilot_graph_sim::{Fleet, Latency, Scenario};
use serde_json::Value;

use crate::PROGRAM;

async fn bench() -> Bench {
    Bench::new(PROGRAM, Scenario::default(), 40).await
}

fn serials(bench: &Bench) -> Vec<String> {
    let list = std::fs::read_to_string(bench.path("devices.txt")).unwrap();
    list.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_condition_alone_selects_and_an_exception_is_never_called() {
    let bench = bench().await;
    let kiosks: Vec<_> = bench
        .simulator
        .devices(0)
        .into_iter()
        .filter(|device| device.group_tag == "Kiosk")
        .collect();
    assert!(kiosks.len() > 3);
    bench.write("vip.txt", kiosks[0].serial_number.to_lowercase());
    let ran = bench
        .run(&[
            "run",
            "--where",
            "tag=Kiosk",
            "--except",
            "vip.txt",
            "--yes",
            "--json",
        ])
        .await
        .expect(0);
    assert_eq!(ran.json()["counts"]["succeeded"], kiosks.len() - 1);
    for device in bench.simulator.devices(0) {
        let meant = device.group_tag == "Kiosk" && device.id != kiosks[0].id;
        assert!(!meant || device.user_principal_name.is_empty());
    }
    assert_eq!(bench.counters().acts, kiosks.len() as u64 - 1);
}

#[tokio::test]
async fn nothing_selected_is_no_selection() {
    let bench = bench().await;
    let ran = bench.run(&["plan"]).await.expect(1);
    assert!(ran.stderr.contains("hint: give a device list"), "{ran:?}");
    let ran = bench
        .run(&["plan", "--where", "colour=red"])
        .await
        .expect(2);
    assert!(ran.stderr.contains("is no condition"), "{ran:?}");
}

#[tokio::test]
async fn exceptions_that_except_nothing_are_no_exceptions() {
    let bench = bench().await;
    bench.write("vip.txt", "NOT-OURS-1\nNOT-OURS-2\n");
    let except = ["run", "devices.txt", "--except", "vip.txt", "--yes"];
    let ran = bench.run(&except).await.expect(1);
    assert!(
        ran.stderr
            .contains("hint: is it the right list for --except"),
        "{ran:?}"
    );
    bench.write("vip.txt", format!("NOT-OURS-1\n{}\n", serials(&bench)[0]));
    let ran = bench
        .run(&[&except[..], &["--strict"]].concat())
        .await
        .expect(1);
    assert!(ran.stderr.contains("--strict"), "{ran:?}");
    assert_eq!(bench.counters().acts, 0);
    bench.run(&except).await.expect(0);
    assert_eq!(bench.counters().acts, 39);
}

#[tokio::test]
async fn no_list_is_written_over() {
    let bench = bench().await;
    bench.write("list.txt", "TYPO\n");
    for option in ["--rejects", "--save-plan"] {
        let over = ["plan", "devices.txt", "list.txt", option, "./list.txt"];
        let ran = bench.run(&over).await.expect(1);
        assert!(ran.stderr.contains("would be written over"), "{ran:?}");
    }
    assert_eq!(
        std::fs::read_to_string(bench.path("list.txt")).unwrap(),
        "TYPO\n"
    );
}

#[tokio::test]
async fn a_plan_that_is_too_large_is_refused_whoever_says_yes() {
    let bench = bench().await;
    let ran = bench
        .run(&["run", "devices.txt", "--yes", "--max-devices", "39"])
        .await
        .expect(1);
    assert!(
        ran.stderr.contains("hint: if all of them are meant"),
        "{ran:?}"
    );
    let mut by_setting = bench.command(&["enqueue", "--yes", "devices.txt", "--campaign", "c"]);
    by_setting.env("REPILOT_PLAN__MAX_DEVICES", "39");
    by_setting.stderr(Stdio::null());
    assert_eq!(by_setting.status().await.unwrap().code(), Some(1));
    let campaigns = bench.run(&["campaign", "list", "--json"]).await.expect(0);
    assert_eq!(campaigns.json(), serde_json::json!([]));
    bench
        .run(&["run", "devices.txt", "--yes", "--max-devices", "40"])
        .await
        .expect(0);
}

#[tokio::test]
async fn a_saved_plan_is_enqueued_as_it_is_or_not_at_all() {
    let bench = bench().await;
    let save = ["plan", "devices.txt", "--save-plan", "plan.json"];
    bench.run(&save).await.expect(0);
    bench
        .run(&["enqueue", "--yes", "--plan", "plan.json", "--campaign", "c"])
        .await
        .expect(0);
    let count = bench.run(&["jobs", "c", "--json"]).await.expect(0).json();
    assert_eq!(count.as_array().unwrap().len(), 40);

    // Another list.
    let list = serials(&bench);
    bench.write("devices.txt", list[1..].join("\n"));
    let changed = ["enqueue", "--yes", "--plan", "plan.json", "--campaign", "d"];
    let ran = bench.run(&changed).await.expect(1);
    assert!(ran.stderr.contains("a list has changed"), "{ran:?}");
    bench.write("devices.txt", list.join("\n"));

    // Another inventory.
    let first = bench.simulator.devices(0).remove(0);
    assert!(
        bench
            .simulator
            .reassign(0, &first.id, "new@contoso.example")
    );
    bench
        .run(&[&changed[..], &["--refresh"]].concat())
        .await
        .expect(1);
    let ran = bench.run(&changed).await.expect(1);
    assert!(ran.stderr.contains("the inventory has changed"), "{ran:?}");

    // Not a plan.
    bench.write("plan.json", "{}");
    let ran = bench.run(&changed).await.expect(1);
    assert!(ran.stderr.contains("hint: make one with"), "{ran:?}");
    let campaigns = bench.run(&["campaign", "list", "--json"]).await.expect(0);
    assert_eq!(campaigns.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn refused_rows_are_written_as_they_came_and_can_be_mended_and_read_again() {
    let bench = bench().await;
    let list = serials(&bench);
    bench.write(
        "a.csv",
        format!(
            "Serial number,Hardware Hash,Note\n{},T0FB,fine\nTYPO-1,T0FB,\"mend, me\"\n",
            list[0]
        ),
    );
    bench.write("b.json", r#"[{"SerialNumber": "TYPO-2"}, {"Model": "x"}]"#);
    let arguments = [
        "enqueue",
        "--yes",
        "a.csv",
        "b.json",
        "--campaign",
        "c",
        "--rejects",
        "rejects.csv",
    ];
    bench.run(&arguments).await.expect(0);
    let rejects = std::fs::read_to_string(bench.path("rejects.csv")).unwrap();
    assert!(
        rejects.contains("TYPO-1,,\"mend, me\",,,,,unknown"),
        "{rejects}"
    );
    assert!(!rejects.contains("T0FB"), "{rejects}");
    assert_eq!(rejects.lines().count(), 4, "{rejects}");
    let mended = rejects
        .replace("TYPO-1", &list[1])
        .replace("TYPO-2", &list[2]);
    bench.write("rejects.csv", mended);
    let again = bench
        .run(&[
            "enqueue",
            "--yes",
            "rejects.csv",
            "--campaign",
            "c",
            "--json",
        ])
        .await
        .expect(0);
    assert_eq!(again.json()["added"], 2);
    // Each list's refusals are its own.
    let refused = bench
        .run(&["refused", "c", "--json"])
        .await
        .expect(0)
        .json();
    let lists: Vec<&Value> = refused
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["list"])
        .collect();
    assert_eq!(
        lists.iter().filter(|list| **list == "b.json").count(),
        2,
        "{refused}"
    );
}

#[tokio::test]
async fn a_plan_counts_devices_of_other_open_campaigns_and_says_how_long_it_takes() {
    let slow = Scenario {
        latency: Latency {
            fixed_ms: 1,
            jitter_ms: 0,
        },
        ..Scenario::default()
    };
    let bench = Bench::new(PROGRAM, slow, 250).await;
    let some = serials(&bench)[..7].join("\n");
    bench.write("some.txt", some);
    bench
        .run(&["enqueue", "--yes", "some.txt", "--campaign", "other"])
        .await
        .expect(0);
    let plan = bench
        .run(&["plan", "devices.txt", "--json"])
        .await
        .expect(0)
        .json();
    assert_eq!(plan["in_other_campaigns"], 7);
    assert_eq!(plan["busy_by_campaign"]["other"], 7);
    assert_eq!(plan["refused_by_reason"]["busy"], 7);
    assert_eq!(plan["planned"], 243);
    // 100 at once, 143 more at 5 a second.
    assert_eq!(plan["duration_ms"], 28_600);
    assert_eq!(plan["first"].as_array().unwrap().len(), 10);
    let own = bench
        .run(&[
            "enqueue",
            "--yes",
            "some.txt",
            "--campaign",
            "other",
            "--json",
        ])
        .await
        .expect(0)
        .json();
    assert_eq!(own["plan"]["in_other_campaigns"], 0);
}

#[tokio::test]
async fn where_nobody_can_be_asked_nothing_is_done_without_a_yes() {
    let bench = bench().await;
    for command in [
        &["run", "devices.txt"][..],
        &["enqueue", "devices.txt", "--campaign", "c"],
    ] {
        let ran = bench.run(command).await.expect(1);
        assert!(ran.stderr.contains("hint: a script says --yes"), "{ran:?}");
    }
    let campaigns = bench.run(&["campaign", "list", "--json"]).await.expect(0);
    assert_eq!(campaigns.json(), serde_json::json!([]));
}

#[tokio::test]
async fn a_list_that_comes_again_under_other_conditions_is_refused_its_rows_once() {
    let bench = bench().await;
    let list = serials(&bench);
    bench.write("list.txt", format!("{}\nTYPO\n", list[..20].join("\n")));
    let orders: [[&[&str]; 3]; 2] = [
        [&[], &["--where", "tag=Kiosk"], &["--where", "tag!=Kiosk"]],
        [&["--where", "tag=Kiosk"], &["--where", "tag!=Kiosk"], &[]],
    ];
    for (campaign, order) in ["a", "b"].into_iter().zip(orders) {
        for conditions in order {
            let enqueue = ["enqueue", "--yes", "list.txt", "--campaign", campaign];
            bench
                .run(&[&enqueue[..], conditions].concat())
                .await
                .expect(0);
        }
        let status = bench.run(&["status", campaign, "--json"]).await.expect(0);
        let counts = &status.json()["campaigns"][0]["counts"];
        assert_eq!(counts["refused_by_reason"]["unknown"], 1, "{counts}");
        assert_eq!(counts["total"], 20, "{counts}");
        let refused = bench.run(&["refused", campaign, "--json"]).await.expect(0);
        assert_eq!(refused.json().as_array().unwrap().len(), 1);
        // A device has one open job: the next campaign gets it when this one is over.
        bench
            .run(&["campaign", "cancel", campaign, "--yes"])
            .await
            .expect(0);
    }
}

#[tokio::test]
async fn a_near_miss_is_named_and_its_repair_counted() {
    let mut fleet = Fleet::generated(3, 3);
    fleet.0[0].serial_number = "004536370953".to_owned();
    let bench = Bench::with_fleet(PROGRAM, Scenario::default(), fleet).await;
    bench.write("list.csv", "Serial number,Note\n4536370953,x\n");
    let ran = bench.run(&["run", "list.csv", "--yes"]).await.expect(1);
    for part in [
        "the inventory has 004536370953",
        "hint: 1 row nearly names a device",
        "`--repair zeros` takes 1",
    ] {
        assert!(ran.stderr.contains(part), "{part}: {ran:?}");
    }
    let repaired = ["--repair", "zeros", "--save-plan", "plan.json"];
    let plan = bench
        .run(&[&["plan", "list.csv"], &repaired[..]].concat())
        .await
        .expect(0);
    for part in ["repaired       zeros 1", "4536370953 is 004536370953"] {
        assert!(plan.stdout.contains(part), "{part}: {plan:?}");
    }
    // The saved plan repairs as it did.
    let enqueue = ["enqueue", "--plan", "plan.json", "--campaign", "c", "--yes"];
    bench.run(&enqueue).await.expect(0);
    let audit = bench.run(&["audit", "list", "c", "--json"]).await.json();
    let rows = audit.as_array().unwrap().iter();
    let accepted = rows
        .map(ToString::to_string)
        .find(|row| row.contains("plan-accepted"));
    let accepted = accepted.unwrap();
    assert!(accepted.contains("repaired"), "{accepted}");
    assert!(accepted.contains("zeros"), "{accepted}");
}

#[tokio::test]
async fn a_plan_takes_controls_and_says_one_end_by_their_clocks() {
    let bench = bench().await;
    let controls = [
        "--window",
        "Mon-Sun 02:00\u{2013}2:05",
        "--zone",
        "W. Europe Standard Time",
        "--rate",
        "1/min",
    ];
    let plan = [&["plan", "devices.txt"], &controls[..]].concat();
    let said = bench.run(&plan).await.expect(0).stdout;
    // Six in the five minutes of a night.
    for part in [
        "duration       about 7 nights, over ",
        " CE",
        "02:00-02:05, Europe/Berlin",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let ends = said.lines().filter(|line| line.contains(", over "));
    assert_eq!(ends.count(), 1, "{said}");
    let json = bench.run(&[&plan[..], &["--json"]].concat()).await.json();
    assert_eq!(json["controls"]["zone"], "Europe/Berlin");
    assert!(
        json["ends_at"].as_i64() > json["begins_at"].as_i64(),
        "{json}"
    );
    // What is enqueued says the same.
    let enqueue = ["enqueue", "devices.txt", "--campaign", "c", "--yes"];
    let ran = bench
        .run(&[&enqueue[..], &controls].concat())
        .await
        .expect(0);
    assert!(ran.stderr.contains("about 7 nights, over "), "{ran:?}");
    let ends = ran.stderr.lines().filter(|line| line.contains("over "));
    assert_eq!(ends.count(), 1, "{ran:?}");
    bench
        .run(&["campaign", "cancel", "c", "--yes"])
        .await
        .expect(0);
    // A canary stops it before its end.
    let canary = bench
        .run(&["plan", "devices.txt", "--canary", "5", "--json"])
        .await
        .json();
    assert!(canary["canary_ends_at"].is_i64(), "{canary}");
    let late = [
        "plan",
        "devices.txt",
        "--rate",
        "1/min",
        "--deadline",
        "+10m",
    ];
    let late = bench.run(&late).await.expect(0).stdout;
    // Eleven, or ten where some of its ten minutes is gone by now.
    let left = ["about 29 left", "about 30 left"];
    assert!(left.iter().any(|left| late.contains(left)), "{late}");
}

#[tokio::test]
async fn moments_that_cannot_be_meant_are_refused_as_they_were_typed() {
    let bench = bench().await;
    for (option, moment, part) in [
        ("--deadline", "9999-12-31T23:59:59Z", "2000 to 2100"),
        (
            "--not-before",
            "+2562047788015h",
            "`2562047788015h` is no duration",
        ),
        (
            "--deadline",
            "2020-01-01 2:30",
            "the deadline `2020-01-01 2:30`",
        ),
    ] {
        let ran = bench
            .run(&["plan", "devices.txt", option, moment])
            .await
            .expect(1);
        assert!(ran.stderr.contains(part), "{ran:?}");
    }
    let both = [
        "--not-before",
        "+2d",
        "--deadline",
        "+1d",
        "--zone",
        "UTC+1",
    ];
    let ran = bench
        .run(&[&["plan", "devices.txt"], &both[..]].concat())
        .await
        .expect(1);
    for part in [
        "nothing could go out before its deadline",
        "--deadline +1d",
        "+01:00",
    ] {
        assert!(ran.stderr.contains(part), "{part}: {ran:?}");
    }
    let ran = bench
        .run(&["plan", "devices.txt", "--zone", "MEZ"])
        .await
        .expect(2);
    assert!(ran.stderr.contains("such as Europe/Berlin"), "{ran:?}");
}

#[tokio::test]
async fn the_check_names_its_time_zone_database() {
    let bench = bench().await;
    let folder = bench.path("zoneinfo");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("+VERSION"), "1999a\n").unwrap();
    let mut old = bench.command(&["check", "--json"]);
    let ran = ended(old.env("TZDIR", &folder).spawn().unwrap()).await;
    let lines = ran.json();
    let lines = lines.as_array().unwrap().iter();
    let zones = lines.clone().find(|line| line["check"] == "time zones");
    let says = zones.unwrap()["says"].as_str().unwrap().to_owned();
    assert!(says.contains("compiled in"), "{says}");
    assert!(!says.contains("1999a"), "{says}");
    std::fs::write(folder.join("+VERSION"), "2999a\n").unwrap();
    let mut new = bench.command(&["check"]);
    let ran = ended(new.env("TZDIR", &folder).spawn().unwrap()).await;
    let said = format!("2999a, this machine's, in {}", folder.display());
    assert!(ran.stdout.contains(&said), "{ran:?}");
}
