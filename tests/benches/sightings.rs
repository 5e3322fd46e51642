//! What sightings cost, in requests and in time, against tenants that grant what Microsoft documents.
//!
//! `cargo bench -p e2e --bench sightings`. All run at once, each with a simulated Graph of its own that
//! refuses whatever goes beyond 100 writes or 1,000 requests of any kind in 20 s: they wait more than
//! they work. The least time is that of somebody who knows the quota: a full window at once, and the
//! next when the first has left it. The rollback follows a campaign of the same devices, which the same
//! tenant still granted 900 writes; of its time nothing is said, since it begins in that window.
//!
//! It ends with an error where a limit is missed.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use std::process::ExitCode;

use e2e::{Bench, ended};
use repilot_graph_sim::{Counters, Fleet, Quota, QuotaChange, RetryAfter, Scenario};

const PROGRAM: &str = env!("CARGO_BIN_EXE_repilot-under-test");

/// Writes that the tenant grants in a window.
const WRITES: u32 = 100;

/// Seconds of a window.
const WINDOW: u64 = 20;

/// Writes that it grants in a window before the rollback.
const WRITES_BEFORE: u32 = 900;

/// Largest number of requests of any kind in a window.
const REQUESTS: u32 = 1_000;

/// Largest ratio of the time taken to the least time.
const TIME_AT_MOST: f64 = 1.03;

struct Case {
    name: &'static str,
    devices: u32,
    /// Arguments of `run` beside list and name.
    how: &'static [&'static str],
    /// Whether what is measured is the rollback of the campaign.
    is_rollback: bool,
    /// Largest number of requests of any kind per device.
    requests_at_most: f64,
}

const CASES: [Case; 3] = [
    Case {
        name: "a large list, seen within 2 min",
        devices: 600,
        how: &[],
        is_rollback: false,
        requests_at_most: 1.1,
    },
    Case {
        name: "each looked at before its call",
        devices: 600,
        how: &["--sighted-within", "0s"],
        is_rollback: false,
        requests_at_most: 2.05,
    },
    Case {
        name: "a rollback as configured",
        devices: 1_861,
        how: &[],
        is_rollback: true,
        requests_at_most: 2.05,
    },
];

#[tokio::main]
async fn main() -> ExitCode {
    println!(
        "{:34} {:>7} {:>7} {:>7} {:>6} {:>6} {:>6} {:>6} {:>6} {:>9} {:>4} {:>5}",
        "case",
        "devices",
        "least s",
        "took s",
        "ratio",
        "<=",
        "looks",
        "pages",
        "a dev.",
        "<=",
        "429",
        "peak"
    );
    let running: Vec<_> = CASES
        .into_iter()
        .map(|case| tokio::spawn(measure(case)))
        .collect();
    let mut is_kept = true;
    for measured in running {
        let (line, kept) = measured.await.unwrap();
        println!("{line}");
        is_kept &= kept;
    }
    if is_kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn scenario(case: &Case) -> Scenario {
    let mut quota = Quota {
        writes: Some(WRITES),
        requests: Some(REQUESTS),
        retry_after: RetryAfter::Decimal,
        ..Quota::default()
    };
    if case.is_rollback {
        quota.writes = Some(WRITES_BEFORE);
        quota.changes = vec![QuotaChange {
            after_writes: Some(u64::from(case.devices)),
            after_ms: None,
            writes: WRITES,
        }];
    }
    let mut scenario = Scenario {
        quota,
        ..Scenario::default()
    };
    scenario.latency.fixed_ms = 250;
    scenario
}

/// What was measured of a case, and whether it kept its limits.
async fn measure(case: Case) -> (String, bool) {
    let devices = usize::try_from(case.devices).unwrap();
    let mut fleet = Fleet::generated(devices, 3);
    for (number, device) in fleet.0.iter_mut().enumerate() {
        device.user_principal_name = format!("user{number}@contoso.example");
    }
    let bench = Bench::with_fleet(PROGRAM, scenario(&case), fleet).await;
    let list = ["run", "--yes", "devices.txt", "--campaign", "c", "--json"];
    let mut running = bench.command(&[&list, case.how].concat());
    if case.is_rollback {
        running.env("REPILOT_THROTTLE__WRITES", WRITES_BEFORE.to_string());
    }
    let ran = ended(running.spawn().unwrap()).await.expect(0).json();
    assert_eq!(ran["counts"]["succeeded"], case.devices);
    let mut before = Counters::default();
    if case.is_rollback {
        before = bench.counters();
        // Longer than a process of a test may take.
        bench
            .run(&["rollback", "c", "--run", "--yes"])
            .await
            .expect(0);
        assert_eq!(bench.counters().assigned, u64::from(case.devices));
    }
    let counters = bench.counters();
    assert_eq!(counters.reassigned_touched, 0);
    let of_rollback = |count: fn(&Counters) -> u64| count(&counters) - count(&before);
    let (looks, pages) = (of_rollback(|all| all.looks), of_rollback(|all| all.pages));
    let calls = of_rollback(|all| all.acts);
    let a_device = (calls + looks + pages) as f64 / f64::from(case.devices);
    let least = u64::from((case.devices - 1) / WRITES) * WINDOW;
    let millis = counters.last_success_ms.unwrap() - counters.first_write_ms.unwrap();
    let took = millis as f64 / 1_000.0;
    let ratio = took / least as f64;
    let is_kept = (case.is_rollback || ratio <= TIME_AT_MOST)
        && a_device <= case.requests_at_most
        && counters.throttled == 0
        && counters.peak_requests_per_window <= u64::from(REQUESTS);
    let time = if case.is_rollback {
        format!("{:>7} {:>7} {:>6} {:>6}", "-", "-", "-", "-")
    } else {
        format!("{least:>7} {took:7.1} {ratio:6.3} {TIME_AT_MOST:6.2}")
    };
    let line = format!(
        "{:34} {:7} {time} {looks:6} {pages:6} {a_device:6.3} {:9} {:4} {:5}{}",
        case.name,
        case.devices,
        case.requests_at_most,
        counters.throttled,
        counters.peak_requests_per_window,
        if is_kept { "" } else { "  missed" }
    );
    (line, is_kept)
}
