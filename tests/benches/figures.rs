//! Campaigns against throttled tenants, in real time, beside the least possible time.
//!
//! `cargo bench -p e2e --bench figures`. All run at once, each with a simulated Graph of its own:
//! they wait more than they work. The least time is that of somebody who knows the quota: a full
//! window at once, and the next when the first has left it.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use e2e::{Bench, ended};
use repilot_graph_sim::{Fault, FaultKind, Quota, QuotaChange, RetryAfter, Scenario};

const PROGRAM: &str = env!("CARGO_BIN_EXE_repilot-under-test");

struct Case {
    name: &'static str,
    devices: u64,
    scenario: Scenario,
    /// Calls a window that the tenant grants, for the least time; none where that says nothing.
    grants: Option<u64>,
}

#[tokio::main]
async fn main() {
    println!(
        "{:44} {:>7} {:>8} {:>8} {:>6} {:>6} {:>5} {:>6} {:>5}",
        "case", "devices", "least s", "took s", "ratio", "calls", "429", "429 %", "peak"
    );
    let running: Vec<_> = cases()
        .into_iter()
        .map(|case| tokio::spawn(measure(case)))
        .collect();
    for measured in running {
        println!("{}", measured.await.unwrap());
    }
}

fn granting(writes: u32, retry_after: RetryAfter) -> Scenario {
    let mut scenario = Scenario {
        quota: Quota {
            writes: Some(writes),
            retry_after,
            ..Quota::default()
        },
        ..Scenario::default()
    };
    scenario.latency.fixed_ms = 250;
    scenario
}

fn cases() -> Vec<Case> {
    let case = |name, devices, scenario, grants| Case {
        name,
        devices,
        scenario,
        grants,
    };
    let mut halving = granting(100, RetryAfter::Decimal);
    halving.quota.changes = vec![QuotaChange {
        after_writes: Some(250),
        after_ms: None,
        writes: 50,
    }];
    vec![
        case(
            "as configured, 100 per 20 s",
            600,
            granting(100, RetryAfter::Decimal),
            Some(100),
        ),
        case(
            "one burst",
            80,
            granting(100, RetryAfter::Decimal),
            Some(100),
        ),
        case(
            "grants 60, no Retry-After",
            600,
            granting(60, RetryAfter::Absent),
            Some(60),
        ),
        case(
            "grants 60, Retry-After always 1",
            600,
            granting(60, RetryAfter::Always("1".to_owned())),
            Some(60),
        ),
        case("halves after 250 writes", 600, halving, None),
        case("5 % faults of every kind", 600, faulty(), None),
    ]
}

fn faulty() -> Scenario {
    let mut scenario = granting(100, RetryAfter::Decimal);
    let share = 0.05 / 9.0;
    let passing = |fault: Fault| Fault {
        attempts: Some(2),
        ..fault
    };
    for status in [408, 500, 502, 503, 504] {
        scenario.faults.push(passing(Fault::status(status, share)));
    }
    for kind in [
        FaultKind::Applied504,
        FaultKind::ResetBefore,
        FaultKind::ResetAfter,
    ] {
        scenario.faults.push(passing(Fault::sharing(kind, share)));
    }
    scenario.faults.push(passing(Fault {
        delay_ms: 3_000,
        ..Fault::sharing(FaultKind::Slow, share)
    }));
    scenario
}

async fn measure(case: Case) -> String {
    let devices = usize::try_from(case.devices).unwrap();
    let bench = Bench::new(PROGRAM, case.scenario, devices).await;
    let running = bench.start(&["run", "--yes", "devices.txt", "--campaign", "c", "--json"]);
    let ran = ended(running).await.expect(0).json();
    let counters = bench.counters();
    assert_eq!(ran["counts"]["succeeded"], case.devices);
    assert_eq!(
        (counters.still_assigned, counters.reassigned_touched),
        (0, 0)
    );
    bench.assert_accounted("c", devices).await;
    let millis = counters.last_success_ms.unwrap() - counters.first_write_ms.unwrap();
    let took = millis as f64 / 1_000.0;
    let (least, ratio) = match case.grants {
        Some(grants) => {
            let least = ((case.devices - 1) / grants * 20) as f64;
            let ratio = if least > 0.0 {
                format!("{:.3}", took / least)
            } else {
                "-".to_owned()
            };
            (format!("{least:.0}"), ratio)
        }
        None => ("-".to_owned(), "-".to_owned()),
    };
    format!(
        "{:44} {:7} {:>8} {:8.1} {:>6} {:6} {:5} {:6.1} {:5}",
        case.name,
        case.devices,
        least,
        took,
        ratio,
        counters.acts,
        counters.throttled,
        100.0 * counters.throttled as f64 / counters.acts as f64,
        counters.peak_writes_per_window
    )
}
