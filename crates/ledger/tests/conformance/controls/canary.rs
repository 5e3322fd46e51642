//! A few devices go first, and the others wait for what they come to.

use super::*;

async fn exactly_the_canary_goes_out_and_then_the_campaign_waits_with_its_result(
    database: Database,
) {
    let bench = Bench::with_canary(database, "5", 20).await;
    let commit = bench.commit_as("w1");
    assert!(
        bench.dispatch("w1", 100).await.is_empty(),
        "nothing goes out before the list is whole"
    );
    bench.finish().await;
    let wire = bench.dispatch("w1", 100).await;
    assert_eq!(wire.len(), 5);
    let mut spread = BTreeSet::new();
    for delivery in &wire {
        let (job, _) = bench.ledger.job(delivery.key.job).await.unwrap().unwrap();
        assert!(job.is_canary);
        spread.insert((job.group_tag, job.model));
    }
    assert_eq!(spread.len(), 5, "{spread:?}");
    let last = wire.last().unwrap().key.job;
    bench.settle_all(&commit, &wire[..4], succeeded).await;
    assert_eq!(bench.spring().await.status, CampaignStatus::Active);
    bench.settle_all(&commit, &wire[4..], dead).await;
    let spring = bench.spring().await;
    assert_eq!(spring.status, CampaignStatus::Paused);
    assert_eq!(spring.pause_cause, Some(PauseCause::Canary));
    assert_eq!(spring.canary_phase, CanaryPhase::Waiting);
    assert_eq!(
        spring.status_reason,
        "canary: 4 of 5 succeeded, 1 dead (not-found)"
    );
    assert!(!spring.may_be_tried_again());
    assert!(bench.dispatch("w1", 100).await.is_empty());
    bench.resume().await;
    assert_eq!(bench.dispatch("w1", 100).await.len(), 55);
    assert_eq!(bench.state_of(last).await, JobState::Dead);
    let events = bench.events().await;
    for event in [AuditEvent::CanaryWaiting, AuditEvent::CanaryPassed] {
        assert_eq!(events.iter().filter(|seen| **seen == event).count(), 1);
    }
    bench.assert_counters_agree().await;
}

async fn a_canary_that_is_good_enough_lets_the_rest_go_by_itself(database: Database) {
    for (auto, goes_on) in [("0.75", true), ("0.76", false)] {
        let bench = Bench::with_canary(database, "4", 4).await;
        bench
            .change(ControlChanges {
                canary_auto: Change::Set(auto.parse().unwrap()),
                ..ControlChanges::default()
            })
            .await;
        bench.finish().await;
        let commit = bench.commit_as("w1");
        let wire = bench.dispatch("w1", 100).await;
        bench.settle_all(&commit, &wire[..1], dead).await;
        bench.settle_all(&commit, &wire[1..], succeeded).await;
        let spring = bench.spring().await;
        assert_eq!(spring.status == CampaignStatus::Active, goes_on);
        let rest = if goes_on { 8 } else { 0 };
        assert_eq!(bench.dispatch("w1", 100).await.len(), rest);
        let says = spring.status_reason.contains("fewer than the 76%");
        assert_eq!(says, !goes_on, "{}", spring.status_reason);
    }
}

async fn a_canary_whose_worker_vanished_is_the_same_canary(database: Database) {
    let bench = Bench::with_canary(database, "3", 10).await;
    bench.finish().await;
    let commit = bench.commit_as("w1");
    let wire = bench.dispatch("w1", 100).await;
    let first: BTreeSet<_> = wire.iter().map(|queued| queued.key.job).collect();
    commit.claim(wire[0].key).await.unwrap();
    bench.clock.advance(LEASE + Duration::from_secs(1));
    bench
        .ledger
        .rescue(&as_worker("w2"), bench.now())
        .await
        .unwrap();
    let wire = bench.dispatch("w2", 100).await;
    let again: BTreeSet<_> = wire.iter().map(|queued| queued.key.job).collect();
    assert_eq!(again, first);
    let commit = bench.commit_as("w2");
    bench.settle_all(&commit, &wire, succeeded).await;
    assert_eq!(bench.spring().await.canary_phase, CanaryPhase::Waiting);
}

async fn a_canary_of_all_ends_the_campaign_and_one_that_is_taken_away_lets_it_go(
    database: Database,
) {
    let bench = Bench::with_canary(database, "100%", 2).await;
    bench.finish().await;
    let commit = bench.commit_as("w1");
    let wire = bench.dispatch("w1", 100).await;
    assert_eq!(wire.len(), 6);
    bench.settle_all(&commit, &wire, succeeded).await;
    let spring = bench.spring().await;
    assert!(spring.has_ended() && spring.canary_phase == CanaryPhase::Passed);

    let bench = Bench::with_canary(database, "1", 2).await;
    bench.finish().await;
    assert_eq!(bench.dispatch("w1", 100).await.len(), 1);
    bench
        .change(ControlChanges {
            canary: Change::Clear,
            ..ControlChanges::default()
        })
        .await;
    assert_eq!(bench.dispatch("w1", 100).await.len(), 6);
}

async fn a_canary_that_a_running_campaign_gets_holds_back_what_was_not_called(database: Database) {
    let bench = Bench::with_jobs(database, 20).await;
    let commit = bench.commit_as("w1");
    let called = bench.claim_one(&commit, "w1").await;
    let wire = bench.dispatch("w1", 10).await;
    bench.change(with_canary("2")).await;
    let late = commit.claim(wire[0].key).await.unwrap();
    assert!(late.is_none(), "it went back");
    let canary = bench.dispatch("w1", 100).await;
    assert_eq!(canary.len(), 2);
    assert!(commit.settle(succeeded(&called)).await.unwrap());
    assert_eq!(bench.spring().await.canary_phase, CanaryPhase::Running);
    bench.settle_all(&commit, &canary, succeeded).await;
    assert_eq!(bench.spring().await.canary_phase, CanaryPhase::Waiting);
    // The same one again is not chosen anew.
    bench.change(with_canary("2")).await;
    assert_eq!(bench.spring().await.canary_phase, CanaryPhase::Waiting);
}

async fn a_canary_that_passed_is_never_chosen_again(database: Database) {
    for waits_first in [true, false] {
        let bench = Bench::with_canary(database, "2", 4).await;
        bench.finish().await;
        let commit = bench.commit_as("w1");
        let wire = bench.dispatch("w1", 100).await;
        bench.settle_all(&commit, &wire[..1], succeeded).await;
        if waits_first {
            bench.settle_all(&commit, &wire[1..], succeeded).await;
            bench.resume().await;
        }
        let none = ControlChanges {
            canary: Change::Clear,
            ..ControlChanges::default()
        };
        bench.change(none).await;
        // The same command again, with the canary that it began with.
        bench.change(with_canary("2")).await;
        assert_eq!(bench.spring().await.canary_phase, CanaryPhase::Passed);
        let rest = bench.dispatch("w1", 100).await.len();
        assert_eq!(rest, if waits_first { 10 } else { 11 });
    }
}

on_every_database! {
    a_canary_that_passed_is_never_chosen_again,
    exactly_the_canary_goes_out_and_then_the_campaign_waits_with_its_result,
    a_canary_that_is_good_enough_lets_the_rest_go_by_itself,
    a_canary_whose_worker_vanished_is_the_same_canary,
    a_canary_of_all_ends_the_campaign_and_one_that_is_taken_away_lets_it_go,
    a_canary_that_a_running_campaign_gets_holds_back_what_was_not_called,
}
