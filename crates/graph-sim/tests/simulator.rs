//! The simulated Graph over real sockets, as a client sees it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use repilot_graph_sim::{Fault, FaultKind, Fleet, On, RetryAfter, Scenario, Simulator};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;

const COLLECTION: &str = "deviceManagement/windowsAutopilotDeviceIdentities";

struct Peer {
    simulator: Simulator,
    client: Client,
}

impl Peer {
    async fn of(scenario: Scenario, devices: usize) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let fleet = Fleet::generated(devices, 1);
        let address = "127.0.0.1:0".parse().unwrap();
        Self {
            simulator: Simulator::start(scenario, &fleet, address).await.unwrap(),
            client: Client::builder().no_proxy().build().unwrap(),
        }
    }

    async fn get(&self, url: &str) -> Response {
        self.client
            .get(url)
            .bearer_auth("simulated")
            .send()
            .await
            .unwrap()
    }

    async fn try_act(&self, id: &str) -> reqwest::Result<Response> {
        let url = format!(
            "{}/v1.0/{COLLECTION}/{id}/unassignUserFromDevice",
            self.simulator.url()
        );
        self.client.post(url).bearer_auth("simulated").send().await
    }

    async fn act(&self, id: &str) -> Response {
        self.try_act(id).await.unwrap()
    }

    fn ids(&self) -> Vec<String> {
        self.simulator
            .devices(0)
            .into_iter()
            .map(|device| device.id)
            .collect()
    }
}

#[tokio::test]
async fn the_inventory_comes_page_by_page_until_there_is_no_next_link() {
    let peer = Peer::of(Scenario::default(), 2_500).await;
    let mut url = Some(format!(
        "{}/v1.0/{COLLECTION}?$top=1000",
        peer.simulator.url()
    ));
    let mut sizes = Vec::new();
    while let Some(page) = url {
        let page: Value = peer.get(&page).await.json().await.unwrap();
        sizes.push(page["value"].as_array().unwrap().len());
        url = page["@odata.nextLink"].as_str().map(str::to_owned);
    }
    assert_eq!(sizes, [1_000, 1_000, 500]);
}

#[tokio::test]
async fn the_action_clears_the_user_on_both_routes_and_the_longer_one_is_beta_alone() {
    let peer = Peer::of(Scenario::default(), 2).await;
    let ids = peer.ids();
    assert_eq!(peer.act(&ids[0]).await.status(), StatusCode::NO_CONTENT);
    let id = &ids[1];
    let longer = |version: &str| {
        let base = format!("{}/{version}/{COLLECTION}/{id}", peer.simulator.url());
        let url = format!("{base}/deploymentProfile/assignedDevices/{id}/unassignUserFromDevice");
        peer.client.post(url).bearer_auth("simulated").send()
    };
    assert_eq!(
        longer("v1.0").await.unwrap().status(),
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        longer("beta").await.unwrap().status(),
        StatusCode::NO_CONTENT
    );
    let counters = peer.simulator.counters(0);
    assert_eq!((counters.applied, counters.still_assigned), (2, 0));
}

#[tokio::test]
async fn a_foreign_token_is_refused_and_an_unknown_device_is_not_found() {
    let peer = Peer::of(Scenario::default(), 1).await;
    let url = format!("{}/v1.0/{COLLECTION}", peer.simulator.url());
    let answer = peer
        .client
        .get(url)
        .bearer_auth("wrong")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(peer.act("no-such-id").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn writes_beyond_the_grant_are_refused_in_every_spelling_of_retry_after() {
    let modes = [
        (RetryAfter::Integer, "20"),
        (RetryAfter::Decimal, "."),
        (RetryAfter::Date, " GMT"),
        (RetryAfter::Always("1".to_owned()), "1"),
    ];
    for (mode, expected) in modes {
        let mut scenario = Scenario::granting(3);
        scenario.quota.retry_after = mode;
        let peer = Peer::of(scenario, 5).await;
        let ids = peer.ids();
        for id in &ids[..3] {
            assert!(peer.act(id).await.status().is_success());
        }
        let refused = peer.act(&ids[3]).await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        let said = refused.headers()["retry-after"].to_str().unwrap();
        assert!(said.contains(expected), "{said}");
        let counters = peer.simulator.counters(0);
        assert_eq!((counters.throttled, counters.applied), (1, 3));
        assert_eq!(counters.peak_writes_per_window, 4);
    }
}

#[tokio::test]
async fn faults_happen_before_and_after_the_effect() {
    for (kind, applied) in [
        (FaultKind::ResetBefore, 0),
        (FaultKind::ResetAfter, 1),
        (FaultKind::Applied504, 1),
        (FaultKind::Approval, 0),
    ] {
        let mut scenario = Scenario::default();
        scenario.faults.push(Fault::sharing(kind, 1.0));
        let peer = Peer::of(scenario, 1).await;
        let answer = peer.try_act(&peer.ids()[0]).await;
        assert!(!answer.is_ok_and(|answer| answer.status().is_success()));
        assert_eq!(peer.simulator.counters(0).applied, applied, "{kind:?}");
    }
}

#[tokio::test]
async fn a_device_that_got_another_user_is_watched() {
    let mut scenario = Scenario::default();
    let mut fault = Fault::sharing(FaultKind::Reassigned504, 1.0);
    fault.attempts = Some(1);
    scenario.faults.push(fault);
    let peer = Peer::of(scenario, 1).await;
    let id = peer.ids()[0].clone();
    assert_eq!(peer.act(&id).await.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(
        peer.simulator.devices(0)[0].user_principal_name,
        "new.user@contoso.example"
    );
    assert_eq!(peer.simulator.counters(0).reassigned_touched, 0);
    peer.act(&id).await;
    assert_eq!(peer.simulator.counters(0).reassigned_touched, 1);
}

#[tokio::test]
async fn the_grant_changes_in_mid_run() {
    let mut scenario = Scenario::granting(100);
    scenario.quota.changes = toml_changes("[{ after_writes = 2, writes = 0 }]");
    let peer = Peer::of(scenario, 3).await;
    let mut statuses = Vec::new();
    for id in peer.ids() {
        statuses.push(peer.act(&id).await.status().as_u16());
    }
    assert_eq!(statuses, [204, 204, 429]);
}

fn toml_changes(text: &str) -> Vec<repilot_graph_sim::QuotaChange> {
    let scenario = Scenario::parse(&format!("[quota]\nchanges = {text}\n")).unwrap();
    scenario.quota.changes
}

#[tokio::test]
async fn a_token_expires_and_the_identity_endpoint_gives_another() {
    let scenario = Scenario {
        token_expires_after_calls: Some(1),
        ..Scenario::default()
    };
    let peer = Peer::of(scenario, 1).await;
    let id = peer.ids()[0].clone();
    assert!(peer.act(&id).await.status().is_success());
    assert_eq!(peer.act(&id).await.status(), StatusCode::UNAUTHORIZED);
    let url = format!("{}/_sim/identity?resource=x", peer.simulator.url());
    let issued: Value = peer
        .client
        .get(url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let url = format!("{}/v1.0/{COLLECTION}/{id}", peer.simulator.url());
    let token = issued["access_token"].as_str().unwrap();
    let answer = peer
        .client
        .get(url)
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success());
}

#[tokio::test]
async fn what_stands_in_graphs_place_carries_nothing_of_graphs() {
    let mut scenario = Scenario::default();
    let mut page = Fault::page(On::Act, 404, "Blocked");
    page.attempts = Some(1);
    let mut redirect = Fault::sharing(FaultKind::Redirect, 1.0);
    redirect.location = Some("https://login.corp.example/x".to_owned());
    redirect.attempts = Some(2);
    let mut error = Fault::sharing(FaultKind::ErrorInSuccess, 1.0);
    error.attempts = Some(3);
    let mut applied = Fault::status(503, 1.0);
    applied.applied = true;
    scenario.faults = vec![page, redirect, error, applied];
    let peer = Peer::of(scenario, 1).await;
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    let peer = Peer { client, ..peer };
    let id = &peer.ids()[0];
    let page = peer.act(id).await;
    assert_eq!(page.status(), StatusCode::NOT_FOUND);
    assert!(!page.headers().contains_key("request-id"));
    assert!(
        page.text()
            .await
            .unwrap()
            .contains("<title>Blocked</title>")
    );
    let redirect = peer.act(id).await;
    assert_eq!(redirect.status(), StatusCode::FOUND);
    assert_eq!(
        redirect.headers()["location"],
        "https://login.corp.example/x"
    );
    let error: Value = peer.act(id).await.json().await.unwrap();
    assert_eq!(error["error"]["code"], "Blocked");
    assert_eq!(peer.simulator.counters(0).applied, 0);
    let applied = peer.act(id).await;
    assert_eq!(applied.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(applied.headers().contains_key("request-id"));
    assert_eq!(peer.simulator.counters(0).applied, 1);
}
