//! What the API refuses: every error is a problem.

use repilot_domain::Role;
use reqwest::{Method, Response};
use serde_json::Value;

use crate::harness::Bench;
use crate::support::{Program, ten_devices};

async fn problem(answer: Response, status: u16, kind: &str) -> String {
    assert_eq!(answer.status(), status, "{answer:?}");
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["type"], format!("urn:repilot:problem:{kind}"));
    problem["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_error_is_a_problem() {
    let bench = ten_devices().await;
    let program = Program::new(&bench, Role::Operator).await;
    let get = |path: &'static str| program.call(Method::GET, path, None);
    problem(get("/api/v1/nothing").await, 404, "not-found").await;
    problem(get("/api/v1").await, 404, "not-found").await;
    problem(get("/api/v1/campaigns/winter").await, 404, "not-found").await;
    problem(get("/api/v1/jobs/99").await, 404, "not-found").await;
    problem(get("/api/v1/jobs/seven").await, 404, "not-found").await;
    let detail = problem(get("/api/v1/jobs?search=stat:dead").await, 422, "senseless").await;
    assert!(detail.contains("known are state"), "{detail}");
    for bad in [
        "/api/v1/jobs?limit=0",
        "/api/v1/jobs?limit=many",
        "/api/v1/jobs?after=x",
        "/api/v1/jobs?after=1&before=2",
        "/api/v1/jobs?sort=luck",
        "/api/v1/audit?limit=251",
    ] {
        problem(program.call(Method::GET, bad, None).await, 422, "senseless").await;
    }
    let deleted = program.call(Method::DELETE, "/api/v1/campaigns/spring", None);
    problem(deleted.await, 405, "method-not-allowed").await;
    let post =
        |path: &'static str, body: &'static str| program.call(Method::POST, path, Some(body));
    problem(post("/api/v1/jobs/acts/skip", "{").await, 400, "unclear").await;
    problem(post("/api/v1/jobs/acts/skip", "{}").await, 422, "senseless").await;
    problem(
        post("/api/v1/jobs/acts/explode", "{\"ids\":[1]}").await,
        404,
        "not-found",
    )
    .await;
    let no_json = program.call(Method::POST, "/api/v1/jobs/acts/skip", None);
    problem(no_json.await, 415, "unsupported-media-type").await;
    let much = format!("{{\"ids\":[{}1]}}", "1,".repeat(2 << 20));
    let much = program.call(Method::POST, "/api/v1/jobs/acts/skip", Some(&much));
    problem(much.await, 413, "too-large").await;
}

#[tokio::test]
async fn strangers_learn_nothing_and_viewers_change_nothing() {
    let bench: Bench = ten_devices().await;
    let stranger = Program::stranger(&bench);
    let answer = stranger.call(Method::GET, "/api/v1/campaigns", None).await;
    assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    problem(answer, 401, "unauthorized").await;
    let viewer = Program::new(&bench, Role::Viewer).await;
    for path in [
        "/api/v1/campaigns/spring/pause",
        "/api/v1/campaigns/spring/resume",
        "/api/v1/campaigns/spring/cancel",
        "/api/v1/jobs/acts/skip",
    ] {
        let body = Some("{\"ids\":[1]}");
        problem(
            stranger.call(Method::POST, path, body).await,
            401,
            "unauthorized",
        )
        .await;
        problem(viewer.call(Method::POST, path, body).await, 403, "role").await;
    }
    let campaign = bench.ledger.campaign("spring").await.unwrap().unwrap();
    assert_eq!(campaign.counts.pending, 10);
}
