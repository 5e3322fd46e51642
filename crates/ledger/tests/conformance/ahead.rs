//! How many due jobs go before one, counted or reckoned.

use std::time::Duration;

use repilot_domain::JobId;
use repilot_ledger::Ahead;

use crate::bench::{Bench, Database, retry};

/// More than are counted.
const MANY: usize = 12_000;

impl Bench {
    async fn ahead_of(&self, job: i64) -> Ahead {
        let (job, _) = self.ledger.job(JobId(job)).await.unwrap().unwrap();
        self.ledger.ahead_of(&job, self.now()).await.unwrap()
    }
}

const fn exactly(jobs: u64) -> Ahead {
    Ahead { jobs, exact: true }
}

const fn about(jobs: u64) -> Ahead {
    Ahead { jobs, exact: false }
}

async fn jobs_ahead_are_counted_up_to_ten_thousand_and_reckoned_beyond(database: Database) {
    let bench = Bench::new(database).await;
    for first in (0..MANY).step_by(4_000) {
        bench.enqueue(first..first + 4_000).await;
        bench.clock.advance(Duration::from_millis(1));
    }
    bench.finish().await;
    bench.attend().await;
    assert_eq!(bench.ahead_of(1).await, exactly(0));
    assert_eq!(bench.ahead_of(9_000).await, exactly(8_999));
    assert_eq!(bench.ahead_of(11_500).await, about(11_499));
    // What has gone is no longer before it.
    let commit = bench.commit_as("w1");
    for wire in bench.dispatch("w1", 1_000).await {
        let job = commit.claim(wire.key).await.unwrap().unwrap();
        if job.key.job == JobId(7) {
            let again = retry(&job, bench.now(), true, None);
            assert!(commit.settle(again).await.unwrap());
        }
    }
    assert_eq!(bench.ahead_of(9_000).await, exactly(7_999));
    assert_eq!(bench.ahead_of(11_500).await, about(10_499));
    // What was put back goes behind all that had not been called.
    assert_eq!(bench.ahead_of(7).await, about(11_000));
}

async fn what_waits_has_those_ahead_that_are_due_now_and_no_others(database: Database) {
    let bench = Bench::new(database).await;
    bench.enqueue(0..5).await;
    bench.clock.advance(Duration::from_millis(1));
    bench.finish().await;
    bench.attend().await;
    let commit = bench.commit_as("w1");
    let waits = [60, 30, 0].map(Duration::from_mins);
    for (wire, wait) in bench.dispatch("w1", 3).await.into_iter().zip(waits) {
        let job = commit.claim(wire.key).await.unwrap().unwrap();
        let again = retry(&job, bench.now().after(wait), true, None);
        assert!(commit.settle(again).await.unwrap());
    }
    assert_eq!(bench.ahead_of(1).await, exactly(3));
    assert_eq!(bench.ahead_of(2).await, exactly(3));
    assert_eq!(bench.ahead_of(3).await, exactly(2));
    bench.clock.advance(Duration::from_mins(30));
    assert_eq!(bench.ahead_of(1).await, exactly(4));
}

on_every_database![
    jobs_ahead_are_counted_up_to_ten_thousand_and_reckoned_beyond,
    what_waits_has_those_ahead_that_are_due_now_and_no_others,
];
