//! The lane against a model of the server, in virtual time: exact, and done in milliseconds.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(
    clippy::unchecked_time_subtraction,
    reason = "virtual time only moves forward"
)]
#![expect(
    clippy::too_many_lines,
    reason = "an event loop reads best in one piece"
)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "a server is made for one simulation"
)]
#![expect(clippy::cast_precision_loss, reason = "the tests' counts are small")]

mod model;

use std::time::Duration;

use model::{Campaign, Latency, RetryAfter, Server, simulate};

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

const LATENCIES: [Latency; 4] = [
    Latency::between(millis(50), millis(50)),
    Latency::between(millis(250), millis(250)),
    Latency::between(millis(1_000), millis(1_000)),
    Latency::between(millis(50), millis(1_500)),
];

#[test]
fn a_healthy_tenant_is_used_to_the_full_without_a_single_429() {
    for seed in 0..10 {
        let latency = Latency::between(millis(250), millis(250));
        let outcome = simulate(&Campaign::of(600), Server::granting(100), latency, seed);
        assert_eq!(outcome.throttled, 0);
        assert!(outcome.peak <= 100, "{outcome:?}");
        assert!(outcome.took <= seconds(103), "{outcome:?}");
    }
}

#[test]
fn whatever_the_latency_a_healthy_tenant_never_throttles() {
    for latency in LATENCIES {
        for concurrency in [8, 32, 100] {
            for seed in 0..5 {
                let campaign = Campaign {
                    concurrency,
                    ..Campaign::of(600)
                };
                let outcome = simulate(&campaign, Server::granting(100), latency, seed);
                assert_eq!(
                    (outcome.throttled, outcome.accepted),
                    (0, 600),
                    "{outcome:?}"
                );
                assert!(outcome.peak <= 100, "{outcome:?}");
            }
        }
    }
}

#[test]
fn a_burst_below_the_limit_leaves_at_once() {
    let latency = Latency::between(millis(250), millis(250));
    let outcome = simulate(&Campaign::of(80), Server::granting(100), latency, 1);
    assert!(outcome.took < seconds(2), "{outcome:?}");
}

#[test]
fn a_tenant_that_grants_60_without_retry_after_is_learnt_at_the_first_throttle() {
    for refused_count in [true, false] {
        for latency in LATENCIES {
            for concurrency in [8, 32, 100] {
                for seed in 0..5 {
                    let campaign = Campaign {
                        concurrency,
                        ..Campaign::of(600)
                    };
                    let server = Server {
                        refused_count,
                        ..Server::granting(60)
                    };
                    let outcome = simulate(&campaign, server, latency, seed);
                    assert_eq!(outcome.accepted, 600);
                    assert!(
                        outcome.throttled_share() < 0.06,
                        "{latency:?} {concurrency} {outcome:?}"
                    );
                    // A call that takes a second keeps its slot a second longer than the server does.
                    let slow = latency.longest > millis(500);
                    let least = seconds(180).mul_f64(if slow { 1.13 } else { 1.10 });
                    assert!(
                        outcome.took <= least,
                        "{latency:?} {concurrency} {outcome:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_retry_after_that_always_says_1_is_a_floor_and_not_the_truth() {
    for grants in [30, 60, 90] {
        for refused_count in [true, false] {
            for seed in 0..10 {
                let server = Server {
                    refused_count,
                    retry_after: RetryAfter::Always(seconds(1)),
                    ..Server::granting(grants)
                };
                let latency = Latency::between(millis(150), millis(350));
                let outcome = simulate(&Campaign::of(600), server, latency, seed);
                assert_eq!(outcome.accepted, 600);
                assert!(outcome.throttled_share() < 0.10, "{grants} {outcome:?}");
            }
        }
    }
}

#[test]
fn a_quota_that_halves_and_doubles_back_is_followed_down_and_up() {
    for retry_after in [
        RetryAfter::Absent,
        RetryAfter::Honest,
        RetryAfter::Always(seconds(1)),
    ] {
        for seed in 0..10 {
            let server = Server {
                retry_after,
                schedule: vec![(seconds(40), 50), (seconds(240), 100)],
                ..Server::granting(100)
            };
            let latency = Latency::between(millis(150), millis(350));
            let campaign = Campaign::of(4_000);
            let outcome = simulate(&campaign, server, latency, seed);
            assert_eq!(outcome.accepted, 4_000);
            assert!(outcome.throttled_share() < 0.04, "{outcome:?}");
            let recovered = outcome.accepted_between(seconds(500), seconds(600));
            assert!(recovered >= 440, "{recovered} {outcome:?}");
        }
    }
}

#[test]
fn a_quota_that_halves_at_any_moment_of_a_short_campaign_costs_few_calls() {
    for concurrency in [32, 64, 128] {
        for at in [0, 300, 700, 5_000, 20_400, 21_000, 30_000, 41_000, 70_000] {
            for seed in 0..5 {
                let server = Server {
                    schedule: vec![(millis(at), 50)],
                    ..Server::granting(100)
                };
                let campaign = Campaign {
                    concurrency,
                    ..Campaign::of(600)
                };
                let latency = Latency::between(millis(250), millis(250));
                let outcome = simulate(&campaign, server, latency, seed);
                assert_eq!(outcome.accepted, 600);
                assert!(
                    outcome.throttled_share() < 0.09,
                    "{concurrency} {at} {outcome:?}"
                );
            }
        }
    }
}

#[test]
fn another_application_may_eat_half_for_two_minutes() {
    for seed in 0..10 {
        let server = Server {
            eaten: Some((seconds(30), seconds(150), 50)),
            ..Server::granting(100)
        };
        let latency = Latency::between(millis(150), millis(350));
        let outcome = simulate(&Campaign::of(2_000), server, latency, seed);
        assert_eq!(outcome.accepted, 2_000);
        assert!(outcome.throttled_share() < 0.04, "{outcome:?}");
    }
}

#[test]
fn in_the_long_run_the_grant_is_used_and_429s_are_rare() {
    for refused_count in [true, false] {
        let server = Server {
            refused_count,
            ..Server::granting(60)
        };
        let latency = Latency::between(millis(150), millis(350));
        let outcome = simulate(&Campaign::of(20_000), server, latency, 3);
        let least = (20_000.0 - 60.0) / 3.0;
        let used = least / outcome.took.as_secs_f64();
        assert!(used >= 0.97, "{used} {outcome:?}");
        assert!(outcome.throttled_share() < 0.005, "{outcome:?}");
    }
}

#[test]
fn a_tenant_that_grants_nothing_for_a_while_is_asked_ever_less_often() {
    let server = Server {
        schedule: vec![(seconds(5), 0), (seconds(605), 100)],
        ..Server::granting(100)
    };
    let latency = Latency::between(millis(100), millis(100));
    let outcome = simulate(&Campaign::of(600), server, latency, 5);
    assert_eq!(outcome.accepted, 600);
    // Those that had left before the first 429, and then one at a time.
    assert!(outcome.throttled <= 32 + 20, "{outcome:?}");
}
