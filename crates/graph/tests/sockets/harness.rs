//! A server of scripted answers over real sockets: what it read, and on how many connections.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use repilot_domain::{DeviceId, SystemClock};
use repilot_graph::{
    ApiVersion, GraphClient, GraphRoot, GraphSettings, Route, SetupError, TokenSource,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Far beyond what loopback takes; a test that meets it has failed.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// What a test waits for a server that never answers.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

pub(crate) fn settings(root: &str, timeout: Duration) -> GraphSettings {
    GraphSettings {
        root: GraphRoot::parse(root).unwrap(),
        version: ApiVersion::V1,
        route: Route::Identity,
        timeout,
    }
}

pub(crate) fn client_of(settings: GraphSettings) -> Result<GraphClient, SetupError> {
    let tokens = TokenSource::Fixed("secret-token".into());
    GraphClient::new(settings, tokens, Arc::new(SystemClock))
}

pub(crate) fn client(root: &str, timeout: Duration) -> GraphClient {
    client_of(settings(root, timeout)).unwrap()
}

pub(crate) fn device() -> DeviceId {
    DeviceId("0a1b-2c".to_owned())
}

/// A request as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Method and target, as in `GET /v1.0/x`.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
}

impl Request {
    /// A header's value, of which there is one.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key == name);
        let (_, value) = values.next()?;
        assert!(values.next().is_none(), "{name} came twice");
        Some(value)
    }
}

/// What the server does after it has read a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Answers.
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// Promises more bytes than it sends, and closes.
    BreakOff,
    /// Closes without a word.
    Close,
    /// Keeps the connection, and says nothing.
    Silence,
}

impl Reply {
    /// Without a body; a refusal is Graph's by its `request-id`.
    pub(crate) fn status(status: u16) -> Self {
        Self::with_body(status, "").header("request-id", "r-1")
    }

    pub(crate) fn with_body(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }

    fn bytes(&self) -> Vec<u8> {
        use std::fmt::Write as _;
        let Self::Answer {
            status,
            headers,
            body,
        } = self
        else {
            return b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"val".to_vec();
        };
        let mut head = format!("HTTP/1.1 {status} Whatever\r\n");
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        if *status != 204 {
            write!(head, "content-length: {}\r\n", body.len()).unwrap();
        }
        head.push_str("\r\n");
        [head.as_bytes(), body].concat()
    }
}

/// Runs until it is dropped.
pub(crate) struct Server {
    /// Its root, as in `http://127.0.0.1:8080`.
    pub(crate) root: String,
    seen: Arc<Seen>,
    accepting: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<Request>>,
    connections: AtomicUsize,
}

impl Server {
    /// Starts a server that answers by `script`, which is told how many requests came before.
    pub(crate) async fn start<F>(script: F) -> Self
    where
        F: Fn(usize, &Request) -> Reply + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Seen::default());
        let script = Arc::new(script);
        let accepting = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    seen.connections.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&script)));
                }
            }
        });
        Self {
            root,
            seen,
            accepting,
        }
    }

    /// Answers everything alike.
    pub(crate) async fn always(reply: Reply) -> Self {
        Self::start(move |_, _| reply.clone()).await
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.requests.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve<F>(mut stream: TcpStream, seen: Arc<Seen>, script: Arc<F>)
where
    F: Fn(usize, &Request) -> Reply,
{
    while let Some(request) = read_head(&mut stream).await {
        let before = {
            let mut requests = seen.requests.lock().unwrap();
            requests.push(request.clone());
            requests.len() - 1
        };
        let reply = script(before, &request);
        match reply {
            Reply::Answer { .. } => stream.write_all(&reply.bytes()).await.unwrap(),
            Reply::BreakOff => {
                stream.write_all(&reply.bytes()).await.unwrap();
                return;
            }
            Reply::Close => return,
            Reply::Silence => std::future::pending().await,
        }
    }
}

/// No request here has a body.
async fn read_head(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    Some(Request { line, headers })
}
