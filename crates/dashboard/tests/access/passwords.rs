//! Names and passwords.

use repilot_dashboard::hash_password;
use repilot_domain::{Clock as _, Role, SystemClock};

use crate::harness::{Bench, PASSWORD, actor, location, options};

async fn bench() -> Bench {
    let people = [("alice", Role::Operator), ("victor", Role::Viewer)];
    Bench::with(options("127.0.0.1:0"), &people).await.unwrap()
}

#[tokio::test]
async fn the_right_password_leads_to_where_one_wanted_to_go_and_a_wrong_one_nowhere() {
    let bench = bench().await;
    let mut browser = bench.browser();
    assert_eq!(browser.sign_in("alice", "wrong horse").await.status(), 401);
    assert_eq!(browser.sign_in("nobody", PASSWORD).await.status(), 401);
    assert_eq!(browser.get("/").await.status(), 303);
    let answer = browser.sign_in("alice", PASSWORD).await;
    assert_eq!(location(&answer), "/");
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    assert_eq!(browser.get("/").await.status(), 200);
}

#[tokio::test]
async fn whoever_fails_too_often_is_told_to_wait_even_with_the_right_password() {
    let bench = bench().await;
    let mut browser = bench.browser();
    for _ in 0..10 {
        assert_eq!(browser.sign_in("alice", "wrong horse").await.status(), 401);
    }
    let answer = browser.sign_in("alice", PASSWORD).await;
    assert_eq!(answer.status(), 429);
    assert!(answer.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn another_password_or_removal_ends_the_sessions() {
    let bench = bench().await;
    let mut alice = bench.signed_in("alice").await;
    let mut victor = bench.signed_in("victor").await;
    let now = SystemClock.now();
    let hash = hash_password("another horse", [2; 16]).unwrap();
    assert!(
        bench
            .ledger
            .change_password("alice", &hash, &actor(), now)
            .await
            .unwrap()
    );
    assert!(
        bench
            .ledger
            .remove_user("victor", &actor(), now)
            .await
            .unwrap()
    );
    assert_eq!(alice.get("/").await.status(), 303);
    assert_eq!(victor.get("/").await.status(), 303);
}
