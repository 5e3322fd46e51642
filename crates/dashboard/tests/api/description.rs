//! The API's description of itself.

use reqwest::Method;
use serde_json::Value;

use crate::support::{Program, ten_devices};

async fn description(program: &Program) -> Value {
    program.get("/api/v1/openapi.json").await
}

fn operations(description: &Value) -> Vec<(Method, String)> {
    let paths = description["paths"].as_object().unwrap();
    let mut operations = Vec::new();
    for (path, methods) in paths {
        for method in methods.as_object().unwrap().keys() {
            operations.push((method.to_uppercase().parse().unwrap(), path.clone()));
        }
    }
    operations
}

#[tokio::test]
async fn every_address_is_described_and_every_description_is_an_address() {
    let bench = ten_devices().await;
    let stranger = Program::stranger(&bench);
    let description = description(&stranger).await;
    assert_eq!(description["openapi"], "3.1.0");
    let operations = operations(&description);
    for (method, path) in &operations {
        let path = path
            .replace("{name}", "spring")
            .replace("{id}", "1")
            .replace("{act}", "skip");
        // There, and guarded.
        let answer = stranger.call(method.clone(), &path, None).await;
        assert_eq!(answer.status(), 401, "{method} {path}");
    }
    let mut named: Vec<String> = operations
        .iter()
        .map(|(method, path)| format!("{method} {path}"))
        .collect();
    named.sort();
    // What is routed in `api/mod.rs`; a route that is not described does not compile there.
    assert_eq!(
        named,
        [
            "GET /api/v1/audit",
            "GET /api/v1/campaigns",
            "GET /api/v1/campaigns/{name}",
            "GET /api/v1/dead",
            "GET /api/v1/events",
            "GET /api/v1/jobs",
            "GET /api/v1/jobs/count",
            "GET /api/v1/jobs/meant",
            "GET /api/v1/jobs/{id}",
            "GET /api/v1/jobs/{id}/attempts",
            "GET /api/v1/lanes",
            "GET /api/v1/status",
            "GET /api/v1/workers",
            "PATCH /api/v1/campaigns/{name}",
            "POST /api/v1/campaigns/{name}/assign-again",
            "POST /api/v1/campaigns/{name}/cancel",
            "POST /api/v1/campaigns/{name}/give-back",
            "POST /api/v1/campaigns/{name}/lists",
            "POST /api/v1/campaigns/{name}/pause",
            "POST /api/v1/campaigns/{name}/resume",
            "POST /api/v1/campaigns/{name}/rollback",
            "POST /api/v1/campaigns/{name}/rollback/plan",
            "POST /api/v1/campaigns/{name}/verify",
            "POST /api/v1/jobs/acts/{act}",
        ]
    );
}

#[tokio::test]
async fn every_shape_that_is_named_is_described() {
    let bench = ten_devices().await;
    let description = description(&Program::stranger(&bench)).await;
    let text = description.to_string();
    let schemas = description["components"]["schemas"].as_object().unwrap();
    let mut named = 0;
    for (_, rest) in text
        .match_indices("\"#/components/schemas/")
        .map(|(at, found)| text.split_at(at + found.len()))
    {
        let name = rest.split_once('"').unwrap().0;
        assert!(schemas.contains_key(name), "{name}");
        named += 1;
    }
    assert!(named > 20);
    for shape in [
        "Campaign",
        "Job",
        "JobReport",
        "Attempt",
        "Problem",
        "AuditRow",
        "LaneState",
    ] {
        assert!(schemas.contains_key(shape), "{shape}");
    }
}
