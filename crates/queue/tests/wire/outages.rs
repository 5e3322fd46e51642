//! Redis goes away, forgets and freezes, and comes back.

use std::time::Duration;

use repilot_queue::{Wire, WireError, WireHealth};
use repilot_redis::RedisAddress;
use servers::Redis;
use tokio::time::Instant;

use crate::harness::{Running, down, ends, jobs, tenant, until, up};

/// How soon deliveries go on once Redis is back, on a busy machine.
const SOON: Duration = Duration::from_secs(5);

/// How long a push to a Redis that says nothing may take: two seconds, on a busy machine.
const BOUNDED: Duration = Duration::from_secs(4);

async fn again(wire: &Wire) -> WireHealth {
    until(wire, |health| *health == WireHealth::Up { outages: 1 }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_go_on_after_a_restart() {
    let mut redis = Redis::start();
    let (wire, receiver) = ends(&redis);
    let mut running = Running::free(receiver, "w", 4);
    wire.push(&tenant(), &jobs(0..100)).await.unwrap();
    running.arrive(0..100).await;
    redis.stop();
    let WireHealth::Down { why, .. } = down(&wire).await else {
        unreachable!("it was waited for")
    };
    assert!(why.starts_with("the wire is down"), "{why}");
    let refused = wire.push(&tenant(), &jobs(100..200)).await;
    assert!(matches!(refused, Err(WireError::Redis { .. })));
    redis.resume();
    let back = Instant::now();
    again(&wire).await;
    wire.push(&tenant(), &jobs(100..200)).await.unwrap();
    running.arrive(100..200).await;
    assert!(back.elapsed() < SOON, "{:?}", back.elapsed());
    running.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_finds_no_redis_begins_once_there_is_one() {
    let mut redis = Redis::start();
    redis.stop();
    let (wire, receiver) = ends(&redis);
    let mut running = Running::free(receiver, "w", 4);
    redis.resume();
    up(&wire).await;
    wire.push(&tenant(), &jobs(0..100)).await.unwrap();
    running.arrive(0..100).await;
    running.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_go_on_after_a_flush_and_the_loss_is_told() {
    let redis = Redis::start();
    let (wire, receiver) = ends(&redis);
    let mut running = Running::free(receiver, "w", 4);
    wire.push(&tenant(), &jobs(0..100)).await.unwrap();
    running.arrive(0..100).await;
    redis.flush();
    let flushed = Instant::now();
    again(&wire).await;
    wire.push(&tenant(), &jobs(100..200)).await.unwrap();
    running.arrive(100..200).await;
    assert!(flushed.elapsed() < SOON, "{:?}", flushed.elapsed());
    running.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_to_a_frozen_redis_fails_in_time_and_deliveries_go_on_when_it_thaws() {
    let redis = Redis::start();
    let (wire, receiver) = ends(&redis);
    let mut running = Running::free(receiver, "w", 4);
    wire.push(&tenant(), &jobs(0..100)).await.unwrap();
    running.arrive(0..100).await;
    redis.freeze();
    let frozen = Instant::now();
    let silent = wire.push(&tenant(), &jobs(100..200)).await;
    assert!(
        matches!(silent, Err(WireError::Silent { .. })),
        "{silent:?}"
    );
    assert!(frozen.elapsed() < BOUNDED, "{:?}", frozen.elapsed());
    down(&wire).await;
    redis.thaw();
    let thawed = Instant::now();
    again(&wire).await;
    wire.push(&tenant(), &jobs(200..300)).await.unwrap();
    running.arrive(200..300).await;
    assert!(thawed.elapsed() < SOON, "{:?}", thawed.elapsed());
    running.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_stops_while_redis_is_frozen() {
    let redis = Redis::start();
    let (wire, receiver) = ends(&redis);
    let mut running = Running::held(receiver, "w", 4);
    wire.push(&tenant(), &jobs(0..100)).await.unwrap();
    running.next().await;
    redis.freeze();
    running.begin_stop();
    running.let_end(100);
    running.stopped().await;
    redis.thaw();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_is_told_and_never_shown() {
    let redis = Redis::start();
    let url = redis.url().replace("://", "://somebody:s3cret@");
    let address = RedisAddress::parse(&url).unwrap();
    let (wire, receiver) = Wire::shared(
        address.clone(),
        "test",
        std::sync::Arc::new(repilot_domain::SystemClock),
    );
    let running = Running::free(receiver, "w", 4);
    let error = wire.push(&tenant(), &jobs(0..1)).await.unwrap_err();
    let WireHealth::Down { why, .. } = until(
        &wire,
        |health| matches!(health, WireHealth::Down { why, .. } if why.contains("failed")),
    )
    .await
    else {
        unreachable!("it was waited for")
    };
    let source = std::error::Error::source(&error).unwrap();
    for shown in [
        format!("{error} {error:?} {source} {source:?} {address} {address:?}"),
        why,
    ] {
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("127.0.0.1"), "{shown}");
    }
    running.stopped().await;
}
