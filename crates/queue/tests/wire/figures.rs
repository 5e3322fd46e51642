//! Figures: `cargo test --release -p repilot-queue figures -- --nocapture --test-threads 1`.

use std::time::Duration;

use repilot_queue::{Receiver, Wire};
use servers::Redis;
use tokio::time::Instant;

use crate::harness::{Running, ends, jobs, tenant, up};

/// Few enough for every run of the tests.
const DELIVERIES: i64 = 20_000;

async fn pass((wire, receiver): (Wire, Receiver), of: i64) -> f64 {
    let mut running = Running::free(receiver, "w", 256);
    let begun = Instant::now();
    let (mut pushed, mut arrived) = (0, 0);
    while arrived < of {
        while pushed < of && pushed - arrived < 4_096 {
            let end = of.min(pushed + 1_024);
            wire.push(&tenant(), &jobs(pushed..end)).await.unwrap();
            pushed = end;
        }
        running.next().await;
        arrived += 1 + i64::try_from(running.arrived().len()).unwrap();
    }
    let rate = of as f64 / begun.elapsed().as_secs_f64();
    running.stopped().await;
    rate
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_of_deliveries_a_second() {
    let of = std::env::var("DELIVERIES").map_or(DELIVERIES, |text| text.parse().unwrap());
    let in_memory = pass(Wire::in_memory(), of).await;
    let redis = Redis::start();
    let before = redis.memory();
    let over_redis = pass(ends(&redis), of).await;
    println!(
        "deliveries a second: {in_memory:.0} in memory, {over_redis:.0} over Redis; \
         {} bytes in Redis before, {} after {of}",
        before,
        redis.memory()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_receiver_costs_redis_little_and_begins_at_once() {
    /// Longer than any period of it.
    const IDLE: Duration = Duration::from_secs(6);
    let redis = Redis::start();
    let (wire, receiver) = ends(&redis);
    let mut running = Running::free(receiver, "w", 4);
    up(&wire).await;
    wire.push(&tenant(), &jobs([0])).await.unwrap();
    running.next().await;
    let before = redis.commands();
    tokio::time::sleep(IDLE).await;
    let a_second = (redis.commands() - before) / IDLE.as_secs();
    let pushed = Instant::now();
    wire.push(&tenant(), &jobs([1])).await.unwrap();
    running.next().await;
    let latency = pushed.elapsed();
    println!("{a_second} commands a second while idle; a delivery begins after {latency:?}");
    assert!(a_second < 100, "{a_second} commands a second");
    assert!(latency < Duration::from_millis(100), "{latency:?}");
    running.stopped().await;
}
