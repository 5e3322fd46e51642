//! Several processes on one wire.

use std::sync::Arc;
use std::time::Duration;

use redis::AsyncCommands as _;
use repilot_domain::{Clock as _, ManualClock, SystemClock};
use repilot_queue::Wire;
use repilot_redis::RedisAddress;
use servers::{Redis, Sentinel};

use crate::harness::{Running, connect, ends, jobs, tenant, up};

#[tokio::test(flavor = "multi_thread")]
async fn two_receivers_share_what_is_pushed() {
    let redis = Redis::start();
    let (first_wire, first) = ends(&redis);
    let (second_wire, second) = ends(&redis);
    let mut first = Running::held(first, "first", 4);
    let mut second = Running::held(second, "second", 4);
    up(&first_wire).await;
    up(&second_wire).await;
    // Two messages: the one holds the one, so that the other takes the other.
    first_wire.push(&tenant(), &jobs(0..64)).await.unwrap();
    for _ in 0..4 {
        first.next().await;
        second.next().await;
    }
    first.let_end(64);
    second.let_end(64);
    let mut all = Vec::new();
    while all.len() < 64 - 8 {
        tokio::select! {
            number = first.next() => all.push(number),
            number = second.next() => all.push(number),
        }
    }
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 64 - 8, "nothing is handed over twice");
    first.stopped().await;
    second.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stopping_receiver_has_not_begun_goes_to_others() {
    let redis = Redis::start();
    let (wire, first) = ends(&redis);
    let mut first = Running::held(first, "first", 1);
    wire.push(&tenant(), &jobs(0..100)).await.unwrap();
    first.next().await;
    first.begin_stop();
    first.let_end(1);
    first.stopped().await;
    let mut second = Running::free(ends(&redis).1, "second", 4);
    // The message that was broken off comes whole: a claim drops the delivery that was done.
    second.arrive(0..100).await;
    second.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_stops_leaves_nothing_behind_in_redis() {
    let redis = Redis::start();
    let (wire, receiver) = ends(&redis);
    let mut running = Running::free(receiver, "w", 4);
    wire.push(&tenant(), &jobs(0..100)).await.unwrap();
    running.arrive(0..100).await;
    running.stopped().await;
    let mut keys: Vec<String> = connect(&redis).await.keys("*").await.unwrap();
    // apalis's list of queues, and its mark that something was pushed: one each, however many
    // deliveries and workers.
    keys.retain(|key| key != "core:apalis:queues:list" && key != "test:wire:2:signal");
    assert!(keys.is_empty(), "{keys:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_receiver_had_fetched_goes_to_others_and_nothing_of_it_stays() {
    let redis = Redis::start();
    let (wire, receiver) = ends(&redis);
    let mut killed = Running::held(receiver, "killed", 1);
    wire.push(&tenant(), &jobs(0..32)).await.unwrap();
    killed.next().await;
    killed.kill().await;
    let mut redis_cli = connect(&redis).await;
    let in_flight: Vec<String> = redis_cli.keys("*:inflight:killed/*").await.unwrap();
    assert_eq!(in_flight.len(), 1, "it held a message");

    // By its clock, the killed one has not been seen for long.
    let later = SystemClock.now().after(Duration::from_secs(12));
    let address = RedisAddress::parse(&redis.url()).unwrap();
    let (_, receiver) = Wire::shared(address, "test", Arc::new(ManualClock::at(later)));
    let mut other = Running::free(receiver, "other", 4);
    other.arrive(0..32).await;
    let left: Vec<String> = redis_cli.keys("*killed*").await.unwrap();
    assert!(left.is_empty(), "{left:?}");
    other.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_read_is_dropped_and_stops_nobody() {
    let redis = Redis::start();
    let (wire, receiver) = ends(&redis);
    let mut running = Running::free(receiver, "w", 4);
    up(&wire).await;
    let config = apalis_redis::Config::default().queue("test:wire:2");
    let strange = apalis_core::task::Task::new(br#"{"from": "the future"}"#.to_vec());
    let mut redis_cli = connect(&redis).await;
    apalis_redis::queries::push_tasks(&mut redis_cli, &config, &[strange])
        .await
        .unwrap();
    wire.push(&tenant(), &jobs(0..10)).await.unwrap();
    running.arrive(0..10).await;
    assert_eq!(
        up(&wire).await,
        repilot_queue::WireHealth::Up { outages: 0 }
    );
    running.stopped().await;
    let data: usize = redis_cli.hlen("test:wire:2:data").await.unwrap();
    assert_eq!(data, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_whose_places_are_all_taken_shows_that_it_lives() {
    let redis = Redis::start();
    let (wire, receiver) = ends(&redis);
    let mut running = Running::held(receiver, "busy", 1);
    wire.push(&tenant(), &jobs(0..100)).await.unwrap();
    running.next().await;
    let mut redis_cli = connect(&redis).await;
    let mut seen = async || -> i64 {
        redis_cli
            .zscore("test:wire:2:workers", "busy/1")
            .await
            .unwrap()
    };
    let before = seen().await;
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    while seen().await == before {
        looks.tick().await;
    }
    running.begin_stop();
    running.let_end(1);
    running.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentinel_is_asked_where_redis_is() {
    let redis = Redis::start();
    let sentinel = Sentinel::start(&redis);
    let address = RedisAddress::parse(&sentinel.url()).unwrap();
    let (wire, receiver) = Wire::shared(address, "test", Arc::new(SystemClock));
    let mut running = Running::free(receiver, "w", 4);
    wire.push(&tenant(), &jobs(0..10)).await.unwrap();
    running.arrive(0..10).await;
    running.stopped().await;
}
