//! Steering.

use repilot_domain::{CampaignStatus, JobState};
use repilot_ledger::NewJob;

use crate::bench::{
    Bench, Database, LEASE, START, alice, campaign, device, retry, succeeded, tenant,
};

async fn a_pause_takes_back_what_is_on_the_wire_and_resume_lets_it_go(database: Database) {
    let bench = Bench::with_jobs(database, 10).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    let wire = bench.dispatch("w1", 5).await;
    let pause = retry(&job, bench.now(), false, Some("403: no consent"));
    commit.settle(pause).await.unwrap();
    let campaign = bench.spring().await;
    assert_eq!(campaign.status, CampaignStatus::Paused);
    assert_eq!(campaign.status_reason, "403: no consent");
    assert_eq!(campaign.counts.pending, 10);
    assert!(commit.claim(wire[0].key).await.unwrap().is_none());
    assert!(bench.dispatch("w1", 5).await.is_empty());
    assert!(
        bench
            .ledger
            .resume(bench.campaign, &alice(), bench.now())
            .await
            .unwrap()
    );
    assert_eq!(bench.dispatch("w1", 20).await.len(), 10);
    bench.assert_counters_agree().await;
}

async fn an_unattended_campaign_is_not_dispatched(database: Database) {
    let bench = Bench::new(database).await;
    bench.enqueue(0..1).await;
    assert!(bench.dispatch("w1", 1).await.is_empty());
    assert!(
        bench
            .ledger
            .tenants_with_work(bench.now())
            .await
            .unwrap()
            .is_empty()
    );
    bench
        .ledger
        .lease_campaign(bench.campaign, bench.now().after(LEASE))
        .await
        .unwrap();
    assert_eq!(
        bench.ledger.tenants_with_work(bench.now()).await.unwrap(),
        [tenant()]
    );
    assert_eq!(bench.dispatch("w1", 1).await.len(), 1);
}

async fn cancelling_keeps_what_was_called_and_ends_the_campaign(database: Database) {
    let bench = Bench::with_jobs(database, 4).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    bench.dispatch("w1", 1).await;
    assert_eq!(
        bench
            .ledger
            .cancel(bench.campaign, &alice(), bench.now())
            .await
            .unwrap(),
        3
    );
    assert!(!bench.has_ended().await);
    commit.settle(succeeded(&job)).await.unwrap();
    let campaign = bench.spring().await;
    assert!(campaign.has_ended());
    assert_eq!(
        (campaign.counts.cancelled, campaign.counts.succeeded),
        (3, 1)
    );
    bench.assert_counters_agree().await;
}

async fn a_job_that_comes_back_to_a_cancelled_campaign_is_cancelled_with_it(database: Database) {
    let bench = Bench::with_jobs(database, 1).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    bench
        .ledger
        .cancel(bench.campaign, &alice(), bench.now())
        .await
        .unwrap();
    commit
        .settle(retry(&job, bench.now(), true, None))
        .await
        .unwrap();
    assert_eq!(bench.state_of(job.key.job).await, JobState::Cancelled);
    assert!(bench.has_ended().await);
    bench.assert_counters_agree().await;
}

async fn campaigns_of_a_tenant_share_a_dispatch_fairly(database: Database) {
    let bench = Bench::with_jobs(database, 100).await;
    let second = bench
        .ledger
        .open_campaign(&campaign("autumn"), &alice(), START)
        .await
        .unwrap()
        .id;
    let jobs: Vec<NewJob> = (0..3)
        .map(|number| NewJob {
            device: device(1_000 + number),
            line: 1,
            task: repilot_ledger::Task::default(),
        })
        .collect();
    bench.ledger.enqueue(second, &jobs, START).await.unwrap();
    bench.attend().await;
    let wire = bench.dispatch("w1", 4).await;
    assert_eq!(wire.len(), 4);
    let autumn = bench.ledger.campaign("autumn").await.unwrap().unwrap();
    assert_eq!(autumn.counts.queued, 2);
    // What one campaign does not need, the other gets.
    assert_eq!(bench.dispatch("w1", 40).await.len(), 40);
}

async fn a_large_campaign_is_cancelled_to_its_end(database: Database) {
    let bench = Bench::with_jobs(database, 25_000).await;
    let wire = bench.dispatch("w1", 100).await;
    let cancelled = bench
        .ledger
        .cancel(bench.campaign, &alice(), bench.now())
        .await;
    assert_eq!(cancelled.unwrap(), 25_000);
    let late = bench.commit_as("w1");
    let claimed = late.claim(wire[0].key).await.unwrap();
    assert!(claimed.is_none());
    let campaign = bench.spring().await;
    assert!(campaign.has_ended());
    assert_eq!(campaign.counts.cancelled, 25_000);
    bench.assert_counters_agree().await;
}

async fn a_campaign_that_has_ended_is_not_cancelled_any_more(database: Database) {
    let bench = Bench::new(database).await;
    bench.finish().await;
    assert!(bench.has_ended().await);
    let cancelled = bench
        .ledger
        .cancel(bench.campaign, &alice(), bench.now())
        .await;
    assert_eq!(cancelled.unwrap(), 0);
    assert_eq!(bench.spring().await.status, CampaignStatus::Active);
}

on_every_database! {
    a_pause_takes_back_what_is_on_the_wire_and_resume_lets_it_go,
    an_unattended_campaign_is_not_dispatched,
    cancelling_keeps_what_was_called_and_ends_the_campaign,
    a_job_that_comes_back_to_a_cancelled_campaign_is_cancelled_with_it,
    campaigns_of_a_tenant_share_a_dispatch_fairly,
    a_large_campaign_is_cancelled_to_its_end,
    a_campaign_that_has_ended_is_not_cancelled_any_more,
}
