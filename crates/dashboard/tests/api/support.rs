//! Programs with tokens, and jobs for them to look at.

use std::time::Duration;

use repilot_dashboard::Secret;
use repilot_domain::{Clock as _, Device, DeviceId, EnrollmentState, Role, SystemClock};
use repilot_ledger::{NewApiToken, NewJob, NewList};
use reqwest::{Client, Method, Response};
use serde_json::Value;

use crate::harness::{Bench, actor};

/// A program that calls the API.
pub(crate) struct Program {
    client: Client,
    url: String,
    token: Option<String>,
}

impl Program {
    /// Without a token.
    pub(crate) fn stranger(bench: &Bench) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            client: Client::builder()
                .tls_certs_only([])
                .no_proxy()
                .build()
                .unwrap(),
            url: bench.url.clone(),
            token: None,
        }
    }

    /// With a token for that role.
    pub(crate) async fn new(bench: &Bench, role: Role) -> Self {
        let chance = match role {
            Role::Viewer => [1; 32],
            Role::Operator => [2; 32],
        };
        let secret = Secret::new(chance);
        let now = SystemClock.now();
        let token = NewApiToken {
            name: "test".to_owned(),
            role,
            token_sha256: secret.sha256(),
            expires_at: now.after(Duration::from_hours(1)),
        };
        bench
            .ledger
            .add_api_token(&token, &actor(), now)
            .await
            .unwrap();
        Self {
            token: Some(secret.reveal().to_owned()),
            ..Self::stranger(bench)
        }
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&str>) -> Response {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_owned());
        }
        request.send().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.call(Method::GET, path, None).await;
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.call(Method::POST, path, Some(&body.to_string())).await;
        let status = answer.status().as_u16();
        (
            status,
            serde_json::from_str(&answer.text().await.unwrap()).unwrap(),
        )
    }
}

/// A dashboard over a campaign `spring` of ten devices that wait.
pub(crate) async fn ten_devices() -> Bench {
    let bench = Bench::new().await;
    bench.campaign("spring").await;
    let campaign = bench.ledger.campaign("spring").await.unwrap().unwrap().id;
    let jobs: Vec<NewJob> = (0..10)
        .map(|number| NewJob {
            device: device(number),
            line: number,
        })
        .collect();
    let list = NewList {
        sha256: "00".repeat(32),
        name: "devices.csv".to_owned(),
    };
    let (ledger, by, now) = (&bench.ledger, actor(), SystemClock.now());
    ledger.begin_list(campaign, &list, &by, now).await.unwrap();
    ledger.enqueue(campaign, &jobs, now).await.unwrap();
    ledger
        .finish_list(campaign, &list.sha256, &by, now)
        .await
        .unwrap();
    bench
}

fn device(number: u64) -> Device {
    Device {
        id: DeviceId(format!("00000000-0000-0000-0000-{number:012}")),
        serial: format!("SN-{number:03}"),
        user_principal_name: format!("user{number}@contoso.example"),
        addressable_user_name: format!("User {number}"),
        group_tag: if number < 4 { "VIP" } else { "STORE" }.to_owned(),
        manufacturer: "Contoso".to_owned(),
        model: "Model 1".to_owned(),
        display_name: String::new(),
        managed_device_id: String::new(),
        entra_device_id: String::new(),
        enrollment_state: EnrollmentState::Enrolled,
        last_contacted: None,
    }
}
