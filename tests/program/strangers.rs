//! The dashboard as a process: strangers who take its connections, and a ledger that falls silent.
#![cfg(unix)]

use e2e::Bench;
use repilot_graph_sim::Scenario;
use serde_json::Value;
use servers::Postgres;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::PROGRAM;

/// Files that the dashboard's process may have open.
const FILES: usize = 128;

/// Reads where a dashboard listens, from what it prints first.
pub(crate) async fn url_of(dashboard: &mut Child) -> String {
    let mut lines = BufReader::new(dashboard.stdout.take().unwrap()).lines();
    let mut text = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        text.push_str(&line);
        if line == "}" {
            break;
        }
    }
    let said: Value = serde_json::from_str(&text).unwrap();
    said["url"].as_str().unwrap().to_owned()
}

/// The same command, in a shell that lets it have few files open.
fn with_few_files(command: &Command) -> Command {
    let command = command.as_std();
    let mut limited = Command::new("sh");
    limited
        .arg("-c")
        .arg(format!("ulimit -n {FILES}; exec \"$0\" \"$@\""))
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .kill_on_drop(true)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            limited.env(name, value);
        }
    }
    if let Some(folder) = command.get_current_dir() {
        limited.current_dir(folder);
    }
    limited
}

#[tokio::test]
async fn half_requests_stop_neither_health_nor_drain() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 60).await;
    let mut command = bench.command(&[
        "run",
        "devices.txt",
        "--yes",
        "--rate",
        "5/s",
        "--dashboard",
    ]);
    command.env("REPILOT_DASHBOARD__LISTEN", "127.0.0.1:0");
    let mut run = with_few_files(&command).spawn().unwrap();
    let mut talk = BufReader::new(run.stderr.take().unwrap()).lines();
    let url = loop {
        let line = talk
            .next_line()
            .await
            .unwrap()
            .expect("it says where it listens");
        if let Some(link) = line.strip_prefix("dashboard: ") {
            break link.split_once("/sign-in").unwrap().0.to_owned();
        }
    };
    let address = url.strip_prefix("http://").unwrap();
    let mut strangers = Vec::new();
    for _ in 0..2 * FILES {
        let mut stranger = TcpStream::connect(address).await.unwrap();
        // Half a head; one that was closed already cannot be written to.
        let _ = stranger.write_all(b"GET /healthz HTTP/1.1\r\nhost: ").await;
        strangers.push(stranger);
    }
    for probe in ["/healthz", "/readyz"] {
        let answer = e2e::http().get(format!("{url}{probe}")).send().await;
        assert_eq!(answer.unwrap().status(), 200, "{probe}");
    }
    let done = bench.counters().applied;
    bench.until(|counters| counters.applied >= done + 10).await;
    drop(strangers);
}

#[tokio::test]
async fn a_scrape_says_that_the_ledger_is_down() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 1).await;
    let mut postgres = Postgres::start();
    let ledger = postgres.create_database();
    let program = |arguments: &[&str]| {
        let mut command = bench.command(arguments);
        command.env("REPILOT_LEDGER__URL", &ledger);
        command
    };
    let mut dashboard = program(&["dashboard", "--listen", "127.0.0.1:0", "--json"])
        .spawn()
        .unwrap();
    let url = url_of(&mut dashboard).await;
    let create = [
        "token",
        "create",
        "prometheus",
        "--role",
        "viewer",
        "--json",
    ];
    let made = program(&create).output().await.unwrap();
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let token = made["token"].as_str().unwrap().to_owned();
    let scrape = async |token: &str| {
        let request = e2e::http().get(format!("{url}/metrics")).bearer_auth(token);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, said) = scrape(&token).await;
    assert_eq!(status, 200, "{said}");
    assert!(said.contains("\nrepilot_ledger_up 1\n"), "{said}");
    postgres.stop();
    let (status, said) = loop {
        let (status, said) = scrape(&token).await;
        // What was read a moment ago is said once more.
        if !said.contains("\nrepilot_ledger_up 1\n") {
            break (status, said);
        }
    };
    assert_eq!(status, 200, "{said}");
    assert!(said.contains("\nrepilot_ledger_up 0\n"), "{said}");
    let (status, said) = scrape("nobody's").await;
    assert_eq!(status, 503, "{said}");
    let jobs = e2e::http()
        .get(format!("{url}/api/v1/jobs"))
        .bearer_auth(&token);
    assert_eq!(jobs.send().await.unwrap().status(), 503);
}
