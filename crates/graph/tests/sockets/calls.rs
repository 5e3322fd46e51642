//! What is sent, and what each answer becomes, over real sockets.

use std::time::Duration;

use repilot_domain::DeviceId;
use repilot_graph::{ApiVersion, Call, GraphError, Route, SetupError, SystemicReason};

use crate::harness::{LONG, Reply, Server, client, client_of, device, settings};

async fn unassign(reply: Reply) -> Call<()> {
    let server = Server::always(reply).await;
    client(&server.root, LONG).unassign_user(&device()).await
}

#[tokio::test]
async fn the_action_is_a_post_without_a_body() {
    let server = Server::always(Reply::status(204)).await;
    let call = client(&server.root, LONG).unassign_user(&device()).await;
    assert_eq!(call.result, Ok(()));
    assert_eq!(call.record.status, Some(204));
    let requests = server.requests();
    let [request] = &requests[..] else {
        panic!("{requests:?}");
    };
    assert_eq!(
        request.line,
        "POST /v1.0/deviceManagement/windowsAutopilotDeviceIdentities/0a1b-2c/unassignUserFromDevice"
    );
    assert_eq!(request.header("authorization"), Some("Bearer secret-token"));
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(request.header("content-length"), Some("0"));
    assert_eq!(request.header("content-type"), None);
    let agent = request.header("user-agent").unwrap();
    assert!(agent.starts_with("repilot/"), "{agent}");
    let id = request.header("client-request-id").unwrap();
    assert_eq!(id, call.record.client_request_id);
    assert_eq!(id.len(), 36);
}

#[tokio::test]
async fn an_id_that_no_path_can_carry_is_rejected_and_not_sent() {
    let server = Server::always(Reply::status(204)).await;
    let client = client(&server.root, LONG);
    for id in ["", ".", ".."] {
        let device = DeviceId(id.to_owned());
        let result = client.unassign_user(&device).await.result;
        assert_eq!(result, Err(GraphError::Rejected), "{id}");
        let result = client.device(&device).await.result;
        assert_eq!(result, Err(GraphError::Rejected), "{id}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_longer_route_is_called_on_beta_and_refused_on_v1() {
    let server = Server::always(Reply::status(204)).await;
    let mut longer = settings(&server.root, LONG);
    longer.route = Route::DeploymentProfile;
    let refused = client_of(longer.clone()).unwrap_err();
    assert!(matches!(refused, SetupError::RouteNeedsBeta), "{refused}");
    longer.version = ApiVersion::Beta;
    let call = client_of(longer).unwrap().unassign_user(&device()).await;
    assert_eq!(call.result, Ok(()));
    assert_eq!(
        server.requests()[0].line,
        "POST /beta/deviceManagement/windowsAutopilotDeviceIdentities/0a1b-2c/deploymentProfile/\
         assignedDevices/0a1b-2c/unassignUserFromDevice"
    );
}

#[tokio::test]
async fn any_2xx_is_success_and_leaves_its_connection_usable() {
    let replies = [
        Reply::with_body(200, r#"{"@odata.context":"x"}"#),
        Reply::status(202),
        Reply::status(204),
    ];
    let server = Server::start(move |before, _| replies[before].clone()).await;
    let client = client(&server.root, LONG);
    for _ in 0..3 {
        assert_eq!(client.unassign_user(&device()).await.result, Ok(()));
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn every_refusal_becomes_what_the_caller_does_next() {
    let retry_after = None;
    for status in [400, 405, 409, 410, 412, 422, 423] {
        let result = unassign(Reply::status(status)).await.result;
        assert_eq!(result, Err(GraphError::Rejected), "{status}");
    }
    for status in [408, 500, 502, 503, 599, 302] {
        let result = unassign(Reply::status(status)).await.result;
        assert_eq!(
            result,
            Err(GraphError::Transient { retry_after }),
            "{status}"
        );
    }
    let result = |status| async move { unassign(Reply::status(status)).await.result };
    assert_eq!(result(404).await, Err(GraphError::NotFound));
    assert_eq!(result(504).await, Err(GraphError::Ambiguous));
    assert_eq!(
        result(429).await,
        Err(GraphError::Throttled { retry_after })
    );
    let forbidden = result(403).await;
    assert!(
        matches!(
            forbidden,
            Err(GraphError::Systemic(SystemicReason::Forbidden(_)))
        ),
        "{forbidden:?}"
    );
}

#[tokio::test]
async fn a_fixed_token_that_is_refused_is_systemic_at_once() {
    let result = unassign(Reply::status(401)).await.result;
    let refused = GraphError::Systemic(SystemicReason::TokenRefused);
    assert_eq!(result, Err(refused));
}

#[tokio::test]
async fn multi_admin_approval_is_known_by_body_or_header() {
    let approval = Err(GraphError::Systemic(SystemicReason::MultiAdminApproval));
    let body = r#"{"error":{"code":"BadRequest","message":"Header X-Msft-Approval-Justification is required"}}"#;
    assert_eq!(unassign(Reply::with_body(400, body)).await.result, approval);
    let by_header = Reply::status(400).header("X-MSFT-Approval-Justification", "required");
    assert_eq!(unassign(by_header).await.result, approval);
}

#[tokio::test]
async fn a_demand_to_wait_is_read_whatever_the_headers_case() {
    let cases = [
        (Reply::status(429).header("retry-after", "2.128"), 2_128),
        (Reply::status(429).header("RETRY-AFTER", "10"), 10_000),
        (
            Reply::status(429)
                .header("Date", "Mon, 02 Mar 2026 08:15:30 GMT")
                .header("Retry-After", "Mon, 02 Mar 2026 08:15:42 GMT"),
            12_000,
        ),
        (
            Reply::with_body(
                429,
                r#"{"error":{"message":"{\"Message\":\"Slow\",\"RetryAfter\":\"7\"}"}}"#,
            ),
            7_000,
        ),
    ];
    for (reply, millis) in cases {
        let retry_after = Some(Duration::from_millis(millis));
        let result = unassign(reply).await.result;
        assert_eq!(result, Err(GraphError::Throttled { retry_after }));
    }
}

#[tokio::test]
async fn the_record_keeps_what_support_asks_for() {
    let reply = Reply::with_body(
        500,
        r#"{"error":{"code":"InternalServerError","message":"{\"_version\":3,\"Message\":\"An error has occurred - Operation ID (for customer support): 1 - Activity ID: 2\"}","innerError":{"request-id":"from-body"}}}"#,
    )
    .header("Request-Id", "from-header")
    .header("Date", "Mon, 02 Mar 2026 08:15:30 GMT")
    .header("x-ms-ags-diagnostic", r#"{"ServerInfo":{}}"#);
    let record = unassign(reply).await.record;
    assert_eq!(record.status, Some(500));
    assert_eq!(record.code.as_deref(), Some("InternalServerError"));
    assert_eq!(
        record.message.as_deref(),
        Some("An error has occurred - Operation ID (for customer support): 1 - Activity ID: 2")
    );
    assert_eq!(record.request_id.as_deref(), Some("from-header"));
    assert_eq!(
        record.date.as_deref(),
        Some("Mon, 02 Mar 2026 08:15:30 GMT")
    );
    assert_eq!(record.diagnostic.as_deref(), Some(r#"{"ServerInfo":{}}"#));
}

#[tokio::test]
async fn an_endless_error_body_is_cut_off() {
    let body = format!("{}\u{1}{}", "words ".repeat(20), "x".repeat(1_000_000));
    let call = unassign(Reply::with_body(502, body)).await;
    assert_eq!(
        call.result,
        Err(GraphError::Transient { retry_after: None })
    );
    assert!(call.record.message.unwrap().chars().count() <= 500);
}
