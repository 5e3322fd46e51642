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
    for status in [400, 405, 410, 412, 422] {
        let result = unassign(Reply::status(status)).await.result;
        assert_eq!(result, Err(GraphError::Rejected), "{status}");
    }
    for status in [409, 421, 423, 425] {
        let result = unassign(Reply::status(status)).await.result;
        let passing = Err(GraphError::Transient { retry_after });
        assert_eq!(result, passing, "{status}");
    }
    for status in [408, 500, 502, 503, 504, 599] {
        let result = unassign(Reply::status(status)).await.result;
        let in_doubt = Err(GraphError::Ambiguous { retry_after });
        assert_eq!(result, in_doubt, "{status}");
    }
    let result = |status| async move { unassign(Reply::status(status)).await.result };
    assert_eq!(result(404).await, Err(GraphError::NotFound));
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

/// What an answer that is none is called, if it is taken for none.
async fn stranger(reply: Reply) -> String {
    let server = Server::always(reply).await;
    let client = client(&server.root, LONG);
    let mut said = Vec::new();
    let calls = [
        client.unassign_user(&device()).await.result,
        client.device(&device()).await.result.map(drop),
    ];
    for result in calls {
        assert!(matches!(result, Err(GraphError::Foreign(_))), "{result:?}");
        if let Err(GraphError::Foreign(foreign)) = result {
            said.push(foreign.in_words());
        }
    }
    assert_eq!(said[0], said[1]);
    assert_eq!(
        server.requests().len(),
        2,
        "nothing was followed or repeated"
    );
    said.remove(0)
}

const PAGE: &str = "<html><head><title>Sign in to Contoso</title></head><body>…</body></html>";

#[tokio::test]
async fn a_page_of_any_status_is_no_answer_of_graphs() {
    for status in [200, 201, 202, 400, 401, 403, 404, 407, 500, 502, 503, 511] {
        let said = stranger(Reply::with_body(status, PAGE)).await;
        assert_eq!(said, "a web page, \"Sign in to Contoso\"", "{status}");
    }
}

#[tokio::test]
async fn a_success_with_an_error_in_its_body_is_none() {
    let body = r#"{"error":{"code":"Blocked","message":"Not today."}}"#;
    let reply = Reply::with_body(200, body).header("request-id", "r-1");
    let said = stranger(reply).await;
    assert_eq!(said, "an error in its body, \"Blocked: Not today.\"");
}

#[tokio::test]
async fn a_redirect_is_shown_by_its_host_and_never_followed() {
    let elsewhere = Server::always(Reply::status(204)).await;
    let host = elsewhere.root.trim_start_matches("http://").to_owned();
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/login?secret=1", elsewhere.root);
        let reply = Reply::status(status).header("Location", &location);
        assert_eq!(stranger(reply).await, format!("a redirect to {host}"));
    }
    assert_eq!(stranger(Reply::status(302)).await, "a redirect to nowhere");
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_refusal_in_no_shape_of_graphs_is_no_verdict() {
    let gateway = r#"{"statusCode":404,"message":"no such backend"}"#;
    for (status, body) in [(404, ""), (404, gateway), (400, "Bad Request"), (403, "{}")] {
        stranger(Reply::with_body(status, body)).await;
    }
}

#[tokio::test]
async fn whoever_throttles_is_heeded() {
    let reply = Reply::with_body(429, PAGE).header("Retry-After", "3");
    let retry_after = Some(Duration::from_secs(3));
    let throttled = Err(GraphError::Throttled { retry_after });
    assert_eq!(unassign(reply).await.result, throttled);
}

#[tokio::test]
async fn a_page_is_graphs_by_its_request_id_unless_it_says_success() {
    let reply = |status| Reply::with_body(status, PAGE).header("request-id", "r-1");
    assert_eq!(unassign(reply(404)).await.result, Err(GraphError::NotFound));
    let result = unassign(reply(200)).await.result;
    assert!(matches!(result, Err(GraphError::Foreign(_))), "{result:?}");
}

#[tokio::test]
async fn a_confirmation_that_breaks_off_is_in_doubt() {
    let result = unassign(Reply::BreakOff).await.result;
    let in_doubt = Err(GraphError::Ambiguous { retry_after: None });
    assert_eq!(result, in_doubt);
}

#[tokio::test]
async fn intunes_forbidden_within_a_401_asks_for_permission_and_not_for_a_token() {
    let body = r#"{"error":{"code":"UnknownError","message":"{\"ErrorCode\":\"Forbidden\",\"Message\":\"An error has occurred\"}"}}"#;
    let result = unassign(Reply::with_body(401, body)).await.result;
    let words = "401, UnknownError: An error has occurred".to_owned();
    let forbidden = GraphError::Systemic(SystemicReason::Forbidden(words));
    assert_eq!(result, Err(forbidden));
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
    let documented = r#"{"error":{"code":"Forbidden","message":"This operation requires Multi Admin Approval."}}"#;
    assert_eq!(
        unassign(Reply::with_body(403, documented)).await.result,
        approval
    );
    let by_header = Reply::with_body(400, "").header("X-MSFT-Approval-Justification", "required");
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
    let reply = Reply::with_body(502, body).header("request-id", "r-1");
    let call = unassign(reply).await;
    let in_doubt = Err(GraphError::Ambiguous { retry_after: None });
    assert_eq!(call.result, in_doubt);
    assert!(call.record.message.unwrap().chars().count() <= 500);
}
