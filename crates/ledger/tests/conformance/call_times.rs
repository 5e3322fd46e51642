//! How long calls took, and what has been due longest.

use std::time::Duration;

use repilot_domain::{AttemptOutcome, AttemptStep};
use repilot_ledger::{NewAttempt, Settlement, Verdict};

use crate::bench::{Bench, Database, START, succeeded};

async fn calls_are_counted_by_tenant_outcome_and_how_long_they_took(database: Database) {
    let bench = Bench::with_jobs(database, 4).await;
    let commit = bench.commit_as("w1");
    for took in [10, 50, 51, 600_000] {
        let job = bench.claim_one(&commit, "w1").await;
        let said = Settlement {
            attempts: vec![NewAttempt {
                step: AttemptStep::Act,
                started_at: START.before(Duration::from_millis(took)),
                ..succeeded(&job).attempts.remove(0)
            }],
            verdict: Verdict::Succeeded,
            ..succeeded(&job)
        };
        assert!(commit.settle(said).await.unwrap());
    }
    let times: Vec<_> = bench
        .ledger
        .call_times()
        .await
        .unwrap()
        .into_iter()
        .map(|time| {
            assert_eq!(time.outcome, AttemptOutcome::Succeeded);
            assert_eq!(time.tenant.as_str(), "contoso");
            (time.up_to_ms, time.calls, time.total_ms)
        })
        .collect();
    assert_eq!(
        times,
        [(Some(50), 2, 60), (Some(100), 1, 51), (None, 1, 600_000)]
    );
}

async fn what_has_been_due_longest_is_known_of_open_campaigns(database: Database) {
    let bench = Bench::with_jobs(database, 2).await;
    let now = bench.now().after(Duration::from_mins(5));
    let oldest = bench.ledger.oldest_due(now).await.unwrap();
    assert_eq!(oldest, [(bench.campaign, START)]);
    let early = START.before(Duration::from_millis(1));
    assert!(bench.ledger.oldest_due(early).await.unwrap().is_empty());
    let commit = bench.commit_as("w1");
    for _ in 0..2 {
        let job = bench.claim_one(&commit, "w1").await;
        commit.settle(succeeded(&job)).await.unwrap();
    }
    assert!(bench.ledger.oldest_due(now).await.unwrap().is_empty());
}

on_every_database![
    calls_are_counted_by_tenant_outcome_and_how_long_they_took,
    what_has_been_due_longest_is_known_of_open_campaigns,
];
