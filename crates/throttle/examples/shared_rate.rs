//! How many permits a second a shared lane takes and settles: one process with one task and with
//! many, and four processes with connections of their own. Starts a Redis server of its own.
#![expect(clippy::print_stdout, reason = "figures for whoever runs it")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use repilot_redis::RedisAddress;
use repilot_throttle::{Answer, Lane, LaneSeed, LaneSettings, SharedBudgets};
use servers::Redis;
use tokio::time::Instant;

const MEASURED: Duration = Duration::from_secs(4);

#[tokio::main]
async fn main() {
    let redis = Redis::start();
    for (processes, tasks) in [(1, 1), (1, 32), (4, 1), (4, 32)] {
        let name = format!("{processes}-{tasks}:writes");
        let before = redis.commands();
        let mut running = Vec::new();
        for _ in 0..processes {
            let lane = lane(&redis, &name);
            running.extend((0..tasks).map(|_| tokio::spawn(calls(lane.clone()))));
        }
        let mut total = 0;
        for calls in running {
            total += calls.await.unwrap();
        }
        let seconds = MEASURED.as_secs();
        let commands = (redis.commands() - before) / seconds;
        let rate = total / seconds;
        println!(
            "{processes} processes, {tasks} tasks each: {rate} permits/s, {commands} Redis commands/s"
        );
    }
    let local = Lane::new(
        settings(),
        &LaneSeed::default(),
        Box::new(StdRng::seed_from_u64(1)),
    );
    let rate = calls(local).await / MEASURED.as_secs();
    println!("in process: {rate} permits/s");
}

fn settings() -> LaneSettings {
    LaneSettings {
        limit: 4_000_000_000,
        window: Duration::from_secs(20),
        in_flight: None,
    }
}

fn lane(redis: &Redis, name: &str) -> Lane {
    let server = RedisAddress::parse(&redis.url()).unwrap();
    let budgets = SharedBudgets::new(server, "rate");
    let rng = Box::new(StdRng::from_rng(&mut rand::rng()));
    Lane::shared(&budgets, name, settings(), LaneSeed::default(), None, rng)
}

async fn calls(lane: Lane) -> u64 {
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed() < MEASURED {
        lane.acquire().await.settle(Answer::Accepted);
        calls += 1;
        if calls % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    calls
}
