//! What a request must prove.

use repilot_domain::{CampaignStatus, Role};

use crate::harness::{Bench, csrf, options};

async fn bench() -> Bench {
    let people = [("alice", Role::Operator), ("victor", Role::Viewer)];
    let bench = Bench::with(options("127.0.0.1:0"), &people).await.unwrap();
    bench.campaign("spring").await;
    bench
}

async fn status(bench: &Bench) -> CampaignStatus {
    bench
        .ledger
        .campaign("spring")
        .await
        .unwrap()
        .unwrap()
        .status
}

#[tokio::test]
async fn an_operator_pauses_and_a_viewer_does_not() {
    let bench = bench().await;
    let mut victor = bench.signed_in("victor").await;
    let page = victor.get("/campaigns/spring").await.text().await.unwrap();
    assert!(!page.contains("Pause"), "{page}");
    assert_eq!(victor.get("/campaigns/spring/pause").await.status(), 403);
    let token = csrf(&page);
    let answer = victor
        .post("/campaigns/spring/pause", &[("csrf", &token)])
        .await;
    assert_eq!(answer.status(), 403);
    assert_eq!(status(&bench).await, CampaignStatus::Active);

    let mut alice = bench.signed_in("alice").await;
    let page = alice.get("/").await.text().await.unwrap();
    let token = csrf(&page);
    let answer = alice
        .post("/campaigns/spring/pause", &[("csrf", &token)])
        .await;
    assert_eq!(answer.status(), 303);
    assert_eq!(status(&bench).await, CampaignStatus::Paused);
}

#[tokio::test]
async fn a_form_without_its_token_with_anothers_or_from_another_site_changes_nothing() {
    let bench = bench().await;
    let mut victor = bench.signed_in("victor").await;
    let of_victor = csrf(&victor.get("/").await.text().await.unwrap());
    let mut alice = bench.signed_in("alice").await;
    let of_alice = csrf(&alice.get("/").await.text().await.unwrap());
    for token in ["", &of_victor] {
        let answer = alice
            .post("/campaigns/spring/pause", &[("csrf", token)])
            .await;
        assert_eq!(answer.status(), 403);
    }
    let request = alice
        .form("/campaigns/spring/pause", &[("csrf", &of_alice)])
        .header("sec-fetch-site", "cross-site");
    assert_eq!(alice.send(request).await.status(), 403);
    assert_eq!(status(&bench).await, CampaignStatus::Active);
}

#[tokio::test]
async fn a_rebound_name_is_refused() {
    let bench = bench().await;
    let mut browser = bench.browser();
    let own = format!("localhost:{}", bench.port());
    for (host, expected) in [(own.as_str(), 200), ("evil.example", 421)] {
        let request = browser.request("/sign-in").header("host", host);
        assert_eq!(browser.send(request).await.status(), expected, "{host}");
    }
}

#[tokio::test]
async fn a_link_on_another_site_leads_here_without_signing_in_again() {
    let bench = bench().await;
    let mut browser = bench.browser();
    let request = browser.request("/").header("sec-fetch-site", "cross-site");
    let page = browser.send(request).await.text().await.unwrap();
    assert!(
        page.contains("http-equiv=\"refresh\" content=\"0;url=/\""),
        "{page}"
    );
}

#[tokio::test]
async fn every_answer_forbids_scripts_of_its_own_frames_and_keeping() {
    let bench = bench().await;
    let mut browser = bench.browser();
    for path in ["/sign-in", "/", "/nothing"] {
        let answer = browser.get(path).await;
        let policy = answer.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn an_operator_changes_how_fast_a_campaign_runs_and_what_cannot_be_meant_changes_nothing() {
    let bench = bench().await;
    let mut alice = bench.signed_in("alice").await;
    let page = alice.get("/campaigns/spring/controls").await;
    let token = csrf(&page.text().await.unwrap());
    let address = "/campaigns/spring/controls";
    let fast = [("csrf", &*token), ("rate", "fast"), ("zone", "UTC")];
    let answer = alice.post(address, &fast).await;
    assert_eq!(answer.status(), 422);
    let page = answer.text().await.unwrap();
    assert!(page.contains("role=\"alert\""), "{page}");
    let slow = [
        ("csrf", &*token),
        ("rate", "2/s"),
        ("zone", "UTC"),
        ("priority", "high"),
    ];
    assert_eq!(alice.post(address, &slow).await.status(), 303);
    let campaign = bench.ledger.campaign("spring").await.unwrap().unwrap();
    assert_eq!(campaign.controls.rate, Some("2/s".parse().unwrap()));
    assert_eq!(campaign.controls.priority, "high".parse().unwrap());

    let mut victor = bench.signed_in("victor").await;
    assert_eq!(victor.get(address).await.status(), 403);
}
