//! Reading devices: one, and all of them page by page.

use repilot_domain::{DeviceId, EnrollmentState};
use repilot_graph::GraphError;

use crate::harness::{LONG, Reply, Server, client};

/// A page whose next link is at the server itself.
fn page(host: Option<&str>, id: &str, rest: &str) -> Reply {
    let next = rest.replace("HOST", host.unwrap_or_default());
    Reply::with_body(200, format!(r#"{{"value":[{{"id":"{id}"}}]{next}}}"#))
}

#[tokio::test]
async fn pages_are_followed_to_the_end_exactly_as_they_were_named() {
    let next = r#","@odata.nextLink":"http://HOST/v1.0/next?$skiptoken=a%2Bb&$top=1000""#;
    let server = Server::start(move |before, request| match before {
        0 => page(request.header("host"), "one", next),
        _ => page(None, "two", ""),
    })
    .await;
    let client = client(&server.root, LONG);
    let first = client.inventory_page(None).await.result.unwrap();
    let second = client
        .inventory_page(first.next.as_ref())
        .await
        .result
        .unwrap();
    assert_eq!(first.devices[0].id.as_str(), "one");
    assert_eq!(second.devices[0].id.as_str(), "two");
    assert_eq!(second.next, None);
    let lines: Vec<String> = server.requests().into_iter().map(|r| r.line).collect();
    assert_eq!(
        lines,
        [
            "GET /v1.0/deviceManagement/windowsAutopilotDeviceIdentities?$top=1000",
            "GET /v1.0/next?$skiptoken=a%2Bb&$top=1000",
        ]
    );
}

#[tokio::test]
async fn a_next_link_to_another_host_is_an_error_and_is_not_followed() {
    let elsewhere = Server::always(Reply::status(200)).await;
    let next = format!(r#","@odata.nextLink":"{}/v1.0/next""#, elsewhere.root);
    let server = Server::start(move |_, _| page(None, "one", &next)).await;
    let call = client(&server.root, LONG).inventory_page(None).await;
    assert_eq!(call.result.unwrap_err(), GraphError::Unreadable);
    assert_eq!(
        call.record.message.as_deref(),
        Some(&*format!(
            "the next page's link leads to another host, {}",
            elsewhere.root.trim_start_matches("http://")
        ))
    );
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_page_that_names_itself_is_an_error() {
    let next = r#","@odata.nextLink":"http://HOST/v1.0/next""#;
    let server = Server::start(move |_, request| page(request.header("host"), "one", next)).await;
    let client = client(&server.root, LONG);
    let first = client.inventory_page(None).await.result.unwrap();
    let call = client.inventory_page(first.next.as_ref()).await;
    assert_eq!(call.result.unwrap_err(), GraphError::Unreadable);
}

#[tokio::test]
async fn a_next_link_that_is_no_url_is_said_to_be_none() {
    let next = r#","@odata.nextLink":"string""#;
    let server = Server::start(move |_, _| page(None, "one", next)).await;
    let call = client(&server.root, LONG).inventory_page(None).await;
    assert_eq!(call.result.unwrap_err(), GraphError::Unreadable);
    let message = call.record.message.unwrap();
    assert_eq!(message, "the next page's link is no URL: `string`");
}

#[tokio::test]
async fn a_success_that_is_no_page_is_unreadable() {
    for body in ["[]", "{}", r#"{"value":[{}]}"#, r#"{"value":[{"id":"#] {
        let server = Server::always(Reply::with_body(200, body)).await;
        let call = client(&server.root, LONG).inventory_page(None).await;
        assert_eq!(call.result.unwrap_err(), GraphError::Unreadable, "{body}");
        assert!(call.record.message.is_some());
    }
    for body in ["", "<html>signed out</html>", r#"{"error":{"code":"x"}}"#] {
        let server = Server::always(Reply::with_body(200, body)).await;
        let call = client(&server.root, LONG).inventory_page(None).await;
        let error = call.result.unwrap_err();
        assert!(matches!(error, GraphError::Foreign(_)), "{body}: {error:?}");
    }
}

#[tokio::test]
async fn one_broken_item_is_named_and_the_others_are_read() {
    let body = r#"{"@odata.count":4,"value":[{"id":"d-1"},{"id":7,"serialNumber":"SN-2"},null,{"id":""}]}"#;
    let server = Server::always(Reply::with_body(200, body)).await;
    let page = client(&server.root, LONG).inventory_page(None).await;
    let page = page.result.unwrap();
    assert_eq!(page.devices.len(), 1);
    assert_eq!(page.count, Some(4));
    let broken: Vec<String> = page.broken.iter().map(ToString::to_string).collect();
    assert_eq!(broken.len(), 3, "{broken:?}");
    assert!(
        broken[0].starts_with("item 2 of page 0, serial SN-2: "),
        "{broken:?}"
    );
    assert!(broken[1].starts_with("item 3 of page 0: "), "{broken:?}");
    assert_eq!(broken[2], "item 4 of page 0: its id is empty");
}

#[tokio::test]
async fn a_404_for_the_list_names_its_address_and_no_device() {
    let unknown = r#"{"error":{"code":"ResourceNotFound","message":"Resource not found"}}"#;
    let next = r#","@odata.nextLink":"http://HOST/v1.0/next""#;
    let server = Server::start(move |before, request| match before {
        1 => page(request.header("host"), "one", next),
        _ => Reply::with_body(404, unknown),
    })
    .await;
    let client = client(&server.root, LONG);
    let error = client.inventory_page(None).await.result.unwrap_err();
    let address = format!(
        "{}/v1.0/deviceManagement/windowsAutopilotDeviceIdentities",
        server.root
    );
    assert_eq!(error, GraphError::NoCollection(address));
    let first = client.inventory_page(None).await.result.unwrap();
    let second = client.inventory_page(first.next.as_ref()).await;
    assert_eq!(second.result.unwrap_err(), GraphError::LinkForgotten);
}

#[tokio::test]
async fn a_device_is_read_with_what_is_missing_or_null_as_empty() {
    let body = r#"{"@odata.context":"x","id":"d-1","serialNumber":" 0924-3584 ",
        "userPrincipalName":"ada@contoso.com","groupTag":null,"enrollmentState":"enrolled",
        "lastContactedDateTime":"2026-03-01T08:15:30Z","somethingNew":{"a":1}}"#;
    let server = Server::always(Reply::with_body(200, body)).await;
    let device = client(&server.root, LONG)
        .device(&DeviceId("d-1".to_owned()))
        .await;
    let device = device.result.unwrap();
    assert_eq!(device.id.as_str(), "d-1");
    assert_eq!(device.serial, "0924-3584");
    assert_eq!(device.user_principal_name, "ada@contoso.com");
    assert_eq!((device.group_tag.as_str(), device.model.as_str()), ("", ""));
    assert_eq!(device.enrollment_state, EnrollmentState::Enrolled);
    let contacted = device.last_contacted.unwrap().to_string();
    assert_eq!(contacted, "2026-03-01T08:15:30.000Z");
}

#[tokio::test]
async fn a_device_that_graph_does_not_know_is_not_found() {
    let body = r#"{"error":{"code":"ResourceNotFound","message":"Resource not found"}}"#;
    let server = Server::always(Reply::with_body(404, body)).await;
    let call = client(&server.root, LONG)
        .device(&DeviceId("d-1".to_owned()))
        .await;
    assert_eq!(call.result.unwrap_err(), GraphError::NotFound);
    assert_eq!(call.record.code.as_deref(), Some("ResourceNotFound"));
}
