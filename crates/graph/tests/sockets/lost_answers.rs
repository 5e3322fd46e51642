//! Calls without an answer: sent or not, and never sent twice.

use std::sync::Arc;
use std::time::Duration;

use repilot_graph::{Call, GraphError};
use rustls::{ServerConfig, ServerConnection};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;

use crate::harness::{LONG, Reply, SHORT, Server, client, device};

async fn unassign(root: &str, timeout: Duration) -> Call<()> {
    client(root, timeout).unassign_user(&device()).await
}

const IN_DOUBT: GraphError = GraphError::Ambiguous { retry_after: None };

const PASSING: GraphError = GraphError::Transient { retry_after: None };

#[tokio::test]
async fn a_connection_lost_after_the_request_is_ambiguous_for_a_write_and_passing_for_a_read() {
    let server = Server::always(Reply::Close).await;
    let client = client(&server.root, LONG);
    let call = client.unassign_user(&device()).await;
    assert_eq!(call.result, Err(IN_DOUBT));
    assert_eq!(call.record.status, None);
    let message = call.record.message.unwrap();
    assert!(
        message.starts_with("the connection was lost: "),
        "{message}"
    );
    let call = client.device(&device()).await;
    assert_eq!(call.result, Err(PASSING));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_timeout_after_the_request_is_ambiguous_for_a_write_and_passing_for_a_read() {
    let server = Server::always(Reply::Silence).await;
    let client = client(&server.root, SHORT);
    let call = client.unassign_user(&device()).await;
    assert_eq!(call.result, Err(IN_DOUBT));
    let message = call.record.message.unwrap();
    assert!(message.starts_with("no answer in time: "), "{message}");
    assert_eq!(client.device(&device()).await.result, Err(PASSING));
}

#[tokio::test]
async fn a_connection_closed_before_the_request_was_read_is_not_taken_for_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    let closing = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    let call = unassign(&root, LONG).await;
    assert_eq!(call.result, Err(IN_DOUBT));
    closing.abort();
}

#[tokio::test]
async fn a_post_whose_answer_is_lost_on_a_reused_connection_is_not_sent_again() {
    let server = Server::start(|before, _| match before {
        0 => Reply::status(204),
        _ => Reply::Close,
    })
    .await;
    let client = client(&server.root, LONG);
    assert_eq!(client.unassign_user(&device()).await.result, Ok(()));
    let call = client.unassign_user(&device()).await;
    assert_eq!(call.result, Err(IN_DOUBT));
    assert_eq!(server.requests().len(), 2);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn no_refusal_and_no_redirect_is_followed_by_another_request() {
    for status in [301, 307, 401, 408, 429, 500, 502, 503, 504] {
        let elsewhere = Server::always(Reply::status(204)).await;
        let reply = Reply::status(status)
            .header("Location", &elsewhere.root)
            .header("Retry-After", "0");
        let server = Server::always(reply).await;
        let call = unassign(&server.root, LONG).await;
        assert!(call.result.is_err(), "{status}");
        assert_eq!(server.requests().len(), 1, "{status}");
        assert_eq!(elsewhere.connections(), 0, "{status}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let call = unassign(&root, LONG).await;
    assert_eq!(call.result, Err(GraphError::Unreachable));
    let message = call.record.message.unwrap();
    assert!(message.starts_with("cannot connect: "), "{message}");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_unreachable() {
    let server = Server::always(Reply::status(204)).await;
    let root = server.root.replace("http://", "https://");
    // What reads a TLS greeting waits for a line's end: the greeting is never answered.
    let call = unassign(&root, SHORT).await;
    assert_eq!(call.result, Err(GraphError::Unreachable));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_unreachable() {
    let pem = include_bytes!("../../src/certificate/throwaway.pem");
    let certificate = CertificateDer::from_pem_slice(pem).unwrap();
    let key = PrivateKeyDer::from_pem_slice(pem).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let root = format!("https://{}", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut tls = ServerConnection::new(Arc::new(config)).unwrap();
        while tls.is_handshaking() && tls.complete_io(&mut stream).is_ok() {}
        tls.is_handshaking()
    });
    let call = unassign(&root, LONG).await;
    assert_eq!(call.result, Err(GraphError::Unreachable));
    let message = call.record.message.unwrap();
    assert!(message.contains("certificate"), "{message}");
    assert!(serving.join().unwrap(), "the handshake came about");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_passing_for_a_read() {
    let server = Server::always(Reply::BreakOff).await;
    let call = client(&server.root, LONG).device(&device()).await;
    assert_eq!(call.result, Err(PASSING));
    assert_eq!(call.record.status, Some(200));
}
