//! What programs read and do.

use std::time::Duration;

use repilot_domain::{CampaignStatus, Change, Clock as _, ControlChanges, Role, SystemClock};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{actor, csrf};
use crate::support::{Program, ten_devices};

fn ids(page: &Value) -> Vec<i64> {
    let jobs = page["jobs"].as_array().unwrap().iter();
    jobs.map(|job| job["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn jobs_are_searched_for_and_paged_both_ways() {
    let bench = ten_devices().await;
    let program = Program::new(&bench, Role::Viewer).await;
    let first = program.get("/api/v1/jobs?search=tag:store&limit=4").await;
    assert_eq!(ids(&first), [5, 6, 7, 8]);
    assert_eq!(first["previous"], Value::Null);
    let next = first["next"].as_str().unwrap();
    let second = program
        .get(&format!(
            "/api/v1/jobs?search=tag:store&limit=4&after={next}"
        ))
        .await;
    assert_eq!(ids(&second), [9, 10]);
    assert_eq!(second["next"], Value::Null);
    let previous = second["previous"].as_str().unwrap();
    let back = program
        .get(&format!(
            "/api/v1/jobs?search=tag:store&limit=4&before={previous}"
        ))
        .await;
    assert_eq!(ids(&back), [5, 6, 7, 8]);
    let newest = program
        .get("/api/v1/jobs?campaign=spring&sort=serial&descending=true&limit=2")
        .await;
    assert_eq!(ids(&newest), [10, 9]);
    let count = program.get("/api/v1/jobs/count?search=tag:vip").await;
    assert_eq!(count, json!({ "jobs": 4, "exact": true }));
}

/// The same words and shapes as the command line's.
#[tokio::test]
async fn what_is_read_is_what_the_ledger_says() {
    let bench = ten_devices().await;
    let program = Program::new(&bench, Role::Viewer).await;
    let campaign = bench.ledger.campaign("spring").await.unwrap().unwrap();
    let said = serde_json::to_value(&campaign).unwrap();
    // Besides its facts, a campaign says how it stands, in the same words everywhere.
    let mut one = program.get("/api/v1/campaigns/spring").await;
    let listed = program.get("/api/v1/campaigns").await;
    assert_eq!(listed, json!([one]));
    let status = program.get("/api/v1/status").await;
    assert_eq!(status["campaigns"], listed);
    let standing = one.as_object_mut().unwrap().remove("standing").unwrap();
    assert_eq!(one, said);
    assert_eq!(standing["state"], "no-worker");
    assert_eq!(standing["acts"], json!(["start-worker"]));
    let job = program.get("/api/v1/jobs/3").await;
    let known = bench
        .ledger
        .job(repilot_domain::JobId(3))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(job["serial"], known.0.serial);
    assert_eq!(job["campaign_name"], "spring");
    assert_eq!(job["explanation"]["blocked_by"], "no-worker");
    for list in [
        "/api/v1/jobs/3/attempts",
        "/api/v1/lanes",
        "/api/v1/workers",
        "/api/v1/dead",
    ] {
        assert_eq!(program.get(list).await, json!([]), "{list}");
    }
}

#[tokio::test]
async fn an_operator_steers_and_the_audit_names_the_token() {
    let bench = ten_devices().await;
    let program = Program::new(&bench, Role::Operator).await;
    let answer = program
        .call(Method::POST, "/api/v1/campaigns/spring/pause", None)
        .await;
    assert_eq!(answer.status(), 200);
    let pause = program
        .post(
            "/api/v1/campaigns/spring/pause",
            &json!({ "reason": "again" }),
        )
        .await;
    assert_eq!(
        (pause.0, &pause.1["type"]),
        (409, &json!("urn:repilot:problem:conflict"))
    );
    let (status, resumed) = program
        .post("/api/v1/campaigns/spring/resume", &Value::Null)
        .await;
    assert_eq!((status, &resumed["status"]), (200, &json!("active")));

    let meant = program
        .get("/api/v1/jobs/meant?campaign=spring&search=tag:vip")
        .await;
    assert_eq!(meant, json!({ "jobs": 4, "up_to": 4 }));
    let all = json!({ "campaign": "spring", "search": "tag:vip", "jobs": 4, "up_to": 4 });
    let (_, acted_on) = program.post("/api/v1/jobs/acts/skip", &all).await;
    assert_eq!(acted_on, json!({ "jobs": 4, "left": 0 }));
    let (_, acted_on) = program
        .post("/api/v1/jobs/acts/cancel", &json!({ "ids": [4, 5, 99] }))
        .await;
    assert_eq!(acted_on, json!({ "jobs": 1, "left": 2 }));
    let (_, cancelled) = program
        .post("/api/v1/campaigns/spring/cancel", &Value::Null)
        .await;
    assert_eq!(cancelled["counts"]["cancelled"], 6);

    let audit = program.get("/api/v1/audit?campaign=spring&limit=3").await;
    let rows = audit["rows"].as_array().unwrap();
    let events: Vec<&str> = rows
        .iter()
        .map(|row| row["event"].as_str().unwrap())
        .collect();
    assert_eq!(rows.len(), 3, "{events:?}");
    assert!(events.contains(&"cancelled"), "{events:?}");
    let next = audit["next"].as_i64().unwrap();
    let older = program.get(&format!("/api/v1/audit?before={next}")).await;
    let by_token = |row: &Value| row["actor"] == "token test";
    assert!(older["rows"].as_array().unwrap().iter().any(by_token));
}

#[tokio::test]
async fn controls_are_patched_kept_and_taken_away() {
    let bench = ten_devices().await;
    let program = Program::new(&bench, Role::Operator).await;
    let patch = async |controls: Value| {
        let body = json!({ "controls": controls }).to_string();
        let path = "/api/v1/campaigns/spring";
        let answer = program.call(Method::PATCH, path, Some(&body)).await;
        let status = answer.status().as_u16();
        let said: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        (status, said)
    };
    let all =
        json!({ "rate": "2/s", "priority": "high", "zone": "Europe/Berlin", "deadline": "+2h" });
    let (status, campaign) = patch(all).await;
    assert_eq!(status, 200, "{campaign}");
    let controls = &campaign["controls"];
    assert_eq!(controls["rate"], "2/s");
    assert!(controls["deadline"].as_i64().unwrap() > campaign["created_at"].as_i64().unwrap());
    let (_, campaign) = patch(json!({ "rate": null, "deadline": 4_000_000_000_000_i64 })).await;
    let controls = &campaign["controls"];
    assert_eq!(
        (&controls["rate"], &controls["priority"]),
        (&Value::Null, &json!("high"))
    );
    assert_eq!(controls["deadline"], 4_000_000_000_000_i64);
    for wrong in [
        json!({ "rate": "fast" }),
        json!({ "speed": "2/s" }),
        json!({ "not_before": 4_000_000_000_001_i64 }),
    ] {
        let (status, problem) = patch(wrong).await;
        assert_eq!(
            (status, &problem["status"]),
            (422, &json!(422)),
            "{problem}"
        );
    }
    let viewer = Program::new(&bench, Role::Viewer).await;
    let answer = viewer
        .call(
            Method::PATCH,
            "/api/v1/campaigns/spring",
            Some("{\"controls\":{}}"),
        )
        .await;
    assert_eq!(answer.status(), 403);
}

#[tokio::test]
async fn where_no_graph_can_be_asked_it_says_so() {
    let bench = ten_devices().await;
    let program = Program::new(&bench, Role::Operator).await;
    for path in ["verify", "rollback", "rollback/plan", "lists"] {
        let path = format!("/api/v1/campaigns/spring/{path}");
        let (status, problem) = program.post(&path, &Value::Null).await;
        assert_eq!(status, 409, "{path}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("rehearsal"), "{path}: {detail}");
    }
}

#[tokio::test]
async fn a_deadline_that_has_passed_is_refused_and_so_is_resuming_past_it() {
    let bench = ten_devices().await;
    let program = Program::new(&bench, Role::Operator).await;
    let now = SystemClock.now();
    let (past, before) = (
        now.before(Duration::from_mins(1)),
        now.before(Duration::from_mins(2)),
    );
    let body = json!({ "controls": { "deadline": past.as_millis() } }).to_string();
    let path = "/api/v1/campaigns/spring";
    let answer = program.call(Method::PATCH, path, Some(&body)).await;
    let status = answer.status();
    let said = answer.text().await.unwrap();
    assert!(status.is_client_error(), "{status} {said}");
    // One that has passed since.
    let id = bench.ledger.campaign("spring").await.unwrap().unwrap().id;
    let changes = ControlChanges {
        deadline: Change::Set(past),
        ..ControlChanges::default()
    };
    let (ledger, by) = (&bench.ledger, actor());
    let set = ledger.change_controls(id, &changes, &by, before).await;
    set.unwrap();
    assert!(ledger.pause(id, "freeze", &by, before).await.unwrap());
    let (status, problem) = program
        .post("/api/v1/campaigns/spring/resume", &Value::Null)
        .await;
    assert_eq!(status, 409, "{problem}");
    assert!(problem.to_string().contains("has passed"), "{problem}");
    let mut browser = bench.browser();
    let link = bench.link.clone().unwrap();
    let (_, rest) = link.split_once("/sign-in").unwrap();
    browser.get(&format!("/sign-in{rest}")).await;
    let page = browser.get("/campaigns/spring").await.text().await.unwrap();
    let token = csrf(&page);
    let answer = browser
        .post("/campaigns/spring/resume", &[("csrf", &token)])
        .await;
    assert_eq!(answer.status(), 409);
    assert!(answer.text().await.unwrap().contains("has passed"));
    let spring = ledger.campaign("spring").await.unwrap().unwrap();
    assert_eq!(spring.status, CampaignStatus::Paused);
}

#[tokio::test]
async fn a_session_acts_only_with_the_token_of_its_pages() {
    let bench = ten_devices().await;
    let mut browser = bench.browser();
    let link = bench.link.clone().unwrap();
    let path = link
        .split_once("/sign-in")
        .map(|(_, rest)| format!("/sign-in{rest}"));
    browser.get(&path.unwrap()).await;
    let page = browser.get("/").await.text().await.unwrap();
    let pause = |browser: &crate::harness::Browser, token: &str| {
        browser
            .json("/api/v1/campaigns/spring/pause", "{}")
            .header("x-csrf-token", token)
    };
    let forged = pause(&browser, "made-up");
    assert_eq!(browser.send(forged).await.status(), 403);
    let own = pause(&browser, &csrf(&page));
    assert_eq!(browser.send(own).await.status(), 200);
}

#[tokio::test]
async fn events_say_everything_and_then_what_changes() {
    let bench = ten_devices().await;
    let program = Program::new(&bench, Role::Viewer).await;
    let mut answer = program.call(Method::GET, "/api/v1/events", None).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut heard = String::new();
    while !heard.contains("event: campaign") {
        heard.push_str(std::str::from_utf8(&answer.chunk().await.unwrap().unwrap()).unwrap());
    }
    let operator = Program::new(&bench, Role::Operator).await;
    operator
        .call(Method::POST, "/api/v1/campaigns/spring/pause", None)
        .await;
    while !heard.contains("\"status\":\"paused\"") {
        heard.push_str(std::str::from_utf8(&answer.chunk().await.unwrap().unwrap()).unwrap());
    }
}
