//! An unthrottled drain, ledger and all, beside a bare loop of the same HTTP client.
//!
//! `cargo bench -p e2e --bench throughput [-- DEVICES ROUNDS]`. Both call the same simulated Graph,
//! a process of its own, at the same concurrency, taking turns; what counts is the ratio. The drain
//! is timed by the server: from the first write that arrived to the last that was answered.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use std::process::Stdio;
use std::time::Duration;

use e2e::{Server, ended};
use repilot_graph_sim::Counters;
use tokio::process::Command;
use tokio::time::Instant;

const CONCURRENCY: usize = 64;

#[tokio::main]
async fn main() {
    let numbers: Vec<usize> = std::env::args()
        .filter_map(|word| word.parse().ok())
        .collect();
    let devices = numbers.first().copied().unwrap_or(20_000);
    let rounds = numbers.get(1).copied().unwrap_or(3);
    println!("{devices} devices, {CONCURRENCY} calls at once, {rounds} rounds\n");
    println!("round   bare loop/s     drain/s    ratio   enqueue/s");
    let mut ratios = Vec::new();
    for round in 1..=rounds {
        let bare = bare_loop(devices).await;
        let (drain, enqueue) = drain(devices).await;
        let ratio = drain / bare;
        println!("{round:5}  {bare:12.0} {drain:11.0} {ratio:8.2} {enqueue:11.0}");
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    println!("\nmedian ratio {:.2}", ratios[ratios.len() / 2]);
}

fn rate(devices: usize, took: Duration) -> f64 {
    devices as f64 / took.as_secs_f64()
}

/// Calls a second of a loop that does nothing else.
async fn bare_loop(devices: usize) -> f64 {
    let server = Server::start(env!("CARGO_BIN_EXE_repilot-under-test"), devices).await;
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

/// Devices a second of a drain, and of the enqueue before it.
async fn drain(devices: usize) -> (f64, f64) {
    let program = env!("CARGO_BIN_EXE_repilot-under-test");
    let server = Server::start(program, devices).await;
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("devices.txt");
    std::fs::write(&list, server.ids().await.join("\n")).unwrap();
    let command = |arguments: &[&str]| {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(folder.path())
            .env("REPILOT_LEDGER__URL", folder.path().join("ledger.db"))
            .env("REPILOT_GRAPH__ROOT", &server.url)
            .env("REPILOT_GRAPH__TOKEN", "simulated")
            .env("REPILOT_THROTTLE__WRITES", "100000000")
            .env("REPILOT_WORKER__CONCURRENCY", CONCURRENCY.to_string())
            .env("REPILOT_PLAN__MAX_DEVICES", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
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
    let enqueued = rate(devices, begun.elapsed());
    ended(command(&["worker", "--until-empty"])).await.expect(0);
    let counters: Counters = server.counters().await;
    assert_eq!(counters.devices_applied, devices as u64);
    let millis = counters.last_success_ms.unwrap() - counters.first_write_ms.unwrap();
    (rate(devices, Duration::from_millis(millis)), enqueued)
}
