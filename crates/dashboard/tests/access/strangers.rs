//! What strangers may cost.

use futures::future::join_all;
use repilot_domain::{Clock as _, Role, SystemClock};
use repilot_ledger::{AuditFilter, NewApiToken};
use reqwest::{Method, StatusCode};

use crate::harness::{Bench, PASSWORD, actor, csrf, options};

async fn bench() -> Bench {
    let people = [("alice", Role::Operator)];
    Bench::with(options("127.0.0.1:0"), &people).await.unwrap()
}

#[tokio::test]
async fn of_many_sign_ins_at_once_few_are_checked() {
    let bench = bench().await;
    let attempts = (0..60).map(|_| async {
        let mut browser = bench.browser();
        browser.sign_in("alice", "wrong horse").await.status()
    });
    let statuses = join_all(attempts).await;
    let checked = statuses
        .iter()
        .filter(|status| **status == StatusCode::UNAUTHORIZED);
    assert_eq!(checked.count(), 10, "{statuses:?}");
    let hurried = StatusCode::TOO_MANY_REQUESTS;
    assert_eq!(
        statuses.iter().filter(|status| **status == hurried).count(),
        50
    );
}

#[tokio::test]
async fn names_of_strangers_are_cut_before_the_audit() {
    let bench = bench().await;
    let mut browser = bench.browser();
    let answer = browser.sign_in(&"n".repeat(5_000), PASSWORD).await;
    assert_eq!(answer.status(), 401);
    let rows = bench
        .ledger
        .newest_audit(&AuditFilter::default(), None, 1)
        .await;
    let name = &rows.unwrap()[0].actor;
    assert!(
        name.ends_with("(5000 characters)") && name.len() < 200,
        "{name}"
    );
    let page = browser.get("/sign-in").await.text().await.unwrap();
    let (token, name) = (csrf(&page), "n".repeat(1_900_000));
    let form = [("csrf", &*token), ("name", &name), ("password", PASSWORD)];
    let answer = browser.post("/sign-in", &form).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn looking_at_a_link_does_not_use_it_up() {
    let bench = Bench::new().await;
    let link = bench.link.clone().unwrap();
    let path = link.strip_prefix(&bench.url).unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap();
    for looking in [
        client.request(Method::HEAD, &link),
        client
            .get(&link)
            .header("sec-purpose", "prefetch;prerender"),
        client.get(&link).header("purpose", "prefetch"),
    ] {
        let answer = looking.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert!(!answer.headers().contains_key("set-cookie"));
    }
    let mut browser = bench.browser();
    assert_eq!(browser.get(path).await.status(), 200);
    assert_eq!(browser.get("/").await.status(), 200);
}

#[tokio::test]
async fn a_stream_ends_when_its_token_is_taken_back() {
    let bench = bench().await;
    let (secret, now) = (
        repilot_dashboard::Secret::new(rand::random()),
        SystemClock.now(),
    );
    let new = NewApiToken {
        name: "monitoring".to_owned(),
        role: Role::Viewer,
        token_sha256: secret.sha256(),
        expires_at: now.after(std::time::Duration::from_hours(1)),
    };
    let id = bench
        .ledger
        .add_api_token(&new, &actor(), now)
        .await
        .unwrap();
    let mut events = bench
        .browser()
        .request("/api/v1/events")
        .bearer_auth(secret.reveal())
        .send()
        .await
        .unwrap();
    assert_eq!(events.status(), 200);
    assert!(
        bench
            .ledger
            .revoke_api_token(id, &actor(), now)
            .await
            .unwrap()
    );
    // It ends; until then it only beats.
    while events.chunk().await.unwrap().is_some() {}
}

#[tokio::test]
async fn dashboards_of_one_host_keep_their_cookies_apart() {
    let (one, other) = (bench().await, bench().await);
    let mut browser = one.signed_in("alice").await;
    let elsewhere = other.signed_in("alice").await;
    browser.cookies.extend(elsewhere.cookies.clone());
    assert_eq!(browser.get("/").await.status(), 200);
    for bench in [&one, &other] {
        let name = format!("repilot-{}", bench.port());
        let own = browser.cookies.iter().filter(|(known, _)| *known == name);
        assert_eq!(own.count(), 1, "{name}");
    }
}
