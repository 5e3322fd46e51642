//! What the ledger says of itself.

use repilot_domain::AttemptOutcome;
use repilot_ledger::{Miscount, Verdict};

use crate::bench::{Bench, Database, START, alice, attempt, campaign, dead, retry, succeeded};

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
    let (waiting, _) = bench.ledger.job(job.key.job).await.unwrap().unwrap();
    assert_eq!(waiting.message, kept);
    let attempts = bench.ledger.attempts(job.key.job).await.unwrap();
    assert_eq!(attempts[0].message.as_deref(), Some(kept));
    assert_eq!(bench.spring().await.status_reason, "no\u{fffd} consent");
}

async fn a_check_finds_a_device_with_two_open_jobs(database: Database) {
    let bench = Bench::with_jobs(database, 2).await;
    let (autumn, by) = (campaign("autumn"), alice());
    let opened = bench.ledger.open_campaign(&autumn, &by, START).await;
    let autumn = opened.unwrap().id;
    bench.enqueue_into(autumn, 2).await;
    bench.dispatch("w1", 1).await;
    assert!(bench.ledger.check().await.unwrap().is_sound());
    bench
        .execute(
            "UPDATE job_rows SET device_id = (SELECT MIN(device_id) FROM job_rows)
             WHERE line = 3",
        )
        .await;
    let found = bench.ledger.check().await.unwrap();
    let expected = ["1 devices have more than one open job in their tenant"];
    assert_eq!(found.damage, expected);
}

async fn a_check_finds_a_job_that_is_not_where_its_row_says(database: Database) {
    let bench = Bench::with_jobs(database, 12).await;
    let commit = bench.commit_as("w1");
    bench.claim_one(&commit, "w1").await;
    bench.dispatch("w1", 1).await;
    let buried = bench.claim_one(&commit, "w1").await;
    commit.settle(dead(&buried)).await.unwrap();
    assert!(bench.ledger.check().await.unwrap().is_sound());
    let pool = sqlx::AnyPool::connect(&bench.place.url()).await.unwrap();
    let mut damage = Vec::new();
    for (change, table, rows) in [
        ("DELETE FROM due_jobs WHERE id = 12", "due_jobs", 1),
        (
            "UPDATE due_jobs SET dispatch = 4 WHERE id = 11",
            "due_jobs",
            3,
        ),
        (
            "UPDATE jobs_in_hand SET dispatch = -1 WHERE state = 'running'",
            "jobs_in_hand",
            2,
        ),
        ("UPDATE dead_jobs SET reason = 'rejected'", "dead_jobs", 2),
    ] {
        let changed = sqlx::query(change).execute(&pool).await.unwrap();
        assert_eq!(changed.rows_affected(), 1, "{change}");
        let said = format!("{rows} rows of {table} are not what jobs say");
        damage.retain(|before: &String| !before.contains(table));
        damage.push(said);
        let found = bench.ledger.check().await.unwrap();
        assert_eq!(found.damage, damage, "after {change}");
    }
    pool.close().await;
}

on_every_database! {
    a_check_finds_a_device_with_two_open_jobs,
    a_check_finds_a_job_that_is_not_where_its_row_says,
    a_check_finds_a_counter_that_does_not_say_what_the_jobs_say,
    an_answer_with_a_nul_in_it_is_kept_like_any_other,
}
