//! Metrics and probes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use repilot_domain::{
    AttemptOutcome, AttemptStep, Clock as _, LaneKind, Role, SystemClock, TenantName, Timestamp,
    WorkerId,
};
use repilot_ledger::{
    DispatchToken, Gate, GroupCommit, LaneState, NewAttempt, Settlement, Verdict, WorkerRow,
};
use reqwest::Method;

use crate::harness::{Bench, actor};
use crate::support::{Program, ten_devices};

/// The dashboard for Grafana that this repository ships.
const GRAFANA: &str = include_str!("../../../../config/grafana-dashboard.json");

/// The alarms for Prometheus.
const RULES: &str = include_str!("../../../../config/prometheus-rules.yml");

/// What a metric is, and its samples: a name, labels and a value.
#[derive(Debug, Default)]
struct Metric {
    kind: String,
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

/// Reads Prometheus's text format, and refuses whatever is not quite it.
fn parsed(text: &str) -> BTreeMap<String, Metric> {
    let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
    let mut current = String::new();
    let mut seen = BTreeSet::new();
    assert!(text.ends_with('\n'));
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(words.ends_with('.'), "{line}");
            let kind = lines.next().unwrap();
            let kind = kind.strip_prefix(&format!("# TYPE {name} ")).unwrap();
            name.clone_into(&mut current);
            let metric = Metric {
                kind: kind.to_owned(),
                samples: Vec::new(),
            };
            assert!(
                metrics.insert(current.clone(), metric).is_none(),
                "{name} twice"
            );
            continue;
        }
        let (name, labels, value) = sample(line);
        assert!(seen.insert((name.clone(), labels.clone())), "{line} twice");
        let metric = metrics.get_mut(&current).unwrap();
        let base = match metric.kind.as_str() {
            "histogram" => {
                let base = ["_bucket", "_sum", "_count"];
                base.iter().find_map(|end| name.strip_suffix(end)).unwrap()
            }
            _ => name.as_str(),
        };
        assert_eq!(base, current, "{line}");
        metric.samples.push((name.clone(), labels, value));
    }
    for (name, metric) in &metrics {
        assert!(name.starts_with("repilot_"), "{name}");
        assert_eq!(metric.kind == "counter", name.ends_with("_total"), "{name}");
        assert!(
            ["gauge", "counter", "histogram"].contains(&&*metric.kind),
            "{name}"
        );
    }
    metrics
}

fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    let word = |word: &str| word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    assert!(word(name), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, value) = rest.split_once("=\"").unwrap();
            assert!(word(label), "{line}");
            let (mut text, mut characters) = (String::new(), value.char_indices());
            let end = loop {
                match characters.next().unwrap() {
                    (at, '"') => break at,
                    (_, '\\') => text.push(match characters.next().unwrap().1 {
                        'n' => '\n',
                        escaped @ ('\\' | '"') => escaped,
                        other => panic!("\\{other} in {line}"),
                    }),
                    (_, other) => text.push(other),
                }
            };
            assert!(labels.insert(label.to_owned(), text).is_none(), "{line}");
            rest = &value[end + 1..];
            match rest.split_at(1) {
                (",", more) => rest = more,
                ("}", more) => {
                    rest = more;
                    break;
                }
                _ => panic!("{line}"),
            }
        }
    }
    let value = rest.strip_prefix(' ').unwrap().parse().unwrap();
    (name.to_owned(), labels, value)
}

/// A worker that has called for six devices, two of them in vain.
async fn at_work(bench: &Bench) {
    let ledger = &bench.ledger;
    let now = SystemClock.now();
    let tenant = TenantName::new("contoso").unwrap();
    let worker = WorkerId("w1".to_owned());
    let until = now.after(Duration::from_hours(1));
    ledger.lease_tenants([&tenant], until).await.unwrap();
    let clock = std::sync::Arc::new(SystemClock);
    let lease = Duration::from_secs(15);
    let commit = GroupCommit::start(ledger.clone(), worker.clone(), actor(), clock, lease).unwrap();
    let wire = ledger
        .dispatch(
            &tenant,
            (&worker, DispatchToken::default()),
            &6.into(),
            now,
            now.after(lease),
        )
        .await
        .unwrap();
    for (number, delivery) in (0..).zip(wire) {
        let job = commit.claim(delivery.key).await.unwrap();
        let job = job.unwrap();
        let throttled = number < 2;
        let outcome = if throttled {
            AttemptOutcome::Throttled
        } else {
            AttemptOutcome::Succeeded
        };
        let verdict = if throttled {
            Verdict::Retry {
                not_before: now,
                spent: false,
                uncertain: false,
                reason: repilot_ledger::WaitReason::Throttled,
                message: String::new(),
                pause: None,
            }
        } else {
            Verdict::Succeeded
        };
        let took = Duration::from_millis([20, 70, 300, 300, 700, 90_000][number]);
        let said = Settlement {
            key: job.key,
            verdict,
            attempts: vec![NewAttempt {
                step: AttemptStep::Act,
                outcome,
                started_at: now.before(took),
                finished_at: now,
                status: None,
                code: None,
                message: None,
                request_id: None,
                client_request_id: None,
                server_date: None,
                diagnostic: None,
            }],
        };
        assert!(commit.settle(said).await.unwrap());
    }
    let lane = LaneState {
        tenant,
        kind: LaneKind::Writes,
        configured_limit: 100,
        learnt_limit: Some(87.5),
        window_ms: 20_000,
        used: 3,
        in_flight: 1,
        gate: Gate::Closed,
        gate_until: Some(now.after(lease)),
        gate_reason: "429".to_owned(),
        calls: 6,
        throttled: 2,
        throttle_events: 1,
        rate_per_second: 4.5,
        updated_at: now,
    };
    ledger.save_lane_states(&[lane]).await.unwrap();
    ledger.register(&row(&worker, now)).await.unwrap();
}

fn row(worker: &WorkerId, now: Timestamp) -> WorkerRow {
    WorkerRow {
        id: worker.clone(),
        host: "here".to_owned(),
        process_id: 1,
        version: "0".to_owned(),
        started_at: now,
        heartbeat_at: now,
        in_flight: 1,
        trouble: "Redis cannot be reached".to_owned(),
        tz_version: "2026f".to_owned(),
    }
}

async fn metrics(bench: &Bench) -> BTreeMap<String, Metric> {
    let program = Program::new(bench, Role::Viewer).await;
    let answer = program.call(Method::GET, "/metrics", None).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    parsed(&answer.text().await.unwrap())
}

#[tokio::test]
async fn metrics_say_what_the_ledger_says() {
    let bench = ten_devices().await;
    at_work(&bench).await;
    let metrics = metrics(&bench).await;
    let value = |name: &str, wanted: &[(&str, &str)]| {
        let mut ends = ["", "_bucket", "_sum", "_count"].into_iter();
        let metric = ends.find_map(|end| metrics.get(name.strip_suffix(end)?));
        let samples = &metric.unwrap_or_else(|| panic!("{name}")).samples;
        let fits = |labels: &BTreeMap<String, String>| {
            let has =
                |(label, text): &(&str, &str)| labels.get(*label).is_some_and(|is| is == text);
            wanted.iter().all(has)
        };
        let found = samples
            .iter()
            .find(|(of, labels, _)| of == name && fits(labels));
        found
            .unwrap_or_else(|| panic!("{name} {wanted:?} in {samples:?}"))
            .2
    };
    let near = |left: f64, right: f64| assert!((left - right).abs() < 1e-9, "{left} {right}");
    near(
        value(
            "repilot_jobs",
            &[("state", "succeeded"), ("campaign", "spring")],
        ),
        4.0,
    );
    near(value("repilot_jobs", &[("state", "pending")]), 6.0);
    near(value("repilot_campaign_calls_total", &[]), 6.0);
    near(value("repilot_campaign_throttled_calls_total", &[]), 2.0);
    near(
        value("repilot_campaign_status", &[("status", "active")]),
        1.0,
    );
    near(
        value("repilot_attempts_total", &[("outcome", "throttled")]),
        2.0,
    );
    near(
        value("repilot_lane_budget_calls", &[("tenant", "contoso")]),
        87.5,
    );
    near(value("repilot_lane_gate_open", &[("kind", "writes")]), 0.0);
    near(value("repilot_workers_in_trouble", &[]), 1.0);
    near(value("repilot_ledger_up", &[]), 1.0);
    assert!(value("repilot_campaign_queue_age_seconds", &[]) >= 0.0);
    let bucket = "repilot_graph_call_duration_seconds_bucket";
    for (le, calls) in [
        ("0.05", 1.0),
        ("0.25", 2.0),
        ("0.5", 4.0),
        ("30", 5.0),
        ("+Inf", 6.0),
    ] {
        near(value(bucket, &[("le", le)]), calls);
    }
    near(value("repilot_graph_call_duration_seconds_count", &[]), 6.0);
    near(value("repilot_graph_call_duration_seconds_sum", &[]), 91.39);
}

/// The metrics that a file names.
fn named_in(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    let named = text.match_indices("repilot_").map(|(at, _)| {
        let rest = &text[at..];
        &rest[..rest.find(|c| !is_part(c)).unwrap()]
    });
    named.collect()
}

#[tokio::test]
async fn the_grafana_dashboard_names_only_metrics_that_there_are() {
    let bench = ten_devices().await;
    at_work(&bench).await;
    let metrics = metrics(&bench).await;
    let named = named_in(GRAFANA);
    assert!(named.len() > 15, "{named:?}");
    let in_rules = named_in(RULES);
    assert!(in_rules.len() > 5, "{in_rules:?}");
    for name in named.union(&in_rules) {
        let there = metrics.contains_key(*name)
            || ["_bucket", "_sum", "_count"].iter().any(|end| {
                let base = name.strip_suffix(end).and_then(|base| metrics.get(base));
                base.is_some_and(|metric| metric.kind == "histogram")
            });
        assert!(there, "{name}");
    }
    // And shows whatever is measured, but for what version this is.
    for name in metrics.keys().filter(|name| *name != "repilot_build_info") {
        assert!(
            named.iter().any(|shown| shown.starts_with(name.as_str())),
            "{name}"
        );
    }
}

#[tokio::test]
async fn strangers_may_probe_and_not_measure() {
    let bench = ten_devices().await;
    let stranger = Program::stranger(&bench);
    for probe in ["/healthz", "/readyz"] {
        let answer = stranger.call(Method::GET, probe, None).await;
        assert_eq!(answer.status(), 200, "{probe}");
    }
    let answer = stranger.call(Method::GET, "/metrics", None).await;
    assert_eq!(answer.status(), 401);
    bench.ledger.close().await;
    let answer = stranger.call(Method::GET, "/readyz", None).await;
    assert_eq!(answer.status(), 503);
    let answer = stranger.call(Method::GET, "/healthz", None).await;
    assert_eq!(answer.status(), 200);
}
