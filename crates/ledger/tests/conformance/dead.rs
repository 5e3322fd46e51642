//! Dead letters.

use repilot_domain::{AttemptOutcome, DeadReason, JobAct, JobId};
use repilot_ledger::{DeadSelection, Verdict};

use crate::bench::{Bench, Database, alice, dead, settlement, succeeded};

async fn dead_letters_are_grouped_requeued_and_discarded(database: Database) {
    let bench = Bench::with_jobs(database, 3).await;
    let commit = bench.commit_as("w1");
    for _ in 0..3 {
        let job = bench.claim_one(&commit, "w1").await;
        commit.settle(dead(&job)).await.unwrap();
    }
    assert!(bench.has_ended().await);
    let groups = bench.ledger.dead_groups().await.unwrap();
    assert_eq!(
        (groups[0].reason, groups[0].jobs),
        (DeadReason::NotFound, 3)
    );
    assert_eq!(groups[0].message, "gone");
    bench.assert_counters_agree().await;

    let none = DeadSelection {
        reason: Some(DeadReason::Rejected),
        ..DeadSelection::default()
    };
    assert_eq!(
        bench
            .ledger
            .requeue(&none, &alice(), bench.now())
            .await
            .unwrap(),
        0
    );
    let one = DeadSelection {
        job: Some(JobId(1)),
        ..DeadSelection::default()
    };
    assert_eq!(
        bench
            .ledger
            .requeue(&one, &alice(), bench.now())
            .await
            .unwrap(),
        1
    );
    assert!(!bench.has_ended().await);
    let rest = DeadSelection {
        campaign: Some(bench.campaign),
        ..DeadSelection::default()
    };
    assert_eq!(
        bench
            .ledger
            .discard(&rest, &alice(), bench.now())
            .await
            .unwrap(),
        2
    );
    bench.assert_counters_agree().await;
    let job = bench.claim_one(&commit, "w1").await;
    assert_eq!(job.key.job, JobId(1));
    commit.settle(succeeded(&job)).await.unwrap();
    assert!(bench.has_ended().await);
}

async fn a_requeued_job_forgets_its_reason_but_not_that_it_must_be_looked_at(database: Database) {
    let bench = Bench::with_jobs(database, 2).await;
    let commit = bench.commit_as("w1");
    for reason in [DeadReason::AttemptsSpent, DeadReason::ReassignedMeanwhile] {
        let job = bench.claim_one(&commit, "w1").await;
        let verdict = Verdict::Dead {
            reason,
            uncertain: true,
            message: "504".to_owned(),
        };
        let said = settlement(&job, verdict, AttemptOutcome::Buried);
        assert!(commit.settle(said).await.unwrap());
    }
    let all = DeadSelection {
        campaign: Some(bench.campaign),
        ..DeadSelection::default()
    };
    // Who did not say that users may lose devices takes none from them, whatever was counted before.
    let (ledger, by) = (&bench.ledger, alice());
    let meant = ledger.dead_meant(JobAct::Requeue, &all).await.unwrap();
    let spared = ledger.act_sparing_users(JobAct::Requeue, &meant, &by, bench.now());
    let spared = spared.await.unwrap();
    assert_eq!((spared.jobs, spared.left), (1, 1));
    let requeued = ledger.requeue(&all, &by, bench.now()).await.unwrap();
    assert_eq!(requeued, 1);
    bench.attend().await;
    let spent = bench.claim_one(&commit, "w1").await;
    let reassigned = bench.claim_one(&commit, "w1").await;
    assert!(spent.uncertain && !reassigned.uncertain);
    let (job, _) = bench.ledger.job(spent.key.job).await.unwrap().unwrap();
    assert_eq!((job.reason.as_str(), job.attempts), ("", 0));
    bench.assert_counters_agree().await;
}

on_every_database! {
    dead_letters_are_grouped_requeued_and_discarded,
    a_requeued_job_forgets_its_reason_but_not_that_it_must_be_looked_at,
}
