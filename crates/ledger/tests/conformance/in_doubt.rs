//! What becomes of jobs whose calls may have taken effect unseen, in a campaign that stops.

use std::time::Duration;

use repilot_domain::{AttemptOutcome, AttemptStep, JobState, Timestamp};
use repilot_ledger::{ClaimedJob, Dispatched, NewAttempt, Settlement, Verdict, WaitReason};

use crate::bench::{Bench, Database, LEASE, START, alice, as_worker, attempt, succeeded};

/// Claims so many jobs as a worker that is lost then; they are in doubt.
async fn lose(bench: &Bench, jobs: usize) {
    let lost = bench.commit_as("lost");
    for dispatched in bench.dispatch("lost", jobs).await {
        lost.claim(dispatched.key).await.unwrap().unwrap();
    }
    bench.clock.advance(LEASE + Duration::from_millis(1));
    bench.attend().await;
}

async fn rescue(bench: &Bench) {
    let rescued = bench.ledger.rescue(&as_worker("w"), bench.now()).await;
    rescued.unwrap();
}

/// What a worker says of a device that a look found as before.
fn looked_at(bench: &Bench, job: &ClaimedJob) -> Settlement {
    let look = NewAttempt {
        step: AttemptStep::Look,
        ..attempt(AttemptOutcome::Retried, bench.now())
    };
    Settlement {
        key: job.key,
        verdict: Verdict::Retry {
            not_before: bench.now(),
            spent: false,
            uncertain: true,
            reason: WaitReason::LookedAt,
            message: String::new(),
            pause: None,
        },
        attempts: vec![look],
    }
}

fn of_looks(dispatched: &[Dispatched]) -> Vec<bool> {
    dispatched.iter().map(|sent| sent.looks_only).collect()
}

/// Jobs of the campaign in these states, and in doubt.
async fn counted(bench: &Bench) -> [i64; 4] {
    let counts = bench.spring().await.counts;
    [
        counts.pending,
        counts.succeeded,
        counts.cancelled,
        counts.uncertain,
    ]
}

async fn a_cancelled_campaign_ends_when_what_was_in_doubt_was_looked_at(database: Database) {
    let by = alice();
    let bench = Bench::with_jobs(database, 5).await;
    lose(&bench, 2).await;
    let cancelled = bench.ledger.cancel(bench.campaign, &by, bench.now());
    // Those that a worker held are its to end, or somebody's to rescue.
    assert_eq!(cancelled.await.unwrap(), 3);
    rescue(&bench).await;
    assert_eq!(counted(&bench).await, [2, 0, 3, 2]);
    assert!(!bench.has_ended().await);
    let tenants = bench.ledger.tenants_with_work(bench.now()).await.unwrap();
    assert_eq!(tenants.len(), 1);

    let sent = bench.dispatch("w", 10).await;
    assert_eq!(of_looks(&sent), [true, true]);
    // A second rescue takes nothing off the wire that is to be looked at.
    rescue(&bench).await;
    let commit = bench.commit_as("w");
    let first = commit.claim(sent[0].key).await.unwrap().unwrap();
    let second = commit.claim(sent[1].key).await.unwrap().unwrap();
    assert!(first.uncertain && first.lost && !first.looked_at);
    assert!(commit.settle(succeeded(&first)).await.unwrap());
    assert!(!bench.has_ended().await);
    assert!(commit.settle(looked_at(&bench, &second)).await.unwrap());
    assert_eq!(counted(&bench).await, [0, 1, 4, 0]);
    assert!(bench.has_ended().await);
    // A lost call may still arrive: whoever takes the campaign back looks at that device, too.
    let (row, _) = bench.ledger.job(second.key.job).await.unwrap().unwrap();
    assert!(row.uncertain, "{row:?}");
    bench.assert_counters_agree().await;
}

async fn a_paused_campaign_has_what_is_in_doubt_looked_at_once(database: Database) {
    let by = alice();
    let bench = Bench::with_jobs(database, 4).await;
    lose(&bench, 1).await;
    rescue(&bench).await;
    let paused = bench
        .ledger
        .pause_by_person(bench.campaign, "", &by, bench.now());
    assert!(paused.await.unwrap());
    assert!(bench.spring().await.looks_while_paused());
    assert_eq!(counted(&bench).await, [4, 0, 0, 1]);
    let due = bench
        .ledger
        .next_due(&crate::bench::tenant(), bench.now())
        .await;
    assert_eq!(due.unwrap().map(Timestamp::as_millis), Some(0));

    let sent = bench.dispatch("w", 10).await;
    assert_eq!(of_looks(&sent), [true]);
    let commit = bench.commit_as("w");
    let job = commit.claim(sent[0].key).await.unwrap().unwrap();
    assert!(commit.settle(looked_at(&bench, &job)).await.unwrap());
    assert_eq!(counted(&bench).await, [4, 0, 0, 0]);
    assert!(bench.dispatch("w", 10).await.is_empty());
    assert!(
        bench
            .ledger
            .tenants_with_work(bench.now())
            .await
            .unwrap()
            .is_empty()
    );

    let resumed = bench.ledger.resume(bench.campaign, &by, bench.now());
    assert!(resumed.await.unwrap());
    let sent = bench.dispatch("w", 10).await;
    assert_eq!(of_looks(&sent), [false; 4]);
    let again = sent
        .iter()
        .find(|sent| sent.key.job == job.key.job)
        .unwrap();
    let again = commit.claim(again.key).await.unwrap().unwrap();
    assert!(again.uncertain && again.lost && again.looked_at);
    // Whoever calls it and hears nothing leaves it in doubt anew.
    let unheard = Verdict::Retry {
        not_before: bench.now(),
        spent: true,
        uncertain: true,
        reason: WaitReason::Uncertain,
        message: "no answer".to_owned(),
        pause: None,
    };
    let said = Settlement {
        key: again.key,
        verdict: unheard,
        attempts: vec![attempt(AttemptOutcome::Ambiguous, bench.now())],
    };
    assert!(commit.settle(said).await.unwrap());
    assert_eq!(bench.spring().await.counts.uncertain, 1);
    bench.assert_counters_agree().await;
}

async fn where_the_tenant_refuses_everything_nobody_looks(database: Database) {
    let bench = Bench::with_jobs(database, 2).await;
    lose(&bench, 1).await;
    rescue(&bench).await;
    let commit = bench.commit_as("w");
    let sent = bench.dispatch("w", 2).await;
    let other = commit.claim(sent[1].key).await.unwrap().unwrap();
    let refused = crate::bench::retry(&other, START, false, Some("no consent"));
    assert!(commit.settle(refused).await.unwrap());
    assert!(!bench.spring().await.looks_while_paused());
    assert_eq!(counted(&bench).await, [2, 0, 0, 1]);
    assert!(bench.dispatch("w", 10).await.is_empty());
}

/// It was done, and a verification found that nothing came of it: of that nothing is in doubt.
async fn what_goes_round_again_is_cancelled_without_a_look(database: Database) {
    let by = alice();
    let bench = Bench::with_jobs(database, 1).await;
    let commit = bench.commit_as("w");
    let job = bench.claim_one(&commit, "w").await;
    assert!(commit.settle(succeeded(&job)).await.unwrap());
    bench
        .execute("UPDATE job_rows SET state = 'pending', uncertain = 1")
        .await;
    bench.execute("UPDATE campaigns SET ended_at = NULL").await;
    bench
        .execute("UPDATE counters SET value = CASE name WHEN 'pending' THEN 1 ELSE 0 END WHERE name IN ('pending', 'succeeded')")
        .await;
    bench
        .execute("INSERT INTO due_jobs (campaign_id, not_before, id, dispatch) SELECT campaign_id, not_before, id, dispatch FROM job_rows")
        .await;
    let cancelled = bench.ledger.cancel(bench.campaign, &by, bench.now());
    assert_eq!(cancelled.await.unwrap(), 1);
    assert_eq!(bench.state_of(job.key.job).await, JobState::Cancelled);
    assert!(bench.has_ended().await);
}

on_every_database! {
    a_cancelled_campaign_ends_when_what_was_in_doubt_was_looked_at,
    a_paused_campaign_has_what_is_in_doubt_looked_at_once,
    where_the_tenant_refuses_everything_nobody_looks,
    what_goes_round_again_is_cancelled_without_a_look,
}
