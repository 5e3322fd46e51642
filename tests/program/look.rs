//! What can be seen: plan, status, jobs, explanations, exports, logs.

use e2e::{Bench, ended, examples};
use repilot_graph_sim::{Fleet, Quota, Scenario};
use serde_json::Value;

use crate::PROGRAM;

#[tokio::test]
async fn a_plan_says_what_would_be_done_and_enqueues_nothing() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 3).await;
    let list = std::fs::read_to_string(bench.path("devices.txt")).unwrap();
    let first = list.lines().next().unwrap().to_lowercase();
    bench.write("list.txt", format!("{list}\n{first}\nNOBODY-KNOWS"));
    let plan = bench
        .run(&["plan", "list.txt", "--json"])
        .await
        .expect(0)
        .json();
    assert_eq!(
        [
            &plan["rows"],
            &plan["planned"],
            &plan["merged"],
            &plan["refused"]
        ],
        [5, 3, 1, 1]
    );
    assert_eq!(plan["refusals"][0]["line"], 5);
    let campaigns = bench.run(&["campaign", "list", "--json"]).await.expect(0);
    assert_eq!(campaigns.json(), serde_json::json!([]));
    assert_eq!(bench.counters().acts, 0);
}

#[tokio::test]
async fn a_campaign_goes_on_when_nobody_listens_to_stderr_any_more() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 3).await;
    let mut command = bench.command(&["run", "--yes", "devices.txt", "--json"]);
    command.env("REPILOT_LOG", "debug");
    let mut running = command.spawn().unwrap();
    drop(running.stderr.take());
    assert_eq!(
        ended(running).await.expect(0).json()["counts"]["succeeded"],
        3
    );
}

#[tokio::test]
async fn a_list_comes_from_standard_input_as_well() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 3).await;
    let mut command = bench.command(&["run", "--yes", "-", "--json"]);
    command.stdin(std::fs::File::open(bench.path("devices.txt")).unwrap());
    let ran = ended(command.spawn().unwrap()).await.expect(0);
    assert_eq!(ran.json()["counts"]["succeeded"], 3);
}

#[tokio::test]
async fn the_example_lists_are_what_the_readme_says() {
    let scenario = Scenario {
        missing: vec!["*-UNKNOWN".to_owned()],
        ..Scenario::default()
    };
    for (name, planned, refused) in [
        ("devices.csv", 300, 5),
        ("dead-letters.csv", 40, 0),
        ("serials.txt", 21, 0),
    ] {
        let bench = Bench::with_fleet(PROGRAM, Scenario::default(), Fleet::default()).await;
        bench.write("scenario.toml", "missing = [\"*-UNKNOWN\"]\n");
        let list = examples().join(name);
        let arguments = [
            "plan",
            list.to_str().unwrap(),
            "--simulate",
            "--scenario",
            "scenario.toml",
            "--json",
        ];
        let plan = bench.run(&arguments).await.expect(0).json();
        assert_eq!(
            [&plan["planned"], &plan["refused"]],
            [planned, refused],
            "{name}"
        );
    }
    assert!(scenario.lacks("X-UNKNOWN"));
}

#[tokio::test]
async fn a_waiting_job_says_why_what_unblocks_it_and_when() {
    let quota = Quota {
        writes: Some(5),
        ..Quota::default()
    };
    let bench = Bench::new(
        PROGRAM,
        Scenario {
            quota,
            ..Scenario::default()
        },
        40,
    )
    .await;
    bench
        .run(&["enqueue", "--yes", "devices.txt", "--campaign", "c"])
        .await
        .expect(0);
    let explanation = async || {
        let job = bench.run(&["job", "40", "--json"]).await.expect(0).json();
        job["explanation"].clone()
    };
    assert_eq!(explanation().await["blocked_by"], "no-worker");
    bench.run(&["campaign", "pause", "c"]).await.expect(0);
    assert_eq!(explanation().await["blocked_by"], "paused");
    bench.run(&["campaign", "resume", "c"]).await.expect(0);
    let _worker = bench.start(&["worker"]);
    bench.until(|counters| counters.throttled > 0).await;
    let closed = loop {
        let said = explanation().await;
        if said["blocked_by"] == "gate" {
            break said;
        }
    };
    assert!(closed["expected_at"].is_i64(), "{closed}");
    let status = bench.run(&["status"]).await.expect(0);
    assert!(status.stdout.contains("closed for"), "{status:?}");
}

#[tokio::test]
async fn an_export_has_one_row_a_device_and_no_formula() {
    let fleet = Fleet::for_keys(["=HYPERLINK(1)", "+49", "A1"], &Scenario::default());
    let bench = Bench::with_fleet(PROGRAM, Scenario::default(), fleet).await;
    bench
        .run(&["run", "--yes", "devices.txt", "--campaign", "c"])
        .await
        .expect(0);
    let csv = bench
        .run(&["export", "c", "--format", "csv"])
        .await
        .expect(0);
    let mut reader = csv::Reader::from_reader(csv.stdout.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 3);
    for row in &rows {
        assert!(!row[2].starts_with(['=', '+']), "{row:?}");
        assert_eq!(&row[4], "succeeded");
        assert!(row[13].ends_with('Z'), "{row:?}");
        assert_eq!(row[12].len(), 36, "a request-id: {row:?}");
    }
}

#[tokio::test]
async fn logs_are_lines_of_json_without_a_token() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 5).await;
    let mut command = bench.command(&["run", "--yes", "devices.txt"]);
    command
        .env("REPILOT_LOG", "trace")
        .env("REPILOT_LOG__FORMAT", "json");
    let ran = ended(command.spawn().unwrap()).await.expect(0);
    let events: Vec<Value> = ran
        .stderr
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    assert!(events.len() > 5, "{ran:?}");
    assert!(!ran.stderr.contains("Bearer"), "no token in a log");
    for file in std::fs::read_dir(bench.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(
            !String::from_utf8_lossy(&bytes).contains("Bearer"),
            "no token in a file"
        );
    }
}

#[tokio::test]
async fn the_settings_in_force_show_no_secret_and_the_defaults_are_the_manual() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 1).await;
    let mut command = bench.command(&["config", "show"]);
    command.env("REPILOT_GRAPH__TOKEN", "topsecret");
    let ran = ended(command.spawn().unwrap()).await.expect(0);
    assert!(
        ran.stdout.contains("writes = 100") && !format!("{ran:?}").contains("topsecret"),
        "{ran:?}"
    );
    let ran = bench.run(&["config", "default"]).await.expect(0);
    assert!(ran.stdout.contains("# Every setting of repilot"));
    bench.run(&["completions", "powershell"]).await.expect(0);
}
