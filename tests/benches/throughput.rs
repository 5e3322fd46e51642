//! Unthrottled drains, ledger and all, beside a bare loop of the same HTTP client.
//!
//! `cargo bench -p e2e --bench throughput [-- DEVICES ROUNDS BACKLOG [embedded|shared]]`. A round is the
//! bare loop, the same devices through the embedded profile and through the shared one (PostgreSQL and
//! Redis of the benchmark's own), or through that which is named, each against a simulated Graph in a
//! process of its own, at the same concurrency; what counts is the ratio. First it answers at once, so
//! that all of it is the machine's work; then as late as Graph does, so that it is what a tenant would
//! see. At the end backlogs of BACKLOG drain, and in turns with them several of 10,000: what the machine
//! does meanwhile befalls both.
//!
//! Drains are timed by the server, as the bare loop is: from the first write that arrived to the last
//! that was answered. Of backlogs it is also told how fast they were by the ledger: from the dispatch of
//! the first job until the last was settled. When the last call of a small one is answered, up to a
//! fifth of it has yet to be written.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use std::process::Stdio;
use std::time::Duration;

use e2e::{Profile, Server, ended};
use repilot_graph_sim::Counters;
use tokio::process::Command;
use tokio::time::Instant;

const CONCURRENCY: usize = 64;

/// As long as Graph takes to answer, or less.
const GRAPH_LATENCY: Duration = Duration::from_millis(100);

/// Devices of a round against a Graph that takes so long.
const SLOW_DEVICES: usize = 3_000;

/// The backlog that a large one is compared with.
const SMALL: usize = 10_000;

/// How many of those drain before each large one, and after the last.
const SMALL_DRAINS: usize = 7;

/// How many large ones drain.
const LARGE_DRAINS: usize = 3;

#[tokio::main]
async fn main() {
    let numbers: Vec<usize> = std::env::args()
        .filter_map(|word| word.parse().ok())
        .collect();
    let number = |index: usize, default| numbers.get(index).copied().unwrap_or(default);
    let (devices, rounds, backlog) = (number(0, 20_000), number(1, 3), number(2, 1_000_000));
    let names: Vec<&str> = ["embedded", "shared"]
        .into_iter()
        .filter(|name| std::env::args().any(|word| word == *name))
        .collect();
    let names = if names.is_empty() {
        vec!["embedded", "shared"]
    } else {
        names
    };
    println!("{devices} devices, {CONCURRENCY} calls at once, {rounds} rounds\n");
    compare(&names, devices, rounds, Duration::ZERO).await;
    println!("{SLOW_DEVICES} devices, answers after {GRAPH_LATENCY:?}\n");
    compare(&names, SLOW_DEVICES, rounds, GRAPH_LATENCY).await;
    let columns = format!("  {SMALL:>9}/s {backlog:>11}/s    ratio");
    println!("        {:^35}  {:^35}", "by the server", "by the ledger");
    println!("profile {columns}{columns}");
    for name in names {
        compare_backlogs(name, backlog).await;
    }
}

fn profile(name: &str) -> Profile {
    match name {
        "embedded" => Profile::Embedded,
        _ => Profile::shared(),
    }
}

/// A large backlog beside small ones: each of the large between those before and after it.
async fn compare_backlogs(name: &str, backlog: usize) {
    let (mut by_server, mut by_ledger) = (Vec::new(), Vec::new());
    let mut before = small_drains(name).await;
    for _ in 0..LARGE_DRAINS {
        let large = drain(&profile(name), backlog, Duration::ZERO).await;
        let after = small_drains(name).await;
        print!("{name:8}");
        for (of, ratios) in [
            (Drain::by_server as fn(&Drain) -> f64, &mut by_server),
            (Drain::by_ledger, &mut by_ledger),
        ] {
            let of_small = |drains: &[Drain]| median(drains.iter().map(of).collect());
            let small = f64::midpoint(of_small(&before), of_small(&after));
            let (large, ratio) = (of(&large), of(&large) / small);
            print!("  {small:11.0} {large:13.0} {ratio:8.2}");
            ratios.push(ratio);
        }
        println!();
        before = after;
    }
    let (by_server, by_ledger) = (median(by_server), median(by_ledger));
    println!("median ratios, {name}: {by_server:.2} by the server, {by_ledger:.2} by the ledger");
}

/// Several, since one is over in less than a second.
async fn small_drains(name: &str) -> Vec<Drain> {
    let mut drains = Vec::with_capacity(SMALL_DRAINS);
    for _ in 0..SMALL_DRAINS {
        drains.push(drain(&profile(name), SMALL, Duration::ZERO).await);
    }
    drains
}

/// The bare loop, and the same through the profiles.
async fn compare(names: &[&str], devices: usize, rounds: usize, latency: Duration) {
    print!("round   bare loop/s");
    for name in names {
        print!("  {name:>10}/s    ratio   enqueue/s");
    }
    println!();
    let mut ratios = vec![Vec::new(); names.len()];
    for round in 1..=rounds {
        let bare = bare_loop(devices, latency).await;
        print!("{round:5}  {bare:12.0}");
        for (name, ratios) in names.iter().zip(&mut ratios) {
            let drain = drain(&profile(name), devices, latency).await;
            let (drained, enqueued) = (drain.by_server(), rate(devices, drain.enqueue));
            let ratio = drained / bare;
            print!("  {drained:12.0} {ratio:8.2} {enqueued:11.0}");
            ratios.push(ratio);
        }
        println!();
    }
    for (name, ratios) in names.iter().zip(ratios) {
        println!("median ratio, {name}: {:.2}", median(ratios));
    }
    println!();
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn rate(devices: usize, took: Duration) -> f64 {
    devices as f64 / took.as_secs_f64()
}

/// Calls a second of a loop that does nothing else.
async fn bare_loop(devices: usize, latency: Duration) -> f64 {
    let program = env!("CARGO_BIN_EXE_repilot-under-test");
    let server = Server::start(program, devices, latency).await;
    let ids = server.ids().await;
    let client = e2e::http();
    let queue = std::sync::Arc::new(std::sync::Mutex::new(ids.into_iter()));
    let begun = Instant::now();
    let tasks: Vec<_> = (0..CONCURRENCY)
        .map(|_| {
            let (queue, client, root) = (queue.clone(), client.clone(), server.url.clone());
            tokio::spawn(async move {
                loop {
                    let Some(id) = queue.lock().unwrap().next() else {
                        return;
                    };
                    let url = format!(
                        "{root}/v1.0/deviceManagement/windowsAutopilotDeviceIdentities/{id}/unassignUserFromDevice"
                    );
                    let request = client.post(url).bearer_auth("simulated");
                    let answer = request.header("content-length", "0").send().await.unwrap();
                    assert!(answer.status().is_success(), "{answer:?}");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    rate(devices, begun.elapsed())
}

/// How long a drain took, and the enqueue before it.
struct Drain {
    devices: usize,
    enqueue: Duration,
    /// From the first write that arrived to the last that was answered.
    calls: Duration,
    /// From the dispatch of the first job until the last was settled.
    campaign: Duration,
}

impl Drain {
    fn by_server(&self) -> f64 {
        rate(self.devices, self.calls)
    }

    fn by_ledger(&self) -> f64 {
        rate(self.devices, self.campaign)
    }
}

async fn drain(profile: &Profile, devices: usize, latency: Duration) -> Drain {
    let program = env!("CARGO_BIN_EXE_repilot-under-test");
    let server = Server::start(program, devices, latency).await;
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("devices.txt");
    std::fs::write(&list, server.ids().await.join("\n")).unwrap();
    let ledger = profile.new_ledger(folder.path());
    let command = |arguments: &[&str]| {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(folder.path())
            .env("REPILOT_GRAPH__ROOT", &server.url)
            .env("REPILOT_GRAPH__TOKEN", "simulated")
            .env("REPILOT_THROTTLE__WRITES", "100000000")
            .env("REPILOT_THROTTLE__READS", "200000000")
            .env("REPILOT_WORKER__CONCURRENCY", CONCURRENCY.to_string())
            .env("REPILOT_PLAN__MAX_DEVICES", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        profile.tell(&mut command, &ledger);
        command.spawn().unwrap()
    };
    let begun = Instant::now();
    ended(command(&[
        "enqueue",
        "--yes",
        "devices.txt",
        "--campaign",
        "c",
    ]))
    .await
    .expect(0);
    let enqueue = begun.elapsed();
    ended(command(&["worker", "--until-empty"])).await.expect(0);
    let status = ended(command(&["status", "c", "--json"])).await;
    let status: serde_json::Value = serde_json::from_str(&status.expect(0).stdout).unwrap();
    let at = |event| status["campaigns"][0][event].as_u64().unwrap();
    let counters: Counters = server.counters().await;
    assert_eq!(counters.devices_applied, devices as u64);
    let calls = counters.last_success_ms.unwrap() - counters.first_write_ms.unwrap();
    Drain {
        devices,
        enqueue,
        calls: Duration::from_millis(calls),
        campaign: Duration::from_millis(at("ended_at") - at("started_at")),
    }
}
