//! Lanes of several processes over one Redis, against a server that counts strictly.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod strict;

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use repilot_redis::RedisAddress;
use repilot_throttle::{
    Answer, CallHistory, GateState, Lane, LaneSeed, LaneSettings, Permit, SeededCall, SharedBudgets,
};
use servers::Redis;
use strict::Graph;
use tokio::time::{Instant, sleep, timeout};

const WINDOW: Duration = Duration::from_secs(1);
const LIMIT: u32 = 50;

/// Longer than a window and a lease, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn settings(limit: u32, window: Duration) -> LaneSettings {
    LaneSettings {
        limit,
        window,
        in_flight: None,
    }
}

/// A lane as a process of its own would have it, with its own connection.
fn lane_at(url: &str, settings: LaneSettings) -> Lane {
    lane_with(url, settings, None)
}

fn lane_with(url: &str, settings: LaneSettings, history: Option<CallHistory>) -> Lane {
    let server = RedisAddress::parse(url).unwrap();
    let budgets = SharedBudgets::new(server, "test");
    let rng = Box::new(StdRng::from_rng(&mut rand::rng()));
    Lane::shared(
        &budgets,
        "contoso:writes",
        settings,
        LaneSeed::default(),
        history,
        rng,
    )
}

fn lane_of(redis: &Redis, settings: LaneSettings) -> Lane {
    lane_at(&redis.url(), settings)
}

fn lane(redis: &Redis) -> Lane {
    lane_of(redis, settings(LIMIT, WINDOW))
}

async fn soon(lane: &Lane) -> Permit {
    timeout(PATIENCE, lane.acquire()).await.unwrap()
}

/// Calls through the lane with so many workers, until the graph has no more time.
fn call(lane: &Lane, graph: &Arc<Graph>, workers: usize) -> Vec<tokio::task::JoinHandle<u32>> {
    let call = || {
        let (lane, graph) = (lane.clone(), Arc::clone(graph));
        async move {
            let mut calls = 0;
            while !graph.is_over() {
                let Some(permit) = lane.acquire_within(WINDOW * 3).await else {
                    sleep(Duration::from_millis(10)).await;
                    continue;
                };
                if !permit.is_valid() {
                    permit.settle(Answer::NotSent);
                    continue;
                }
                let answer = graph.call().await;
                permit.settle(answer);
                calls += 1;
            }
            calls
        }
    };
    (0..workers).map(|_| tokio::spawn(call())).collect()
}

async fn total(workers: Vec<tokio::task::JoinHandle<u32>>) -> u32 {
    let mut total = 0;
    for worker in workers {
        total += timeout(PATIENCE, worker).await.unwrap().unwrap();
    }
    total
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_use_one_window_to_the_full_and_never_overrun_it() {
    let redis = Redis::start();
    let window = Duration::from_secs(2);
    let lane = || lane_of(&redis, settings(LIMIT, window));
    let lanes = [lane(), lane(), lane()];
    let duration = window * 5;
    let graph = Graph::new(LIMIT, window, duration);
    let workers: Vec<_> = lanes.iter().map(|lane| call(lane, &graph, 20)).collect();
    let mut shares = Vec::new();
    for workers in workers {
        shares.push(total(workers).await);
    }
    assert_eq!(graph.overruns(), 0, "{shares:?}");
    let used = graph.used_between(Duration::ZERO, duration);
    assert!(used > 0.94, "{used} {shares:?}");
    println!("used {used:.3} of the quota; shares {shares:?}");
    let least = shares.iter().min().unwrap();
    assert!(*least >= LIMIT / 2, "nobody starves: {shares:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_throttle_closes_the_gate_for_all_and_what_it_taught_all_know() {
    let redis = Redis::start();
    let (one, other) = (lane(&redis), lane(&redis));
    soon(&other).await.settle(Answer::Accepted);
    let mut permits = Vec::new();
    for _ in 0..10 {
        permits.push(soon(&one).await);
    }
    let closed_for = Duration::from_secs(2);
    let throttled = Instant::now();
    for permit in permits.drain(..5) {
        permit.settle(Answer::Accepted);
    }
    for permit in permits {
        let retry_after = Some(closed_for);
        permit.settle(Answer::Throttled { retry_after });
    }
    // The news takes a round trip, and what is ahead anywhere is returned soon after.
    sleep(Duration::from_millis(100)).await;
    soon(&other).await.settle(Answer::Accepted);
    assert!(
        throttled.elapsed() >= closed_for,
        "{:?}",
        throttled.elapsed()
    );
    let (one, other) = (one.snapshot(), other.snapshot());
    assert_eq!(
        other.throttle_events, 1,
        "forty calls throttled at once are one event"
    );
    assert_eq!(other.throttled, 5);
    assert!(other.learnt_limit.is_some(), "{one:?} {other:?}");
}

/// A process that ends without a word.
fn vanish_with_permits(redis: &Redis) {
    let url = redis.url();
    let process = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let lane = lane_at(&url, settings(LIMIT, Duration::from_secs(2)));
            for _ in 0..3 {
                std::mem::forget(soon(&lane).await);
            }
            std::mem::forget(lane);
        });
        runtime.shutdown_background();
    });
    process.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_vanishes_or_is_frozen_with_permits_costs_no_more_than_its_lease() {
    let redis = Redis::start();
    let window = Duration::from_secs(2);
    let graph = Graph::new(LIMIT, window, Duration::from_secs(15));
    let one = lane_of(&redis, settings(LIMIT, window));
    let url = redis.url();
    let (frozen, thaw) = std::sync::mpsc::channel::<()>();
    let (held, is_held) = tokio::sync::oneshot::channel();
    let frozen_process = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let lane = lane_at(&url, settings(LIMIT, Duration::from_secs(2)));
            let mut permits = Vec::new();
            for _ in 0..12 {
                permits.push(soon(&lane).await);
            }
            assert!(permits.iter().all(Permit::is_valid));
            held.send(()).unwrap();
            // Nothing of this process runs until it is thawed.
            thaw.recv().unwrap();
            assert!(!permits.iter().any(Permit::is_valid));
            for permit in permits {
                permit.settle(Answer::NotSent);
            }
            // Its own permits, fetched anew, are good.
            let permit = soon(&lane).await;
            assert!(permit.is_valid());
            permit.settle(Answer::NotSent);
            sleep(Duration::from_millis(200)).await;
        });
        runtime.shutdown_background();
    });
    is_held.await.unwrap();
    vanish_with_permits(&redis);
    let workers = call(&one, &graph, 20);
    sleep(Duration::from_secs(9)).await;
    frozen.send(()).unwrap();
    total(workers).await;
    frozen_process.join().unwrap();
    assert_eq!(graph.overruns(), 0);
    // With the slots of those who are gone, a lease and a window later.
    let late = graph.used_between(Duration::from_secs(8), Duration::from_secs(15));
    println!("used after the lease: {late:.3}");
    assert!(late > 0.8, "{late}");
    let settled = async {
        while one.snapshot().in_flight > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, settled).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_forgets_stops_or_freezes_lets_nothing_overrun_and_all_goes_on() {
    let mut redis = Redis::start();
    let lanes = [lane(&redis), lane(&redis)];
    let graph = Graph::new(LIMIT, WINDOW, Duration::from_secs(22));
    let mut workers = call(&lanes[0], &graph, 10);
    workers.extend(call(&lanes[1], &graph, 10));
    sleep(Duration::from_millis(1_500)).await;
    for _ in 0..3 {
        redis.flush();
        sleep(Duration::from_millis(700)).await;
    }
    sleep(Duration::from_secs(1)).await;
    redis.stop();
    sleep(Duration::from_millis(500)).await;
    redis.resume();
    sleep(Duration::from_secs(4)).await;
    redis.freeze();
    sleep(Duration::from_millis(3_500)).await;
    redis.thaw();
    total(workers).await;
    assert_eq!(graph.overruns(), 0);
    let late = graph.used_between(Duration::from_secs(17), Duration::from_secs(22));
    println!("used after all: {late:.3}");
    assert!(late > 0.85, "{late}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_redis_forgot_what_the_record_does_not_know_is_free_again_long_before_a_window_is_over()
 {
    let redis = Redis::start();
    let window = Duration::from_mins(1);
    // Of ten that left, and of one that nobody remembers.
    let made_at = Instant::now();
    let history: CallHistory = Arc::new(move || {
        let call = SeededCall {
            answered_ago: made_at.elapsed(),
            throttled: false,
        };
        Box::pin(async move { Some(vec![call; 11]) })
    });
    let lane = lane_with(&redis.url(), settings(LIMIT, window), Some(history));
    for _ in 0..10 {
        soon(&lane).await.settle(Answer::Accepted);
    }
    redis.flush();
    let forgotten_at = Instant::now();
    let permit = timeout(PATIENCE, lane.acquire()).await.unwrap();
    let took = forgotten_at.elapsed();
    assert!(took > Duration::from_secs(4), "permits of before: {took:?}");
    let mut permits = vec![permit];
    while let Some(permit) = lane.acquire_within(Duration::from_secs(1)).await {
        permits.push(permit);
    }
    let in_flight = u32::try_from(permits.len()).unwrap();
    // The cap on what is under way may be what refuses the next.
    for permit in permits {
        permit.settle(Answer::Accepted);
    }
    let mut used = in_flight;
    while let Some(permit) = lane.acquire_within(Duration::from_secs(1)).await {
        permit.settle(Answer::Accepted);
        used += 1;
    }
    assert_eq!(
        used,
        LIMIT - 11,
        "what is on record still occupies the window"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_permits_cost_few_round_trips() {
    let redis = Redis::start();
    let lane = lane_of(&redis, settings(10_000, Duration::from_secs(20)));
    soon(&lane).await.settle(Answer::Accepted);
    let before = redis.commands();
    for _ in 0..500 {
        soon(&lane).await.settle(Answer::Accepted);
    }
    let commands = redis.commands() - before;
    println!("{commands} commands for 500 calls");
    // Each exchange counts as a handful: the script, and what the script says.
    assert!(commands < 500, "{commands}");
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_lanes_say_nothing() {
    let redis = Redis::start();
    let server = RedisAddress::parse(&redis.url()).unwrap();
    let budgets = SharedBudgets::new(server, "test");
    let lanes: Vec<Lane> = (0..500)
        .map(|number| {
            let rng = Box::new(StdRng::seed_from_u64(number));
            let seed = LaneSeed::default();
            Lane::shared(
                &budgets,
                &format!("{number}:writes"),
                settings(100, WINDOW),
                seed,
                None,
                rng,
            )
        })
        .collect();
    for lane in &lanes[..20] {
        soon(lane).await.settle(Answer::Accepted);
    }
    // What was ahead is returned.
    sleep(Duration::from_millis(500)).await;
    let before = redis.commands();
    sleep(Duration::from_secs(3)).await;
    for lane in &lanes {
        assert!(lane.forecast(Duration::from_secs(1)) > 0);
        assert_eq!(lane.snapshot().gate, GateState::Open);
    }
    // The counting itself costs a command or two.
    assert!(redis.commands() - before <= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_is_left_returns_what_it_had_in_stock() {
    let redis = Redis::start();
    let one = lane(&redis);
    for _ in 0..5 {
        soon(&one).await.settle(Answer::NotSent);
    }
    drop(one);
    let other = lane(&redis);
    let returned = async {
        loop {
            soon(&other).await.settle(Answer::NotSent);
            sleep(Duration::from_millis(50)).await;
            let snapshot = other.snapshot();
            if snapshot.used == snapshot.in_flight && snapshot.in_flight <= 1 {
                return;
            }
        }
    };
    timeout(Duration::from_secs(4), returned).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn leave_for_several_comes_together_and_what_is_not_used_goes_back() {
    let redis = Redis::start();
    let lane = lane_of(&redis, settings(10_000, Duration::from_secs(20)));
    let other = lane_of(&redis, settings(10_000, Duration::from_secs(20)));
    let before = redis.commands();
    let mut permits = lane.acquire_some(500, PATIENCE).await;
    let commands = redis.commands() - before;
    assert!((1..=500).contains(&permits.len()), "{}", permits.len());
    // A round trip or two, each of which counts as a handful.
    assert!(commands < 50, "{commands} for {}", permits.len());
    let taken = permits.len();
    for permit in permits.drain(..taken - 1) {
        permit.settle(Answer::NotSent);
    }
    // Whoever gives up leaves nothing behind.
    drop(timeout(Duration::ZERO, other.acquire_some(500, PATIENCE)).await);
    let settled = async {
        while lane.snapshot().in_flight != 1 || other.snapshot().in_flight > 1 {
            soon(&other).await.settle(Answer::NotSent);
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, settled).await.unwrap();
    drop(permits);
}

#[tokio::test(flavor = "multi_thread")]
async fn patience_is_not_tried_where_it_can_be_foreseen_that_nothing_comes() {
    let redis = Redis::start();
    let lane = lane_of(&redis, settings(3, Duration::from_secs(20)));
    for _ in 0..3 {
        soon(&lane).await.settle(Answer::Accepted);
    }
    let start = Instant::now();
    assert!(lane.acquire_within(Duration::from_secs(10)).await.is_none());
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}
