//! What waits is bounded, and what has passed leaves nothing.

use redis::AsyncCommands as _;
use repilot_domain::TenantName;
use repilot_queue::WireError;
use servers::Redis;

use crate::harness::{Running, connect, ends, jobs, tenant, up};

/// The tasks that wait.
async fn waiting(redis: &mut redis::aio::MultiplexedConnection) -> usize {
    let (due, active): (usize, usize) = redis::pipe()
        .atomic()
        .zcard("test:wire:2:scheduled")
        .llen("test:wire:2:active")
        .query_async(redis)
        .await
        .unwrap();
    due + active
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_passes_where_apalis_alone_wedges() {
    const BACKLOG: i64 = 50_000;
    let redis = Redis::start();
    let mut redis_cli = connect(&redis).await;

    // apalis alone: what waits is never fetched again.
    let config = apalis_redis::Config::default().queue("naive");
    let naive: Vec<_> = (0..9_000)
        .map(|number| apalis_core::task::Task::new(number.to_string().into_bytes()))
        .collect();
    apalis_redis::queries::push_tasks(&mut redis_cli, &config, &naive)
        .await
        .unwrap();
    let worker = apalis_core::worker::context::WorkerContext::new("naive");
    let _: () = redis_cli
        .zadd(config.workers_set(), "naive", 0)
        .await
        .unwrap();
    let wedged = apalis_redis::queries::fetch_next(&mut redis_cli, &worker, &config).await;
    assert!(
        wedged
            .unwrap_err()
            .to_string()
            .contains("too many results to unpack")
    );

    // Ours: nobody takes anything until it is full, and then all of it passes.
    let (wire, receiver) = ends(&redis);
    let mut pushed = 0;
    // One by one is what makes the most of tasks.
    let full = loop {
        match wire.push(&tenant(), &jobs([pushed])).await {
            Ok(()) => pushed += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, WireError::Full), "{full:?}");
    assert_eq!(waiting(&mut redis_cli).await, 4_096);
    let mut running = Running::free(receiver, "w", 64);
    let mut arrived = 0;
    while arrived < BACKLOG {
        let end = BACKLOG.min(pushed + 2_048);
        match wire.push(&tenant(), &jobs(pushed..end)).await {
            Ok(()) => pushed = end,
            Err(WireError::Full) => {
                running.next().await;
                arrived += 1;
            }
            Err(error) => unreachable!("{error}"),
        }
        assert!(waiting(&mut redis_cli).await <= 4_096);
        arrived += i64::try_from(running.arrived().len()).unwrap();
    }
    assert_eq!((pushed, arrived), (BACKLOG, BACKLOG));
    running.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wedged_queue_moves_again() {
    let redis = Redis::start();
    let mut redis_cli = connect(&redis).await;
    let config = apalis_redis::Config::default().queue("test:wire:2");
    let messages: Vec<_> = (0..9_000)
        .map(|job| format!(r#"{{"tenant": "contoso", "jobs": [{{"j": {job}, "d": 1, "c": 7}}]}}"#))
        .map(|message| apalis_core::task::Task::new(message.into_bytes()))
        .collect();
    apalis_redis::queries::push_tasks(&mut redis_cli, &config, &messages)
        .await
        .unwrap();
    let mut running = Running::free(ends(&redis).1, "w", 64);
    running.arrive(0..9_000).await;
    running.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tenants_share_the_wire_and_none_fills_it() {
    let redis = Redis::start();
    let (wire, receiver) = ends(&redis);
    let share = wire.share(500);
    assert!(share >= 1 && share * 500 <= 4_096);
    for number in 0..500 {
        let tenant = TenantName::new(&format!("tenant-{number}")).unwrap();
        let from = number * 1_000;
        let all = jobs(from..from + i64::try_from(share).unwrap());
        wire.push(&tenant, &all).await.unwrap();
    }
    let mut running = Running::free(receiver, "w", 64);
    for _ in 0..500 * share {
        running.next().await;
    }
    running.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_does_not_grow_while_deliveries_pass() {
    const ROUND: i64 = 10_000;
    let redis = Redis::start();
    let (wire, receiver) = ends(&redis);
    let mut running = Running::free(receiver, "w", 64);
    up(&wire).await;
    let mut memory = Vec::new();
    for round in 0..3 {
        for batch in 0..10 {
            let from = round * ROUND + batch * 1_000;
            wire.push(&tenant(), &jobs(from..from + 1_000))
                .await
                .unwrap();
            running.arrive(from..from + 1_000).await;
        }
        memory.push(redis.memory());
    }
    // A delivery that stayed would be some 100 bytes: a megabyte a round.
    assert!(memory[2] < memory[0] + 200_000, "{memory:?}");
    running.stopped().await;
}
