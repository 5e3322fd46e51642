//! What fails too often stops by itself.

use super::*;

async fn a_breaker_stops_at_its_number_and_counts_anew_after_a_resume(database: Database) {
    let bench = Bench::with_jobs(database, 60).await;
    bench.change(with_max_failures("10")).await;
    let commit = bench.commit_as("w1");
    let throttled = bench.dispatch("w1", 12).await;
    bench
        .settle_all(&commit, &throttled, |job| {
            retry(job, bench.now(), job.key.job.0 % 2 == 0, None)
        })
        .await;
    assert_eq!(bench.spring().await.status, CampaignStatus::Active);
    for turn in 1..=2 {
        let wire = bench.dispatch("w1", 12).await;
        bench.settle_all(&commit, &wire[..2], succeeded).await;
        bench.settle_all(&commit, &wire[2..11], dead).await;
        assert_eq!(
            bench.spring().await.status,
            CampaignStatus::Active,
            "9 are too few"
        );
        let last = commit.claim(wire[11].key).await.unwrap();
        bench.dispatch("w1", 5).await;
        commit.settle(dead(&last.unwrap())).await.unwrap();
        let spring = bench.spring().await;
        assert_eq!(spring.pause_cause, Some(PauseCause::Breaker));
        assert_eq!(
            spring.status_reason,
            "10 of 12 failed: 10 unknown to Graph; most often \"gone\""
        );
        assert_eq!((spring.counts.queued, spring.counts.dead), (0, turn * 10));
        assert!(bench.dispatch("w1", 5).await.is_empty());
        bench.resume().await;
    }
    let trips = bench.events().await;
    let trips = trips
        .iter()
        .filter(|seen| **seen == AuditEvent::BreakerTripped);
    assert_eq!(trips.count(), 2);
    bench.assert_counters_agree().await;
}

async fn what_is_claimed_when_a_breaker_trips_is_told_and_what_is_claimed_later_is_not(
    database: Database,
) {
    let bench = Bench::with_jobs(database, 10).await;
    bench.change(with_max_failures("2")).await;
    let commit = bench.commit_as("w1");
    let wire = bench.dispatch("w1", 5).await;
    let claim = async |place: usize| {
        let delivery = wire[place];
        let since = commit.moment();
        let claimed = commit.claim(delivery.key).await;
        claimed.unwrap().map(|job| (job, since))
    };
    let stopped = |since| commit.has_stopped(bench.campaign, since);
    let (first, second, waiting) = (claim(0).await, claim(1).await, claim(2).await);
    let (first, second) = (first.unwrap().0, second.unwrap().0);
    let (waiting, waits_since) = waiting.unwrap();
    commit.settle(dead(&first)).await.unwrap();
    assert!(!stopped(waits_since), "one is too few");
    // Its word and a claim in one batch: the claim is granted or refused, but never called.
    let (settled, beside) = tokio::join!(commit.settle(dead(&second)), claim(3));
    assert!(settled.unwrap());
    assert!(beside.is_none_or(|(_, since)| stopped(since)));
    assert!(stopped(waits_since));
    assert!(claim(4).await.is_none(), "it went back");
    bench.resume().await;
    commit
        .settle(retry(&waiting, bench.now(), false, None))
        .await
        .unwrap();
    assert!(stopped(waits_since), "it was claimed before");
    let since = commit.moment();
    bench.claim_one(&commit, "w1").await;
    assert!(!stopped(since));
}

async fn a_stop_that_another_process_made_is_known_with_the_next_batch(database: Database) {
    let bench = Bench::with_jobs(database, 10).await;
    let commit = bench.commit_as("w1");
    let wire = bench.dispatch("w1", 3).await;
    let waits_since = commit.moment();
    let mut waiting = Vec::new();
    for delivery in &wire {
        waiting.push(commit.claim(delivery.key).await.unwrap().unwrap());
    }
    let stopped = |since| commit.has_stopped(bench.campaign, since);
    assert!(!stopped(waits_since));
    let (by, now) = (alice(), bench.now());
    let paused = bench.ledger.pause(bench.campaign, "wait", &by, now).await;
    assert!(paused.unwrap());
    commit.settle(succeeded(&waiting[0])).await.unwrap();
    assert!(stopped(waits_since), "its own settlement said so");
    bench.resume().await;
    let since = commit.moment();
    commit.settle(succeeded(&waiting[1])).await.unwrap();
    assert!(!stopped(since), "it goes on");
    assert!(
        stopped(waits_since),
        "but what was claimed before went back"
    );
}

async fn a_batch_that_breaks_says_so_once_and_its_commonest_message(database: Database) {
    let bench = Bench::with_jobs(database, 40).await;
    bench.change(with_max_failures("20%")).await;
    let commit = bench.commit_as("w1");
    let wire = bench.dispatch("w1", 30).await;
    let settled = wire.iter().map(|delivery| async {
        let job = commit.claim(delivery.key).await.unwrap();
        let mut said = dead(&job.unwrap());
        if let repilot_ledger::Verdict::Dead { message, .. } = &mut said.verdict {
            let kind = if said.key.job.0 % 3 == 0 {
                "locked"
            } else {
                "retired"
            };
            *message = format!("400 Device SN-{:06} is {kind}", said.key.job.0);
        }
        commit.settle(said).await.unwrap()
    });
    futures::future::join_all(settled).await;
    let spring = bench.spring().await;
    assert_eq!(spring.pause_cause, Some(PauseCause::Breaker));
    let says = spring
        .status_reason
        .contains("most often \"400 Device … is retired\"");
    assert!(says, "{}", spring.status_reason);
    assert_eq!(spring.counts.dead, 30);
}

async fn what_is_requeued_after_an_end_counts_anew(database: Database) {
    let bench = Bench::with_jobs(database, 10).await;
    bench.change(with_max_failures("5")).await;
    let commit = bench.commit_as("w1");
    let mut waiting = Vec::new();
    for delivery in bench.dispatch("w1", 10).await {
        waiting.push(commit.claim(delivery.key).await.unwrap().unwrap());
    }
    // The trip comes while the last are being called, and their ends end the campaign.
    for job in &waiting {
        commit.settle(dead(job)).await.unwrap();
    }
    let spring = bench.spring().await;
    assert!(spring.has_ended());
    assert_eq!(spring.pause_cause, Some(PauseCause::Breaker));
    let one = repilot_ledger::DeadSelection {
        job: Some(waiting[0].key.job),
        ..repilot_ledger::DeadSelection::default()
    };
    let (by, now) = (alice(), bench.now());
    assert_eq!(bench.ledger.requeue(&one, &by, now).await.unwrap(), 1);
    let spring = bench.spring().await;
    assert_eq!(spring.status, CampaignStatus::Active, "{spring:?}");
    // Nor do the old outcomes trip it when the next one fails.
    bench.attend().await;
    let again = bench.claim_one(&commit, "w1").await;
    commit.settle(dead(&again)).await.unwrap();
    let spring = bench.spring().await;
    assert_eq!(
        (spring.status, spring.pause_cause),
        (CampaignStatus::Active, None)
    );
    let resumed = bench.events().await;
    assert!(resumed.contains(&AuditEvent::Resumed));
    bench.assert_counters_agree().await;
}

async fn reasons_of_a_trip_are_said_in_words(database: Database) {
    let bench = Bench::with_jobs(database, 5).await;
    bench.change(with_max_failures("3")).await;
    let commit = bench.commit_as("w1");
    let wire = bench.dispatch("w1", 4).await;
    bench.settle_all(&commit, &wire[..1], succeeded).await;
    for (delivery, reason) in wire[1..].iter().zip([
        repilot_domain::DeadReason::ReassignedMeanwhile,
        repilot_domain::DeadReason::Rejected,
        repilot_domain::DeadReason::Rejected,
    ]) {
        let job = commit.claim(delivery.key).await.unwrap().unwrap();
        let mut said = dead(&job);
        said.verdict = repilot_ledger::Verdict::Dead {
            reason,
            uncertain: false,
            message: "200".to_owned(),
        };
        commit.settle(said).await.unwrap();
    }
    assert_eq!(
        bench.spring().await.status_reason,
        "3 of 4 failed: 2 refused, 1 has a new user"
    );
}

on_every_database! {
    what_is_requeued_after_an_end_counts_anew,
    reasons_of_a_trip_are_said_in_words,
    a_breaker_stops_at_its_number_and_counts_anew_after_a_resume,
    what_is_claimed_when_a_breaker_trips_is_told_and_what_is_claimed_later_is_not,
    a_stop_that_another_process_made_is_known_with_the_next_batch,
    a_batch_that_breaks_says_so_once_and_its_commonest_message,
}
