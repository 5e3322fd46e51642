//! What the ledger says of itself.

use repilot_domain::AttemptOutcome;
use repilot_ledger::{Miscount, Verdict};

use crate::bench::{Bench, Database, START, attempt, dead, retry, succeeded};

async fn a_check_finds_a_counter_that_does_not_say_what_the_jobs_say(database: Database) {
    let bench = Bench::with_jobs(database, 3).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    commit.settle(succeeded(&job)).await.unwrap();
    let sound = bench.ledger.check().await.unwrap();
    assert!(sound.is_sound(), "{sound:?}");
    assert_eq!(sound.jobs, 3);
    let pool = sqlx::AnyPool::connect(&bench.place.url()).await.unwrap();
    sqlx::query("UPDATE counters SET value = 7 WHERE name = 'succeeded'")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let found = bench.ledger.check().await.unwrap();
    let miscount = Miscount {
        campaign: "spring".to_owned(),
        counter: "succeeded".to_owned(),
        reason: String::new(),
        counted: 7,
        there: 1,
    };
    assert_eq!(found.miscounts, [miscount]);
}

async fn an_answer_with_a_nul_in_it_is_kept_like_any_other(database: Database) {
    let bench = Bench::with_jobs(database, 1).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    let mut said = retry(&job, START, true, Some("no\0 consent"));
    said.attempts[0].message = Some("a\0b \\u0000 \u{1f600}".to_owned());
    said.attempts.push(attempt(AttemptOutcome::Retried, START));
    if let Verdict::Retry { message, .. } = &mut said.verdict {
        "a\0b \\u0000 \u{1f600}".clone_into(message);
    }
    assert!(commit.settle(said).await.unwrap());
    let kept = "a\u{fffd}b \\u0000 \u{1f600}";
    let (waiting, _) = bench.ledger.job(job.id).await.unwrap().unwrap();
    assert_eq!(waiting.message, kept);
    let attempts = bench.ledger.attempts(job.id).await.unwrap();
    assert_eq!(attempts[0].message.as_deref(), Some(kept));
    assert_eq!(bench.spring().await.status_reason, "no\u{fffd} consent");
}

async fn a_job_is_found_by_its_state_whatever_changed_it(database: Database) {
    let bench = Bench::with_jobs(database, 12).await;
    let commit = bench.commit_as("w1");
    bench.claim_one(&commit, "w1").await;
    bench.dispatch("w1", 1).await;
    let buried = bench.claim_one(&commit, "w1").await;
    commit.settle(dead(&buried)).await.unwrap();
    let pool = sqlx::AnyPool::connect(&bench.place.url()).await.unwrap();
    for change in [
        "UPDATE jobs SET not_before = not_before + 1, dispatch = 4 WHERE id IN (7, 8)",
        "UPDATE jobs SET state = 'queued' WHERE id = 7",
        "UPDATE jobs SET state = 'dead', reason = 'rejected' WHERE id IN (8, 9)",
        "UPDATE jobs SET reason = 'not-found' WHERE id = 8",
        "UPDATE jobs SET state = 'pending' WHERE id = 9",
        "DELETE FROM attempts",
        "DELETE FROM jobs WHERE id IN (1, 3, 7, 8, 10)",
    ] {
        sqlx::query(change).execute(&pool).await.unwrap();
        let found = bench.ledger.check().await.unwrap();
        assert_eq!(found.damage, Vec::<String>::new(), "after {change}");
    }
    pool.close().await;
}

on_every_database! {
    a_job_is_found_by_its_state_whatever_changed_it,
    a_check_finds_a_counter_that_does_not_say_what_the_jobs_say,
    an_answer_with_a_nul_in_it_is_kept_like_any_other,
}
