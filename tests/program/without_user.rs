//! Devices that a reassignment left without a user: they stand first wherever one looks, go back to whom
//! they had, or are assigned after all.

use e2e::{Bench, Ran, ended};
use repilot_graph_sim::{Fault, On, Scenario};
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use crate::reassign::{REASSIGN, UNTHROTTLED, assert_moved, bench, with_users};

const ALARM: &str = "10 devices have no user now";

/// The first assignment of each device is refused for good.
async fn left_without_user() -> Bench {
    let refused = Fault {
        on: On::Assign,
        attempts: Some(1),
        ..Fault::status(400, 1.0)
    };
    let scenario = Scenario {
        faults: vec![refused],
        ..Scenario::default()
    };
    let bench = bench(scenario, 10).await;
    run(&bench, &REASSIGN, 3).await;
    assert_eq!(with_user(&bench), 0);
    bench
}

async fn run(bench: &Bench, arguments: &[&str], code: i32) -> Ran {
    let mut command = bench.command(arguments);
    command
        .envs(UNTHROTTLED)
        .env("REPILOT_CAMPAIGN__MAX_FAILURES", "");
    ended(command.spawn().unwrap()).await.expect(code)
}

fn with_user(bench: &Bench) -> usize {
    let devices = bench.simulator.devices(0);
    let has_user =
        |device: &&repilot_graph_sim::DeviceState| !device.user_principal_name.is_empty();
    devices.iter().filter(has_user).count()
}

fn assert_all_have_their_former_users(bench: &Bench) {
    let (devices, before) = (bench.simulator.devices(0), with_users(10));
    for (device, before) in devices.iter().zip(&before.0) {
        assert_eq!(device.user_principal_name, before.user_principal_name);
    }
}

async fn without_user(bench: &Bench, campaign: &str) -> Value {
    let status = run(bench, &["status", campaign, "--json"], 0).await.json();
    status["campaigns"][0]["counts"]["without_user"].clone()
}

#[tokio::test]
async fn devices_without_a_user_stand_first_and_go_back_at_one_command() {
    let bench = left_without_user().await;
    for look in [
        &["status"][..],
        &["status", "moves"],
        &["campaign", "list"],
        &["dead", "list"],
        &["dead", "list", "moves"],
    ] {
        let said = run(&bench, look, 0).await.stdout;
        assert!(said.starts_with(ALARM), "{look:?}: {said}");
        assert!(said.contains("dead give-back moves"), "{look:?}: {said}");
        assert!(
            said.contains("dead requeue moves --without-user"),
            "{look:?}: {said}"
        );
    }
    assert_eq!(without_user(&bench, "moves").await, 10);
    let report = run(&bench, &["report", "moves", "--markdown"], 0).await;
    let headings: Vec<&str> = report
        .stdout
        .lines()
        .filter(|line| line.starts_with("## "))
        .collect();
    assert_eq!(headings[0], format!("## {ALARM}"));
    let export = run(&bench, &["export", "moves", "--json"], 0).await.json();
    assert_eq!(export.as_array().unwrap().len(), 10);
    for row in export.as_array().unwrap() {
        assert_eq!(row["without_user"], true, "{row}");
    }
    let found = run(&bench, &["jobs", "moves", "without:user", "--json"], 0).await;
    assert_eq!(found.json().as_array().unwrap().len(), 10);
    let dead = run(&bench, &["dead", "list", "--json"], 0).await.json();
    assert_eq!(dead[0]["without_user"], 10, "{dead}");
    let audit = run(&bench, &["audit", "list", "--json"], 0).await.json();
    let told = audit.as_array().unwrap().iter();
    let told: Vec<&Value> = told.filter(|row| row["event"] == "without-user").collect();
    assert_eq!(told.len(), 1, "{audit}");
    assert_eq!(told[0]["detail"]["devices"], 10);

    // Where nobody can be asked, nothing happens.
    let give_back = ["dead", "give-back", "moves"];
    let unasked = run(&bench, &give_back, 1).await;
    assert!(unasked.stderr.contains("--yes"), "{unasked:?}");
    assert_eq!(with_user(&bench), 0);
    run(&bench, &[&give_back[..], &["--run", "--yes"]].concat(), 0).await;
    assert_all_have_their_former_users(&bench);
    assert_eq!(without_user(&bench, "moves").await, 0);
    let said = run(&bench, &["status"], 0).await.stdout;
    assert!(!said.contains("no user now"), "{said}");
    // Once given back there is nothing to give.
    run(&bench, &[&give_back[..], &["--yes"]].concat(), 1).await;
    let counters = bench.counters();
    assert_eq!((counters.assigned_over, counters.acts_at_once), (0, 0));
}

#[tokio::test]
async fn refused_assignments_are_tried_again_at_one_command() {
    let bench = left_without_user().await;
    let again = ["dead", "requeue", "moves", "--without-user"];
    let said = run(&bench, &again, 0).await.stdout;
    assert!(said.contains("10 dead letters requeued"), "{said}");
    run(&bench, &["worker", "--until-empty"], 0).await;
    assert_moved(&bench, |number| format!("New {number}"));
    assert_eq!(without_user(&bench, "moves").await, 0);
}

#[tokio::test]
async fn cancelled_and_discarded_devices_without_a_user_are_tried_again_too() {
    let bench = left_without_user().await;
    run(&bench, &["dead", "discard", "moves", "--yes"], 0).await;
    let said = run(&bench, &["dead", "list"], 0).await.stdout;
    assert!(said.starts_with(ALARM), "a discard mends nothing: {said}");
    run(&bench, &["dead", "requeue", "moves", "--without-user"], 0).await;
    run(&bench, &["worker", "--until-empty"], 0).await;
    assert_moved(&bench, |number| format!("New {number}"));
    assert_eq!(without_user(&bench, "moves").await, 0);
}

#[tokio::test]
async fn discarded_letters_are_restored_and_requeued() {
    let bench = left_without_user().await;
    let missing = run(&bench, &["dead", "list", "movse"], 1).await;
    assert!(missing.stderr.contains("movse"), "{missing:?}");
    run(&bench, &["dead", "discard", "moves", "--yes"], 0).await;
    run(&bench, &["dead", "requeue", "moves"], 1).await;
    let restored = run(&bench, &["dead", "restore", "moves"], 0).await.stdout;
    assert!(restored.contains("10 dead letters restored"), "{restored}");
    let dead = run(&bench, &["dead", "list", "--json"], 0).await.json();
    assert_eq!(
        (&dead[0]["jobs"], &dead[0]["reason"]),
        (&json!(10), &json!("rejected"))
    );
    let audit = run(&bench, &["audit", "list", "--json"], 0).await.json();
    let events: Vec<&str> = audit
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["event"].as_str())
        .collect();
    assert!(events.contains(&"restored"), "{events:?}");
    run(&bench, &["dead", "requeue", "moves"], 0).await;
    run(&bench, &["worker", "--until-empty"], 0).await;
    assert_moved(&bench, |number| format!("New {number}"));
}

/// A dashboard, and somebody who signed in to it by its link.
struct Visit {
    client: reqwest::Client,
    url: String,
    cookie: String,
    _dashboard: Child,
}

impl Visit {
    async fn to(bench: &Bench) -> Self {
        // Its client makes the cryptography known.
        drop(e2e::http());
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .tls_certs_only([])
            .no_proxy()
            .build()
            .unwrap();
        let mut dashboard = bench.start(&["dashboard", "--listen", "127.0.0.1:0", "--json"]);
        let mut lines = BufReader::new(dashboard.stdout.take().unwrap()).lines();
        let mut text = String::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            text.push_str(&line);
            if line == "}" {
                break;
            }
        }
        let said: Value = serde_json::from_str(&text).unwrap();
        let link = said["sign_in_link"].as_str().unwrap();
        let answer = client.get(link).send().await.unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        Self {
            client,
            url: said["url"].as_str().unwrap().to_owned(),
            cookie: cookie.split_once(';').unwrap().0.to_owned(),
            _dashboard: dashboard,
        }
    }

    async fn get(&self, path: &str) -> String {
        let request = self.client.get(format!("{}{path}", self.url));
        let answer = request.header("cookie", &self.cookie).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }

    /// Says yes to what a page asks.
    async fn accept(&self, path: &str) -> reqwest::Response {
        let asks = self.get(path).await;
        let (_, rest) = asks.split_once("class=\"card stack\"").unwrap();
        let (_, rest) = rest.split_once("name=\"csrf\" value=\"").unwrap();
        let token = rest.split_once('"').unwrap().0;
        let request = self.client.post(format!("{}{path}", self.url));
        let request = request
            .header("cookie", &self.cookie)
            .header("origin", &self.url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("csrf={token}"));
        request.send().await.unwrap()
    }
}

#[tokio::test]
async fn the_dashboard_shows_devices_without_a_user_first_and_gives_them_back() {
    let bench = left_without_user().await;
    let visit = Visit::to(&bench).await;
    for path in ["/", "/campaigns/moves", "/dead"] {
        let page = visit.get(path).await;
        let alarm = page.find(ALARM).unwrap();
        let title = page.find("<h1").unwrap();
        assert!(alarm < title, "{path}: {page}");
        assert!(page.contains("/campaigns/moves/give-back"), "{path}");
        assert!(page.contains("/campaigns/moves/assign-again"), "{path}");
    }
    let answer = visit.accept("/campaigns/moves/give-back").await;
    assert_eq!(answer.status(), 303);
    let to = answer.headers()["location"].to_str().unwrap();
    assert!(to.starts_with("/campaigns/moves-give-back"), "{to}");
    run(&bench, &["worker", "--until-empty"], 0).await;
    assert_all_have_their_former_users(&bench);
    let answer = visit.accept("/campaigns/moves/cancel").await;
    assert_eq!(answer.status(), 409, "it has ended");
    let upload = visit.get("/upload").await;
    for field in ["sighted_within", "after_others"] {
        assert!(upload.contains(&format!("name=\"{field}\"")), "{field}");
    }
    for path in ["/", "/campaigns/moves", "/dead"] {
        let page = visit.get(path).await;
        assert!(!page.contains("no user now"), "{path}: {page}");
    }
}
