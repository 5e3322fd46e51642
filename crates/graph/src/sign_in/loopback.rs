//! Where the browser comes back to: a listener of this machine alone, for one answer.
//!
//! The name `localhost` may mean either loopback address, so that both are listened on, at one port:
//! a stranger's listener on the other would get the browser, and the code with it. Requests that
//! carry another state than this sign-in's are answered and change nothing.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

use super::endpoint::Refusal;
use super::page;

/// A request's head; codes are some kilobytes.
const HEAD_MAX_BYTES: usize = 64 * 1024;

/// A browser that connects in advance may never say anything.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);

/// Connections read at once: a browser opens a few.
const CONNECTIONS_MAX: usize = 32;

/// Ports tried, should one be somebody else's on the other address.
const PORTS_TRIED: usize = 16;

/// The listeners.
pub(super) struct Loopback {
    v4: TcpListener,
    v6: Option<TcpListener>,
    port: u16,
}

/// What the browser brought.
pub(super) enum Brought {
    Code(SecretString),
    Refusal(Refusal),
}

/// The browser, which waits to be told what came of it.
pub(super) struct Waiting(TcpStream);

impl Loopback {
    pub(super) async fn bind() -> io::Result<Self> {
        let mut tried = 0;
        loop {
            tried += 1;
            let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let port = v4.local_addr()?.port();
            match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
                Ok(v6) => {
                    return Ok(Self {
                        v4,
                        v6: Some(v6),
                        port,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && tried < PORTS_TRIED => {}
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
                // A machine without IPv6 sends nobody there.
                Err(_absent) => return Ok(Self { v4, v6: None, port }),
            }
        }
    }

    /// Without a path: Entra compares it with the registered `http://localhost`, ports apart.
    pub(super) fn address(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Waits for the browser of the sign-in with this state.
    pub(super) async fn answer(&self, state: &str) -> io::Result<(Brought, Waiting)> {
        let mut reading = JoinSet::new();
        loop {
            let has_room = reading.len() < CONNECTIONS_MAX;
            tokio::select! {
                accepted = self.accept(), if has_room => {
                    let (stream, _) = accepted?;
                    reading.spawn(tokio::time::timeout(HEAD_TIMEOUT, read_head(stream)));
                }
                Some(read) = reading.join_next() => {
                    let Ok(Ok(Ok((head, stream)))) = read else { continue };
                    let mut waiting = Waiting(stream);
                    match self.understood(&head, state) {
                        Understood::Brought(brought) => return Ok((brought, waiting)),
                        Understood::Other(status, words) => waiting.tell(status, &words).await,
                    }
                }
            }
        }
    }

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let Some(v6) = &self.v6 else {
            return self.v4.accept().await;
        };
        tokio::select! {
            accepted = self.v4.accept() => accepted,
            accepted = v6.accept() => accepted,
        }
    }

    fn understood(&self, head: &str, state: &str) -> Understood {
        let other = |status, words: &str| Understood::Other(status, page::other(words));
        let mut lines = head.lines();
        let mut first = lines.next().unwrap_or_default().split(' ');
        let (method, target) = (first.next(), first.next().unwrap_or_default());
        let host = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("host").then(|| value.trim())
        });
        // A page elsewhere cannot make its own name mean this machine.
        let own = ["localhost", "127.0.0.1", "[::1]"].map(|name| format!("{name}:{}", self.port));
        if !host.is_some_and(|host| own.iter().any(|own| own == host)) {
            return other(
                "421 Misdirected Request",
                "This is not meant for this address.",
            );
        }
        if method != Some("GET") {
            return other("405 Method Not Allowed", "This page is only ever opened.");
        }
        let base = self.address();
        let Ok(url) = Url::parse(&format!("{base}{target}")) else {
            return other("400 Bad Request", "This address cannot be read.");
        };
        if url.path() != "/" {
            return other("404 Not Found", "There is nothing here.");
        }
        let said = |wanted: &str| {
            let mut pairs = url.query_pairs().filter(|(name, _)| name == wanted);
            pairs.next().map(|(_, value)| value.into_owned())
        };
        if said("state").as_deref() != Some(state) {
            let words = "This belongs to another sign-in. Use the page that repilot opened last.";
            return other("400 Bad Request", words);
        }
        if let Some(error) = said("error") {
            let description = said("error_description").unwrap_or_default();
            let refusal = Refusal::redirected(error, description);
            return Understood::Brought(Brought::Refusal(refusal));
        }
        match said("code").filter(|code| !code.is_empty()) {
            Some(code) => Understood::Brought(Brought::Code(code.into())),
            None => other("400 Bad Request", "The sign-in page brought no code."),
        }
    }
}

enum Understood {
    Brought(Brought),
    Other(&'static str, String),
}

impl Waiting {
    /// Shows a page. A browser that has gone misses nothing: the terminal says the same.
    pub(super) async fn tell(&mut self, status: &str, page: &str) {
        let head = format!(
            "HTTP/1.1 {status}\r\n\
             Content-Type: text/html; charset=utf-8\r\n\
             Content-Length: {length}\r\n\
             Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'\r\n\
             Referrer-Policy: no-referrer\r\n\
             X-Content-Type-Options: nosniff\r\n\
             Cache-Control: no-store\r\n\
             Connection: close\r\n\r\n",
            length = page.len()
        );
        let stream = &mut self.0;
        let told = async {
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(page.as_bytes()).await?;
            stream.shutdown().await
        };
        let _gone = tokio::time::timeout(HEAD_TIMEOUT, told).await;
    }
}

async fn read_head(mut stream: TcpStream) -> io::Result<(String, TcpStream)> {
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut chunk).await?;
        if read == 0 || head.len() + read > HEAD_MAX_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend_from_slice(&chunk[..read]);
    }
    Ok((String::from_utf8_lossy(&head).into_owned(), stream))
}
