//! HTTP/2 connections that the other side ends, frame by frame.

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use repilot_domain::SystemClock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::{ApiVersion, GraphRoot, Route};

/// What a client says first.
const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

const NO_ERROR: u32 = 0;
const INTERNAL_ERROR: u32 = 2;
const REFUSED_STREAM: u32 = 7;

/// `END_STREAM` and `END_HEADERS`, and the one header `:status: 204`.
const DONE: (u8, &[u8]) = (0x5, &[0x89]);

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// What a server does with a request, which is its n-th; the connection ends after that where it says so.
type Script = fn(usize, u32) -> (Vec<u8>, bool);

/// A server of HTTP/2 without TLS, and how many requests it read.
async fn serve(script: Script) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(speak(stream, script, Arc::clone(&counted)));
        }
    });
    (root, requests)
}

async fn speak(mut stream: TcpStream, script: Script, requests: Arc<AtomicUsize>) -> Option<()> {
    let mut preface = [0; PREFACE];
    stream.read_exact(&mut preface).await.ok()?;
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.ok()?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).await.ok()?;
        if head[3] != HEADERS {
            continue;
        }
        let number = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let (said, ends) = script(requests.fetch_add(1, Ordering::SeqCst), number);
        stream.write_all(&said).await.ok()?;
        if ends {
            return None;
        }
    }
}

fn go_away(last: u32, code: u32) -> Vec<u8> {
    let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
    frame(GOAWAY, 0, 0, &payload)
}

fn done(number: u32) -> Vec<u8> {
    frame(HEADERS, DONE.0, number, DONE.1)
}

async fn unassign(script: Script) -> (Call<()>, usize) {
    let (root, requests) = serve(script).await;
    let settings = GraphSettings {
        root: GraphRoot::parse(&root).unwrap(),
        version: ApiVersion::V1,
        route: Route::Identity,
        timeout: Duration::from_secs(30),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let source = TokenSource::Fixed("secret".into());
    let http::Outbound { client, proxy } = http::token_client(&source).unwrap();
    let entra = Arc::new(Transport::new(client, proxy));
    let client = http::base().http2_prior_knowledge().build().unwrap();
    let inner = Inner {
        http: GraphClients {
            any: client.clone(),
            http2: Some(client),
            proxy: None,
        },
        speaks_http2: AtomicBool::new(false),
        addresses: Addresses::new(&settings),
        tokens: TokenKeeper::new(source, entra, Arc::clone(&clock)).unwrap(),
        clock,
    };
    let client = GraphClient {
        inner: Arc::new(inner),
    };
    let call = client.unassign_user(&DeviceId("d-1".to_owned())).await;
    (call, requests.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_stream_above_the_last_that_a_goaway_names_is_sent_again_at_once() {
    let (call, requests) = unassign(|before, number| match before {
        0..3 => (go_away(0, NO_ERROR), true),
        _ => (done(number), false),
    })
    .await;
    assert_eq!(call.result, Ok(()));
    assert_eq!(requests, 4);
}

#[tokio::test]
async fn a_refused_stream_is_sent_again_at_once() {
    let (call, requests) = unassign(|before, number| match before {
        0 => {
            let payload = REFUSED_STREAM.to_be_bytes();
            (frame(RST_STREAM, 0, number, &payload), false)
        }
        _ => (done(number), false),
    })
    .await;
    assert_eq!(call.result, Ok(()));
    assert_eq!(requests, 2);
}

#[tokio::test]
async fn a_stream_that_was_taken_and_lost_is_not_sent_again() {
    let in_doubt = Err(GraphError::Ambiguous { retry_after: None });
    let lost: [(Script, &str); 3] = [
        // Taken, by the number that the connection ends with.
        (
            |_, number| (go_away(number, NO_ERROR), true),
            "the connection was lost: ",
        ),
        (
            |_, number| {
                let payload = INTERNAL_ERROR.to_be_bytes();
                (frame(RST_STREAM, 0, number, &payload), false)
            },
            "the connection was lost: the other side broke the request off: ",
        ),
        (
            |_, _| (go_away(0, INTERNAL_ERROR), true),
            "the connection was lost: the other side ended the connection: ",
        ),
    ];
    for (script, words) in lost {
        let (call, requests) = unassign(script).await;
        assert_eq!(call.result, in_doubt, "{words}");
        assert_eq!(requests, 1, "{words}");
        let message = call.record.message.unwrap();
        assert!(message.starts_with(words), "{message}");
        assert!(!message.contains("not a result of an error"), "{message}");
    }
}

#[tokio::test]
async fn who_turns_everything_away_is_given_up_as_unreachable() {
    let (call, requests) = unassign(|_, _| (go_away(0, NO_ERROR), true)).await;
    assert_eq!(call.result, Err(GraphError::Unreachable));
    let most = usize::try_from(REPEATS_MAX).unwrap() + 1;
    assert!((2..=most).contains(&requests), "{requests}");
    let message = call.record.message.unwrap();
    let expected = "the request was turned away unread, time and again: the other side ended the connection: in good order";
    assert_eq!(message, expected);
}
