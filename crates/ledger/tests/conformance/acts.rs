//! What a person does to many jobs at once.

use repilot_domain::{AuditEvent, JobAct, JobId, JobQuery, JobState};
use repilot_ledger::{ActedOn, AuditFilter, JobSelection, JobsMeant};

use crate::bench::{Bench, Database, alice, dead, succeeded};

async fn all(bench: &Bench, text: &str) -> JobSelection {
    let query: JobQuery = text.parse().unwrap();
    let campaign = Some(bench.campaign);
    let meant = bench.ledger.jobs_meant(campaign, &query).await.unwrap();
    JobSelection::All {
        campaign,
        query,
        meant,
    }
}

async fn act(bench: &Bench, act: JobAct, selection: &JobSelection) -> ActedOn {
    let acted_on = bench
        .ledger
        .act(act, selection, &alice(), bench.now())
        .await
        .unwrap();
    bench.assert_counters_agree().await;
    acted_on
}

async fn kill(bench: &Bench, jobs: usize) {
    let commit = bench.commit_as("w1");
    for _ in 0..jobs {
        let job = bench.claim_one(&commit, "w1").await;
        assert!(commit.settle(dead(&job)).await.unwrap());
    }
}

async fn no_more_are_changed_than_were_counted(database: Database) {
    let bench = Bench::with_jobs(database, 20).await;
    kill(&bench, 8).await;
    let eight = all(&bench, "state:dead").await;
    kill(&bench, 4).await;
    let acted_on = act(&bench, JobAct::Requeue, &eight).await;
    assert_eq!(acted_on, ActedOn { jobs: 8, left: 0 });
    assert_eq!(bench.state_of(JobId(8)).await, JobState::Pending);
    assert_eq!(bench.state_of(JobId(9)).await, JobState::Dead);
    // Fewer than there are, although all of them are as old.
    let JobSelection::All {
        campaign, query, ..
    } = eight
    else {
        unreachable!()
    };
    let meant = JobsMeant {
        jobs: 3,
        up_to: JobId(20),
    };
    let three = JobSelection::All {
        campaign,
        query,
        meant,
    };
    let acted_on = act(&bench, JobAct::Discard, &three).await;
    assert_eq!(acted_on, ActedOn { jobs: 3, left: 0 });
    assert_eq!(bench.spring().await.counts.dead, 1);
}

async fn what_was_picked_and_has_moved_on_is_left_as_it_is(database: Database) {
    let bench = Bench::with_jobs(database, 6).await;
    kill(&bench, 2).await;
    let commit = bench.commit_as("w1");
    let running = bench.claim_one(&commit, "w1").await;
    let picked = JobSelection::These((1..=6).chain([3, 99]).map(JobId).collect());
    let acted_on = act(&bench, JobAct::Skip, &picked).await;
    assert_eq!(acted_on, ActedOn { jobs: 3, left: 4 });
    assert_eq!(bench.state_of(running.key.job).await, JobState::Running);
    let acted_on = act(&bench, JobAct::Requeue, &picked).await;
    assert_eq!(acted_on, ActedOn { jobs: 2, left: 5 });
    assert!(commit.settle(succeeded(&running)).await.unwrap());
}

async fn a_job_that_was_taken_back_is_not_called_and_the_last_ends_its_campaign(
    database: Database,
) {
    let bench = Bench::with_jobs(database, 5).await;
    let wire = bench.dispatch("w1", 2).await;
    let selection = all(&bench, "state:pending,queued").await;
    let acted_on = act(&bench, JobAct::Cancel, &selection).await;
    assert_eq!(acted_on, ActedOn { jobs: 5, left: 0 });
    assert!(bench.has_ended().await);
    let commit = bench.commit_as("w1");
    for delivery in wire {
        let claimed = commit.claim(delivery.key).await.unwrap();
        assert!(claimed.is_none());
    }
}

/// In more than one transaction, and the audit has each of them by name.
async fn many_are_changed_chunk_by_chunk_and_the_audit_adds_up(database: Database) {
    let bench = Bench::with_jobs(database, 5_000).await;
    let selection = all(&bench, "tag:sales -serial:SN-00000?").await;
    let acted_on = act(&bench, JobAct::Skip, &selection).await;
    assert_eq!(
        acted_on,
        ActedOn {
            jobs: 4_990,
            left: 0
        }
    );
    let rows = bench
        .ledger
        .audit(&AuditFilter::default(), 0, 1_000)
        .await
        .unwrap();
    let skipped: Vec<_> = rows
        .iter()
        .filter(|row| row.event == AuditEvent::JobsSkipped)
        .collect();
    assert!(skipped.len() > 1);
    assert!(skipped.iter().all(|row| row.actor == alice().name));
    assert_eq!(skipped[0].detail["query"], "tag:sales -serial:sn-00000?");
    let jobs: i64 = skipped
        .iter()
        .map(|row| row.detail["jobs"].as_i64().unwrap())
        .sum();
    assert_eq!(jobs, 4_990);
}

on_every_database![
    no_more_are_changed_than_were_counted,
    what_was_picked_and_has_moved_on_is_left_as_it_is,
    a_job_that_was_taken_back_is_not_called_and_the_last_ends_its_campaign,
    many_are_changed_chunk_by_chunk_and_the_audit_adds_up,
];
