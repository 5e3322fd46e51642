//! Campaigns that wait for a person to sign in again.

use repilot_domain::TenantName;

use super::*;

const WORDS: &str = "sign in again: repilot login";

impl Bench {
    async fn sign_out(&self) -> usize {
        let (by, now) = (as_worker("w1"), self.now());
        let paused = self
            .ledger
            .pause_signed_out(&tenant(), WORDS, &by, now)
            .await;
        paused.unwrap().len()
    }

    async fn sign_in(&self) -> usize {
        let (by, now) = (as_worker("w1"), self.now());
        let resumed = self.ledger.resume_signed_in(&tenant(), &by, now).await;
        resumed.unwrap().len()
    }
}

async fn a_lost_sign_in_pauses_and_a_new_one_resumes(database: Database) {
    let bench = Bench::with_jobs(database, 4).await;
    assert_eq!(bench.dispatch("w1", 2).await.len(), 2);
    assert_eq!(bench.sign_out().await, 1);
    let spring = bench.spring().await;
    assert_eq!(spring.pause_cause, Some(PauseCause::SignIn));
    assert_eq!(spring.status_reason, WORDS);
    assert!(spring.may_be_tried_again());
    assert_eq!(bench.sign_out().await, 0, "once is enough");
    assert!(bench.dispatch("w1", 4).await.is_empty());
    let other = TenantName::new("fabrikam").unwrap();
    let by = as_worker("w1");
    let resumed = bench.ledger.resume_signed_in(&other, &by, bench.now());
    assert!(resumed.await.unwrap().is_empty(), "it is another tenant's");
    assert_eq!(bench.sign_in().await, 1);
    assert_eq!(bench.dispatch("w1", 4).await.len(), 4);
    bench.assert_counters_agree().await;
}

async fn a_new_sign_in_lifts_no_other_pause(database: Database) {
    let bench = Bench::with_jobs(database, 4).await;
    bench.sign_out().await;
    let (by, now) = (alice(), bench.now());
    let paused = bench
        .ledger
        .pause_by_person(bench.campaign, "holiday", &by, now);
    assert!(paused.await.unwrap());
    assert_eq!(bench.sign_in().await, 0);
    let spring = bench.spring().await;
    assert_eq!(spring.pause_cause, Some(PauseCause::Person));
    assert!(spring.status_reason.contains("holiday"));
    assert_eq!(bench.sign_out().await, 0, "nor does a lost one replace it");
    assert_eq!(bench.spring().await.pause_cause, Some(PauseCause::Person));
}

async fn a_canary_that_ends_meanwhile_still_waits_for_a_person(database: Database) {
    let bench = Bench::with_canary(database, "4", 4).await;
    bench.finish().await;
    let commit = bench.commit_as("w1");
    let wire = bench.dispatch("w1", 100).await;
    let mut claimed = Vec::new();
    for delivery in &wire {
        claimed.push(commit.claim(delivery.key).await.unwrap().unwrap());
    }
    bench.sign_out().await;
    for job in &claimed {
        commit.settle(succeeded(job)).await.unwrap();
    }
    let spring = bench.spring().await;
    assert_eq!(spring.pause_cause, Some(PauseCause::Canary));
    assert_eq!(bench.sign_in().await, 0);
    assert!(bench.dispatch("w1", 100).await.is_empty());
}

on_every_database! {
    a_lost_sign_in_pauses_and_a_new_one_resumes,
    a_new_sign_in_lifts_no_other_pause,
    a_canary_that_ends_meanwhile_still_waits_for_a_person,
}
