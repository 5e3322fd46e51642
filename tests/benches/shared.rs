//! Workers that share PostgreSQL and Redis, in real time, beside the least possible time.
//!
//! `cargo bench -p e2e --bench shared`. First one, two, four and eight workers on one throttled
//! tenant, of which one is killed every 20 s and another started; beside them five tenants that
//! grant different quotas, on two workers. All run at once, each case with servers of its own: they
//! wait more than they work.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use std::fmt::Write as _;
use std::time::Duration;

use e2e::{Deployment, ended, kill};
use repilot_graph_sim::{Counters, Quota, RetryAfter, Scenario};

const PROGRAM: &str = env!("CARGO_BIN_EXE_repilot-under-test");

const WINDOW: Duration = Duration::from_secs(20);
const LATENCY: Duration = Duration::from_millis(250);

/// Windows that each campaign takes at least, beside the one that is full at the start.
const WINDOWS: u32 = 5;

/// What each of the five tenants grants in a window; the settings say 100 of all.
const GRANTED: [u32; 5] = [100, 80, 60, 40, 30];

#[tokio::main]
async fn main() {
    println!(
        "{:34} {:>7} {:>8} {:>8} {:>7} {:>6} {:>6} {:>5} {:>9}",
        "case", "devices", "least s", "took s", "ratio", "used", "429 %", "peak", "at once"
    );
    let mut running = Vec::new();
    for workers in [1, 2, 4, 8] {
        running.push(tokio::spawn(one_tenant(workers)));
    }
    running.push(tokio::spawn(five_tenants()));
    for measured in running {
        print!("{}", measured.await.unwrap());
    }
}

fn scenario(granted: &[u32]) -> Scenario {
    let mut scenario = Scenario {
        tokens: (0..granted.len())
            .map(|tenant| format!("token-{tenant}"))
            .collect(),
        quota: Quota {
            writes: Some(granted[0]),
            window_ms: 20_000,
            retry_after: RetryAfter::Decimal,
            ..Quota::default()
        },
        writes_of_tenants: granted.to_vec(),
        ..Scenario::default()
    };
    scenario.latency.fixed_ms = 250;
    scenario
}

/// So many workers on one tenant; of several, one is killed now and then.
async fn one_tenant(workers: usize) -> String {
    let devices = 100 * (WINDOWS as usize + 1);
    let deployment = Deployment::with_tenants(PROGRAM, scenario(&[100]), &[devices]).await;
    let start = || deployment.worker_at_quota(100);
    let mut running: Vec<_> = (0..workers).map(|_| start()).collect();
    for _ in 0..3 {
        tokio::time::sleep(WINDOW).await;
        if workers > 1 {
            kill(running.remove(0)).await;
            running.push(start());
        }
    }
    for worker in running {
        ended(worker).await.expect(0);
    }
    let counters = deployment.bench.simulator.counters(0);
    line(&format!("{workers} workers, 100 per 20 s"), 100, &counters)
}

async fn five_tenants() -> String {
    let devices = GRANTED.map(|granted| granted as usize * (WINDOWS as usize + 1));
    let deployment = Deployment::with_tenants(PROGRAM, scenario(&GRANTED), &devices).await;
    let workers = [
        deployment.worker_at_quota(100),
        deployment.worker_at_quota(100),
    ];
    for worker in workers {
        ended(worker).await.expect(0);
    }
    let mut lines = String::new();
    for (tenant, granted) in GRANTED.into_iter().enumerate() {
        let counters = deployment.bench.simulator.counters(tenant);
        let name = format!("tenant of five, {granted} per 20 s");
        let _ = lines.write_str(&line(&name, granted, &counters));
    }
    lines
}

fn line(name: &str, granted: u32, counters: &Counters) -> String {
    let devices = counters.devices_applied;
    let windows = (devices - 1) / u64::from(granted);
    let least = (WINDOW * u32::try_from(windows).unwrap() + LATENCY).as_secs_f64();
    let millis = counters.last_success_ms.unwrap() - counters.first_write_ms.unwrap();
    let took = (Duration::from_millis(millis) + LATENCY).as_secs_f64();
    let share = counters.throttled as f64 / counters.acts as f64;
    format!(
        "{name:34} {devices:>7} {least:>8.1} {took:>8.1} {:>7.3} {:>6.3} {:>6.2} {:>5} {:>9}\n",
        took / least,
        least / took,
        100.0 * share,
        counters.peak_writes_per_window,
        counters.acts_at_once,
    )
}
