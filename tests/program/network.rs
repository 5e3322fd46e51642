//! The way to Graph and Entra: proxies, TLS that is inspected, and who answers in whose place.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use e2e::{Bench, Ran, ended};
use repilot_graph_sim::Scenario;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::PROGRAM;

/// A Graph that no name server knows: only a proxy leads there.
const GRAPH: &str = "https://graph.invalid";

/// What a proxy answers to CONNECT.
#[derive(Clone, Copy)]
enum Proxy {
    Refuses(&'static str),
    /// Leads everything to this port of this machine.
    LeadsTo(u16),
}

/// Starts a proxy and returns its address.
async fn start(proxy: Proxy) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, proxy));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, proxy: Proxy) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    match proxy {
        Proxy::Refuses(status) => {
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.ok()?;
        }
        Proxy::LeadsTo(port) => {
            let mut server = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
            tokio::io::copy_bidirectional(&mut stream, &mut server)
                .await
                .ok()?;
        }
    }
    Some(())
}

/// A TLS server whose certificate nobody vouches for, as one that inspects TLS has it.
struct Inspecting {
    process: Child,
    port: u16,
}

impl Inspecting {
    async fn start(folder: &Path) -> Self {
        let (key, certificate) = (folder.join("own.key"), folder.join("own.pem"));
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-nodes", "-days", "2", "-newkey", "rsa:2048",
            ])
            .args(["-subj", "/CN=graph.invalid"])
            .args(["-addext", "subjectAltName=DNS:graph.invalid"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let process = Command::new("openssl")
            .args(["s_server", "-quiet", "-www", "-accept"])
            .arg(format!("127.0.0.1:{port}"))
            .arg("-key")
            .arg(key)
            .arg("-cert")
            .arg(&certificate)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::task::yield_now().await;
        }
        Self { process, port }
    }
}

impl Drop for Inspecting {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `check` with these variables; its lines.
async fn checked(bench: &Bench, variables: &[(&str, &str)]) -> Vec<serde_json::Value> {
    let mut command = bench.command(&["check", "--json"]);
    command.env("REPILOT_GRAPH__ROOT", GRAPH);
    command.envs(variables.iter().copied());
    let ran: Ran = ended(command.spawn().unwrap()).await.expect(1);
    ran.json().as_array().unwrap().clone()
}

fn line<'a>(lines: &'a [serde_json::Value], check: &str) -> (&'a str, &'a str) {
    let mut all = lines.iter();
    let found = all.find(|line| line["check"].as_str().unwrap().ends_with(check));
    assert!(found.is_some(), "no line {check}: {lines:?}");
    let found = found.unwrap();
    (
        found["says"].as_str().unwrap(),
        found["hint"].as_str().unwrap(),
    )
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_with_what_to_do() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 1).await;
    for (status, said, hint) in [
        ("407 Proxy Authentication Required", "(407)", "%5C"),
        (
            "403 Forbidden",
            "does not let calls to graph.invalid",
            "docs/proxies.md",
        ),
    ] {
        let proxy = format!("http://{}", start(Proxy::Refuses(status)).await);
        let lines = checked(&bench, &[("HTTPS_PROXY", &proxy)]).await;
        let (says, _) = line(&lines, "proxy");
        assert!(
            says.starts_with(&format!("{proxy} (HTTPS_PROXY)")),
            "{says}"
        );
        let (says, does) = line(&lines, "Graph");
        assert!(says.contains(said) && says.contains(&proxy), "{says}");
        assert!(does.contains(hint), "{does}");
    }
}

#[tokio::test]
async fn a_proxy_that_cannot_be_read_stops_every_call() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 1).await;
    let value = r"http://CORP\me:hush@127.0.0.1:3128";
    let lines = checked(&bench, &[("HTTPS_PROXY", value)]).await;
    for check in ["proxy", "settings"] {
        let mut all = lines.iter();
        let bad = all
            .find(|line| line["ok"] == false && line["check"].as_str().unwrap().ends_with(check));
        let says = bad.unwrap_or_else(|| panic!("{check} is well: {lines:?}"))["says"].to_string();
        assert!(
            says.contains("HTTPS_PROXY") && says.contains("%5Cuser"),
            "{says}"
        );
        assert!(!says.contains("hush"), "{says}");
    }
}

#[tokio::test]
async fn a_proxy_is_used_where_the_http_library_would_go_past_it() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 1).await;
    let proxy = format!("http://{}", start(Proxy::Refuses("403 Forbidden")).await);
    for variables in [
        [("HTTPS_PROXY", ""), ("https_proxy", &*proxy)],
        [("REQUEST_METHOD", "GET"), ("HTTPS_PROXY", &*proxy)],
    ] {
        let lines = checked(&bench, &variables).await;
        let (says, _) = line(&lines, "Graph");
        assert!(says.contains(&proxy), "{variables:?}: {says}");
    }
}

#[tokio::test]
async fn inspected_tls_is_called_by_its_name() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 1).await;
    let folder = bench.path("");
    let inspecting = Inspecting::start(folder.as_ref()).await;
    let proxy = format!("http://{}", start(Proxy::LeadsTo(inspecting.port)).await);
    let lines = checked(&bench, &[("HTTPS_PROXY", &proxy)]).await;
    let (says, hint) = line(&lines, "Graph");
    assert!(
        says.contains("UnknownIssuer") && says.contains(&proxy),
        "{says}"
    );
    assert!(hint.contains("SSL_CERT_FILE"), "{hint}");
    // With the company's root the call gets through, and what answers is no Graph.
    let root = bench.path("own.pem");
    let root = AsRef::<Path>::as_ref(&root).to_str().unwrap().to_owned();
    let lines = checked(&bench, &[("HTTPS_PROXY", &proxy), ("SSL_CERT_FILE", &root)]).await;
    let (says, _) = line(&lines, "root certificates");
    assert!(
        says.starts_with("1 in ") && says.contains("SSL_CERT_FILE"),
        "{says}"
    );
    let (says, _) = line(&lines, "Graph");
    assert!(!says.contains("UnknownIssuer"), "{says}");
}

#[tokio::test]
async fn roots_that_cannot_be_read_are_named_by_their_variable() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 1).await;
    bench.write("root.crt", "\u{30}\u{1}");
    for file in ["none.pem", "root.crt"] {
        let lines = checked(&bench, &[("SSL_CERT_FILE", file)]).await;
        let (says, hint) = line(&lines, "root certificates");
        assert!(
            says.contains("SSL_CERT_FILE") && says.contains(file),
            "{says}"
        );
        assert!(!hint.contains("ca-certificates"), "{hint}");
    }
}

#[tokio::test]
async fn another_entra_in_the_environment_is_said_to_be_unused() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 1).await;
    let named = "https://login.microsoftonline.us/";
    let lines = checked(&bench, &[("AZURE_AUTHORITY_HOST", named)]).await;
    let (says, hint) = line(&lines, "authority");
    assert!(says.contains(named) && says.contains("not used"), "{says}");
    assert!(hint.contains("us-gov"), "{hint}");
}
