//! The dashboard over a large campaign while it drains: how long each page and each answer of the API
//! takes, and what twenty open pages cost the drain.
//!
//! `cargo bench -p e2e --bench pages [-- JOBS ROUNDS SECONDS [shared]]`, with `shared` over PostgreSQL and
//! Redis of the benchmark's own. A list of JOBS devices is enqueued and
//! drained by a worker of its own, unthrottled, against a simulated Graph in a process of its own; on
//! the same machine, which has all of it to carry. The drain is timed by the simulated Graph, over
//! stretches of SECONDS, in turns without and with twenty pages that are open (each a stream of
//! events) while one page a second is loaded. Then each page is asked for ROUNDS times, one after the
//! other, first beside that drain and then beside one that a tenant grants 100 calls a second.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use std::process::Stdio;
use std::time::Duration;

use e2e::{Profile, Server, ended};
use reqwest::Client;
use reqwest::header::{COOKIE, SET_COOKIE};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::Instant;

const PROGRAM: &str = env!("CARGO_BIN_EXE_repilot-under-test");

/// Stretches without and with open pages; the median of each counts.
const TURNS: usize = 5;

const OPEN_PAGES: usize = 20;

/// Every page and every answer; `JOB` is a job in the middle.
const PAGES: [&str; 41] = [
    "/",
    "/campaigns/c",
    "/campaigns/c/pause",
    "/campaigns/c/cancel",
    "/campaigns/c/controls",
    "/campaigns/c/verify",
    "/campaigns/c/rollback",
    "/jobs",
    "/jobs?campaign=c",
    "/jobs?campaign=c&q=state:pending",
    "/jobs?campaign=c&q=state:succeeded",
    "/jobs?campaign=c&q=state:dead",
    "/jobs?campaign=c&q=user:@contoso.example",
    "/jobs?campaign=c&q=nowhere",
    "/jobs?campaign=c&sort=serial",
    "/jobs/JOB",
    "/jobs/cancel?campaign=c&q=state:pending",
    "/jobs/requeue?campaign=c&q=state:dead",
    "/find?q=nowhere",
    "/dead",
    "/lanes",
    "/workers",
    "/activity",
    "/access",
    "/upload",
    "/metrics",
    "/healthz",
    "/readyz",
    "/api/v1/status",
    "/api/v1/campaigns",
    "/api/v1/campaigns/c",
    "/api/v1/jobs?campaign=c",
    "/api/v1/jobs?campaign=c&search=state:pending&limit=250",
    "/api/v1/jobs/count?campaign=c&search=user:@contoso.example",
    "/api/v1/jobs/meant?campaign=c&search=state:pending",
    "/api/v1/jobs/JOB",
    "/api/v1/jobs/JOB/attempts",
    "/api/v1/dead",
    "/api/v1/lanes",
    "/api/v1/audit",
    "/api/v1/openapi.json",
];

/// What people leave open.
const OPENED: [&str; 5] = [
    "/",
    "/campaigns/c",
    "/jobs?campaign=c",
    "/lanes",
    "/workers",
];

#[tokio::main]
async fn main() {
    let numbers: Vec<usize> = std::env::args()
        .filter_map(|word| word.parse().ok())
        .collect();
    let number = |index: usize, default| numbers.get(index).copied().unwrap_or(default);
    let (jobs, rounds, seconds) = (number(0, 1_000_000), number(1, 100), number(2, 8));
    let is_shared = std::env::args().any(|word| word == "shared");
    let profile = if is_shared {
        Profile::shared()
    } else {
        Profile::Embedded
    };
    let bench = Bench::new(jobs, profile).await;
    println!("{jobs} jobs enqueued\n");
    let worker = bench.start(&["worker"], 100_000_000);
    bench.has_begun().await;
    let dashboard = bench.dashboard().await;
    drain_beside(&bench, &dashboard, Duration::from_secs(seconds as u64)).await;
    println!("\nbeside a drain that nothing holds back");
    dashboard.time(jobs, rounds).await;
    let left = jobs as u64 - bench.applied().await;
    println!("\n{left} devices were left to do at the end of it");
    e2e::kill(worker).await;
    let _worker = bench.start(&["worker"], 2_000);
    println!("\nbeside a drain of 100 calls a second");
    dashboard.time(jobs, rounds).await;
    let left = jobs as u64 - bench.applied().await;
    println!("\n{left} devices were left to do at the end of it");
}

/// A simulated Graph, a ledger with the campaign in it, and the program.
struct Bench {
    server: Server,
    folder: tempfile::TempDir,
    profile: Profile,
    ledger: String,
}

impl Bench {
    async fn new(jobs: usize, profile: Profile) -> Self {
        let server = Server::start(PROGRAM, jobs, Duration::ZERO).await;
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("devices.txt");
        std::fs::write(&list, server.ids().await.join("\n")).unwrap();
        let bench = Self {
            ledger: profile.new_ledger(folder.path()),
            server,
            folder,
            profile,
        };
        let enqueue = ["enqueue", "--yes", "devices.txt", "--campaign", "c"];
        ended(bench.start(&enqueue, 100_000_000)).await.expect(0);
        bench
    }

    fn start(&self, arguments: &[&str], writes: u32) -> Child {
        let mut command = Command::new(PROGRAM);
        self.profile.tell(&mut command, &self.ledger);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("REPILOT_GRAPH__ROOT", &self.server.url)
            .env("REPILOT_GRAPH__TOKEN", "simulated")
            .env("REPILOT_THROTTLE__WRITES", writes.to_string())
            .env("REPILOT_THROTTLE__READS", "100000000")
            .env("REPILOT_PLAN__MAX_DEVICES", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    async fn applied(&self) -> u64 {
        self.server.counters().await.devices_applied
    }

    async fn has_begun(&self) {
        while self.applied().await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Devices a second over a stretch.
    async fn rate(&self, stretch: Duration) -> f64 {
        let (before, begun) = (self.applied().await, Instant::now());
        tokio::time::sleep(stretch).await;
        let done = self.applied().await - before;
        done as f64 / begun.elapsed().as_secs_f64()
    }

    async fn dashboard(&self) -> Dashboard {
        let arguments = ["dashboard", "--listen", "127.0.0.1:0", "--json"];
        let mut process = self.start(&arguments, 100_000_000);
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut text = String::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            text.push_str(&line);
            if line == "}" {
                break;
            }
        }
        let said: Value = serde_json::from_str(&text).unwrap();
        let client = e2e::http();
        let link = said["sign_in_link"].as_str().unwrap();
        let answer = client.get(link).send().await.unwrap();
        let cookies = answer.headers().get_all(SET_COOKIE).iter();
        let cookie = cookies
            .filter_map(|cookie| cookie.to_str().ok()?.split(';').next())
            .find(|pair| pair.starts_with("repilot="));
        Dashboard {
            url: said["url"].as_str().unwrap().to_owned(),
            cookie: cookie.unwrap().to_owned(),
            client,
            _process: process,
        }
    }
}

/// A dashboard, and somebody who has signed in.
struct Dashboard {
    url: String,
    cookie: String,
    client: Client,
    _process: Child,
}

impl Dashboard {
    fn ask(&self, page: &str) -> reqwest::RequestBuilder {
        self.client
            .get(format!("{}{page}", self.url))
            .header(COOKIE, &self.cookie)
    }

    /// Until the last byte.
    async fn load(&self, page: &str) -> Duration {
        let begun = Instant::now();
        let answer = self.ask(page).send().await.unwrap();
        assert!(answer.status().is_success(), "{page}: {}", answer.status());
        answer.bytes().await.unwrap();
        begun.elapsed()
    }

    /// Times every page.
    async fn time(&self, jobs: usize, rounds: usize) {
        let pages = PAGES.map(|page| page.replace("JOB", &(jobs / 2).to_string()));
        let mut took = vec![Vec::with_capacity(rounds); pages.len()];
        for _ in 0..rounds {
            for (page, took) in pages.iter().zip(&mut took) {
                took.push(self.load(page).await);
            }
        }
        println!("     p50 ms   p99 ms   max ms");
        for (page, took) in pages.iter().zip(&mut took) {
            took.sort();
            let at = |percent: usize| {
                let place = (took.len() * percent).div_ceil(100);
                took[place.clamp(1, took.len()) - 1].as_secs_f64() * 1_000.0
            };
            let (p50, p99, max) = (at(50), at(99), at(100));
            let mark = if p99 > 50.0 { "*" } else { " " };
            println!("{mark} {p50:8.1} {p99:8.1} {max:8.1}   {page}");
        }
    }

    /// Opens pages as a browser does, and loads one more each second, for as long as the set lives.
    async fn open(&self) -> JoinSet<()> {
        let mut opened = JoinSet::new();
        for page in OPENED.iter().cycle().take(OPEN_PAGES) {
            self.load(page).await;
            let at = page.replace('?', "%3F").replace('=', "%3D");
            let mut stream = self.ask(&format!("/live?at={at}")).send().await.unwrap();
            assert!(stream.status().is_success(), "{page}: {}", stream.status());
            opened.spawn(async move { while let Ok(Some(_)) = stream.chunk().await {} });
        }
        opened
    }
}

async fn drain_beside(bench: &Bench, dashboard: &Dashboard, stretch: Duration) {
    println!("turn   alone/s   with {OPEN_PAGES} pages/s    ratio");
    let mut ratios = Vec::new();
    for turn in 1..=TURNS {
        let alone = bench.rate(stretch).await;
        if alone < 1.0 {
            println!("nothing is left to drain: give it more jobs");
            break;
        }
        let opened = dashboard.open().await;
        let mut beside = std::pin::pin!(bench.rate(stretch));
        let mut second = tokio::time::interval(Duration::from_secs(1));
        let mut pages = OPENED.iter().cycle();
        let with_pages = loop {
            tokio::select! {
                rate = &mut beside => break rate,
                _ = second.tick() => { dashboard.load(pages.next().unwrap_or(&"/")).await; }
            }
        };
        drop(opened);
        let ratio = with_pages / alone;
        println!("{turn:4} {alone:9.0} {with_pages:17.0} {ratio:8.3}");
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    if let Some(median) = ratios.get(ratios.len() / 2) {
        println!("median ratio: {median:.3}");
    }
}
