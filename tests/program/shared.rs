//! Several workers on one PostgreSQL and one Redis, and what happens to them.

use std::time::Duration;

use e2e::{Deployment, ended, kill, signal};
use repilot_graph_sim::Scenario;
use servers::{Proxy, Sentinel};

use crate::PROGRAM;

/// Calls that a worker has under way at once.
const CONCURRENCY: u64 = 16;

/// Jobs that a worker has claimed at once.
const IN_HAND: u64 = 16 * CONCURRENCY;

/// Longer than any lease.
const FROZEN: Duration = Duration::from_secs(14);

fn scenario(latency_ms: u64) -> Scenario {
    let mut scenario = Scenario::default();
    scenario.latency.fixed_ms = latency_ms;
    scenario
}

async fn deployment(devices: usize) -> Deployment {
    Deployment::with_campaign(PROGRAM, scenario(40), devices).await
}

#[tokio::test]
async fn several_workers_drain_one_campaign_and_each_device_once() {
    let deployment = deployment(600).await;
    let workers: Vec<_> = (0..3).map(|_| deployment.worker()).collect();
    for worker in workers {
        ended(worker).await.expect(0);
    }
    deployment.assert_done(600, 0).await;
    assert_eq!(deployment.bench.counters().acts, 600);
}

#[tokio::test]
async fn what_a_killed_worker_held_is_done_by_another() {
    let deployment = deployment(900).await;
    let (first, second) = (deployment.worker(), deployment.worker());
    deployment
        .bench
        .until(|counters| counters.acts >= 200)
        .await;
    kill(first).await;
    ended(second).await.expect(0);
    deployment.assert_done(900, CONCURRENCY).await;
}

#[tokio::test]
async fn a_frozen_worker_that_wakes_drops_what_others_took_over() {
    let deployment = deployment(600).await;
    let (first, second) = (deployment.worker(), deployment.worker());
    deployment
        .bench
        .until(|counters| counters.acts >= 100)
        .await;
    signal(&first, "STOP").await;
    tokio::time::sleep(FROZEN).await;
    signal(&first, "CONT").await;
    for worker in [first, second] {
        ended(worker).await.expect(0);
    }
    deployment.assert_done(600, CONCURRENCY).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_clock_that_is_wrong_by_minutes_robs_nobody() {
    let deployment = deployment(900).await;
    let workers = [
        deployment.worker(),
        deployment.worker_with_clock("+5m"),
        deployment.worker_with_clock("-5m"),
    ];
    for worker in workers {
        ended(worker).await.expect(0);
    }
    deployment.assert_done(900, 0).await;
    let export = deployment
        .run(&["export", "c", "--format", "json"])
        .await
        .expect(0);
    let rows = export.json();
    let attempts = |row: &serde_json::Value| row["attempts"].as_u64();
    assert!(
        rows.as_array()
            .unwrap()
            .iter()
            .all(|row| attempts(row) == Some(1))
    );
}

#[tokio::test]
async fn redis_may_restart_forget_and_freeze_in_the_middle() {
    let mut deployment = deployment(1_500).await;
    let workers = [deployment.worker(), deployment.worker()];
    deployment
        .bench
        .until(|counters| counters.acts >= 200)
        .await;
    deployment.redis.flush();
    deployment
        .bench
        .until(|counters| counters.acts >= 500)
        .await;
    deployment.redis.stop();
    // Somebody looks meanwhile, and is told.
    let told = async {
        loop {
            let status = deployment.run(&["status", "--json"]).await.json();
            let workers = status["workers"].as_array().unwrap();
            let in_trouble = |worker: &serde_json::Value| worker["trouble"] != "";
            if workers.len() == 2 && workers.iter().all(in_trouble) {
                return;
            }
        }
    };
    told.await;
    deployment.redis.resume();
    deployment
        .bench
        .until(|counters| counters.acts >= 900)
        .await;
    deployment.redis.freeze();
    tokio::time::sleep(Duration::from_secs(4)).await;
    deployment.redis.thaw();
    for worker in workers {
        ended(worker).await.expect(0);
    }
    deployment.assert_done(1_500, 0).await;
}

#[tokio::test]
async fn redis_may_fail_over_to_its_replica() {
    let mut deployment = deployment(1_500).await;
    let _replica = deployment.redis.replica();
    let sentinel = Sentinel::start(&deployment.redis);
    sentinel.await_replica();
    deployment.redis_url = sentinel.url();
    let workers = [deployment.worker(), deployment.worker()];
    deployment
        .bench
        .until(|counters| counters.acts >= 200)
        .await;
    deployment.redis.stop();
    for worker in workers {
        ended(worker).await.expect(0);
    }
    deployment.assert_done(1_500, 0).await;
}

#[tokio::test]
async fn postgres_may_restart_in_the_middle() {
    let mut deployment = deployment(1_000).await;
    let workers = [deployment.worker(), deployment.worker()];
    deployment
        .bench
        .until(|counters| counters.acts >= 200)
        .await;
    deployment.postgres.stop();
    tokio::time::sleep(Duration::from_secs(3)).await;
    deployment.postgres.resume();
    for worker in workers {
        ended(worker).await.expect(0);
    }
    deployment.assert_done(1_000, 2 * CONCURRENCY).await;
}

#[tokio::test]
async fn postgres_may_vanish_without_a_word_and_its_standby_take_over() {
    let mut deployment = Deployment::with_campaign(PROGRAM, scenario(40), 1_000).await;
    let standby = deployment.postgres.standby();
    let line = Proxy::start(deployment.postgres.port());
    deployment.reach_ledger_through(&line);
    let workers = [deployment.worker(), deployment.worker()];
    deployment
        .bench
        .until(|counters| counters.acts >= 200)
        .await;
    line.cut();
    standby.promote();
    // A moment in which nobody is there.
    tokio::time::sleep(Duration::from_secs(2)).await;
    line.mend(standby.port());
    for worker in workers {
        ended(worker).await.expect(0);
    }
    deployment.assert_done(1_000, 2 * CONCURRENCY).await;
}

#[tokio::test]
async fn a_standby_that_lacks_the_last_moments_may_take_over() {
    let mut deployment = Deployment::with_campaign(PROGRAM, scenario(40), 1_000).await;
    let standby = deployment.postgres.standby();
    deployment.postgres.wait_for_no_standby();
    let line = Proxy::start(deployment.postgres.port());
    deployment.reach_ledger_through(&line);
    let workers = [deployment.worker(), deployment.worker()];
    let bench = &deployment.bench;
    bench.until(|counters| counters.acts >= 100).await;
    let behind_at = bench.counters().acts;
    standby.fall_behind();
    bench
        .until(|counters| counters.acts >= behind_at + 100)
        .await;
    line.cut();
    standby.promote();
    line.mend(standby.port());
    let forgotten = bench.counters().acts - behind_at;
    for worker in workers {
        ended(worker).await.expect(0);
    }
    // What the ledger forgot is done again, but for what it says was in hand: that is looked at. And
    // what was claimed is called for as long as the claim holds, whether or not it is remembered.
    let again = forgotten + 2 * IN_HAND;
    deployment.assert_done(1_000, again).await;
    let most = deployment.bench.counters().max_applied_per_device;
    assert!(most <= 2, "a device was done {most} times");
}

#[tokio::test]
async fn tenants_that_grant_differently_share_workers_and_each_has_its_own_budget() {
    let granted = [30, 20, 15, 10, 8];
    let mut scenario = scenario(20);
    scenario.tokens = (0..granted.len())
        .map(|tenant| format!("token-{tenant}"))
        .collect();
    scenario.writes_of_tenants = granted.to_vec();
    scenario.quota.window_ms = 2_000;
    let deployment = Deployment::with_tenants(PROGRAM, scenario, &[40; 5]).await;
    let start = || {
        let mut command = deployment.command(&["worker", "--until-empty"]);
        command
            .env("REPILOT_THROTTLE__WRITES", "30")
            .env("REPILOT_THROTTLE__WINDOW", "2s");
        command.spawn().unwrap()
    };
    for worker in [start(), start()] {
        let ran = ended(worker).await.expect(0);
        assert!(!ran.stderr.contains("WARN"), "{ran:?}");
    }
    for tenant in 0..granted.len() {
        let counters = deployment.bench.simulator.counters(tenant);
        assert_eq!(
            (counters.applied, counters.acts_at_once),
            (40, 0),
            "{counters:?}"
        );
        assert_eq!(counters.throttled > 0, tenant > 0, "{counters:?}");
    }
}
