//! What holds a campaign back.

use std::collections::BTreeSet;
use std::time::Duration;

use repilot_domain::{
    AuditEvent, CampaignStatus, CanaryPhase, Change, ControlChanges, Device, JobState, PauseCause,
    Timestamp, WorkerId,
};
use repilot_ledger::{
    AuditFilter, ClaimedJob, DispatchRoom, Dispatched, GroupCommit, NewJob, Settlement,
};

use crate::bench::{
    Bench, Database, LEASE, alice, as_worker, campaign, dead, device, list, retry, succeeded,
    tenant,
};

impl Bench {
    async fn change(&self, changes: ControlChanges) {
        let (by, now) = (alice(), self.now());
        self.ledger
            .change_controls(self.campaign, &changes, &by, now)
            .await
            .unwrap();
    }

    async fn turn(&self) {
        let by = as_worker("w1");
        let turned = self.ledger.turn_schedules(&by, self.now());
        turned.await.unwrap();
    }

    async fn resume(&self) {
        let by = alice();
        let resumed = self.ledger.resume(self.campaign, &by, self.now());
        assert!(resumed.await.unwrap());
    }

    async fn events(&self) -> Vec<AuditEvent> {
        let rows = self.ledger.audit(&AuditFilter::default(), 0, 1_000).await;
        rows.unwrap().into_iter().map(|row| row.event).collect()
    }

    /// So many devices of each of three tags, all but the last with two models.
    async fn with_canary(database: Database, canary: &str, each: usize) -> Self {
        let bench = Self::new(database).await;
        bench.change(with_canary(canary)).await;
        let jobs: Vec<NewJob> = (0..each * 3)
            .map(|number| {
                let device = Device {
                    group_tag: ["Sales", "Kiosk", ""][number % 3].to_owned(),
                    model: ["T14", "X1"][number / 3 % 2].to_owned(),
                    ..device(number)
                };
                NewJob {
                    device,
                    line: number as u64 + 1,
                    task: repilot_ledger::Task::default(),
                }
            })
            .collect();
        bench
            .ledger
            .enqueue(bench.campaign, &jobs, bench.now())
            .await
            .unwrap();
        bench.attend().await;
        bench
    }

    async fn settle_all(
        &self,
        commit: &GroupCommit,
        wire: &[Dispatched],
        verdict: impl Fn(&ClaimedJob) -> Settlement,
    ) {
        for delivery in wire {
            let claimed = commit.claim(delivery.queued()).await.unwrap();
            let Some(job) = claimed else { continue };
            assert!(commit.settle(verdict(&job)).await.unwrap());
        }
    }
}

fn with_canary(canary: &str) -> ControlChanges {
    ControlChanges {
        canary: Change::Set(canary.parse().unwrap()),
        ..ControlChanges::default()
    }
}

fn with_max_failures(limit: &str) -> ControlChanges {
    ControlChanges {
        max_failures: Change::Set(limit.parse().unwrap()),
        ..ControlChanges::default()
    }
}

fn with_window(hours: &str) -> ControlChanges {
    ControlChanges {
        windows: Change::Set(hours.parse().unwrap()),
        ..ControlChanges::default()
    }
}

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
        let (job, _) = bench.ledger.job(delivery.job).await.unwrap().unwrap();
        assert!(job.is_canary);
        spread.insert((job.group_tag, job.model));
    }
    assert_eq!(spread.len(), 5, "{spread:?}");
    let last = wire.last().unwrap().job;
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
    let first: BTreeSet<_> = wire.iter().map(|queued| queued.job).collect();
    commit.claim(wire[0].queued()).await.unwrap();
    bench.clock.advance(LEASE + Duration::from_secs(1));
    bench
        .ledger
        .rescue(&as_worker("w2"), bench.now())
        .await
        .unwrap();
    let wire = bench.dispatch("w2", 100).await;
    let again: BTreeSet<_> = wire.iter().map(|queued| queued.job).collect();
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
    let late = commit.claim(wire[0].queued()).await.unwrap();
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

async fn a_breaker_stops_at_its_number_and_counts_anew_after_a_resume(database: Database) {
    let bench = Bench::with_jobs(database, 60).await;
    bench.change(with_max_failures("10")).await;
    let commit = bench.commit_as("w1");
    let throttled = bench.dispatch("w1", 12).await;
    bench
        .settle_all(&commit, &throttled, |job| {
            retry(job, bench.now(), job.id.0 % 2 == 0, None)
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
        let last = commit.claim(wire[11].queued()).await.unwrap();
        bench.dispatch("w1", 5).await;
        commit.settle(dead(&last.unwrap())).await.unwrap();
        let spring = bench.spring().await;
        assert_eq!(spring.pause_cause, Some(PauseCause::Breaker));
        assert_eq!(
            spring.status_reason,
            "10 of the last 12 outcomes are dead letters (not-found 10), which reaches \
             max-failures 10; 10 times: gone"
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
        let claimed = commit.claim(delivery.queued()).await;
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
        waiting.push(commit.claim(delivery.queued()).await.unwrap().unwrap());
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
        let job = commit.claim(delivery.queued()).await.unwrap();
        let mut said = dead(&job.unwrap());
        if let repilot_ledger::Verdict::Dead { message, .. } = &mut said.verdict {
            let kind = if said.job.0 % 3 == 0 {
                "locked"
            } else {
                "retired"
            };
            *message = format!("400 Device SN-{:06} is {kind}", said.job.0);
        }
        commit.settle(said).await.unwrap()
    });
    futures::future::join_all(settled).await;
    let spring = bench.spring().await;
    assert_eq!(spring.pause_cause, Some(PauseCause::Breaker));
    let says = spring
        .status_reason
        .contains("times: 400 Device … is retired");
    assert!(says, "{}", spring.status_reason);
    assert_eq!(spring.counts.dead, 30);
}

async fn a_window_that_closes_takes_back_the_wire_and_opens_again_in_time(database: Database) {
    // It is Sunday, 08:15:30 UTC.
    let bench = Bench::with_jobs(database, 10).await;
    bench.change(with_window("08:00-09:00")).await;
    let closes = Timestamp::from_millis(1_772_355_600_000);
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    let wire = bench.dispatch("w1", 3).await;
    assert!(wire.iter().all(|queued| queued.until == Some(closes)));
    bench.clock.advance(closes.since(bench.now()));
    assert!(bench.dispatch("w1", 5).await.is_empty());
    let idle = bench.ledger.tenants_with_work(bench.now()).await.unwrap();
    assert!(idle.is_empty());
    bench.turn().await;
    assert_eq!(bench.spring().await.counts.queued, 0);
    let late = commit.claim(wire[0].queued()).await.unwrap();
    assert!(late.is_none(), "it went back");
    assert!(
        commit.settle(succeeded(&job)).await.unwrap(),
        "what is in flight ends"
    );
    bench
        .clock
        .advance(Duration::from_hours(23) - Duration::from_millis(1));
    bench.attend().await;
    bench.turn().await;
    assert!(bench.dispatch("w1", 5).await.is_empty());
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!(bench.dispatch("w1", 5).await.len(), 5);
    bench.assert_counters_agree().await;
}

async fn nothing_goes_out_before_the_beginning_or_after_the_deadline(database: Database) {
    let bench = Bench::with_jobs(database, 10).await;
    let minutes = |minutes| bench.now().after(Duration::from_mins(minutes));
    let (begin, deadline) = (minutes(5), minutes(10));
    bench
        .change(ControlChanges {
            not_before: Change::Set(begin),
            deadline: Change::Set(deadline),
            ..ControlChanges::default()
        })
        .await;
    assert!(bench.dispatch("w1", 5).await.is_empty());
    bench.clock.advance(Duration::from_mins(5));
    bench.turn().await;
    let wire = bench.dispatch("w1", 5).await;
    assert_eq!(wire.len(), 5);
    assert_eq!(wire[0].until, Some(deadline));
    bench.clock.advance(Duration::from_mins(5));
    bench.turn().await;
    let spring = bench.spring().await;
    assert_eq!(spring.pause_cause, Some(PauseCause::Deadline));
    assert!(
        spring.status_reason.ends_with("passed with 10 jobs left"),
        "{}",
        spring.status_reason
    );
    assert_eq!((spring.counts.pending, spring.has_ended()), (10, false));
    bench
        .change(ControlChanges {
            deadline: Change::Clear,
            ..ControlChanges::default()
        })
        .await;
    bench.resume().await;
    assert_eq!(bench.dispatch("w1", 50).await.len(), 10);
}

async fn the_higher_priority_goes_first_and_equals_share(database: Database) {
    let bench = Bench::with_jobs(database, 10).await;
    let mut others = Vec::new();
    for (name, priority) in [("high", "high"), ("too", "high"), ("low", "low")] {
        let id = bench
            .ledger
            .open_campaign(&campaign(name), &alice(), bench.now())
            .await
            .unwrap()
            .id;
        let changes = ControlChanges {
            priority: Change::Set(priority.parse().unwrap()),
            ..ControlChanges::default()
        };
        bench
            .ledger
            .change_controls(id, &changes, &alice(), bench.now())
            .await
            .unwrap();
        bench
            .ledger
            .begin_list(id, &list(), &alice(), bench.now())
            .await
            .unwrap();
        let jobs: Vec<NewJob> = (0..10)
            .map(|number| NewJob {
                device: device(number),
                line: 1,
                task: repilot_ledger::Task::default(),
            })
            .collect();
        bench.ledger.enqueue(id, &jobs, bench.now()).await.unwrap();
        others.push(id);
    }
    bench.attend().await;
    let of = |wire: &[Dispatched]| {
        let mut counts = [0; 4];
        for queued in wire {
            let place = others.iter().position(|id| *id == queued.campaign);
            counts[place.map_or(3, |place| place)] += 1;
        }
        counts
    };
    assert_eq!(of(&bench.dispatch("w1", 8).await), [4, 4, 0, 0]);
    assert_eq!(of(&bench.dispatch("w1", 14).await), [6, 6, 0, 2]);
    assert_eq!(of(&bench.dispatch("w1", 14).await), [0, 0, 6, 8]);
}

async fn a_campaign_with_a_ceiling_has_no_more_on_the_wire_than_it_allows(database: Database) {
    let bench = Bench::with_jobs(database, 10).await;
    bench
        .change(ControlChanges {
            rate: Change::Set("2/s".parse().unwrap()),
            ..ControlChanges::default()
        })
        .await;
    let rated = bench.ledger.rated_campaigns(bench.now()).await.unwrap();
    assert_eq!((rated.len(), rated[0].id), (1, bench.campaign));
    let dispatch = |jobs, of_spring: Option<usize>| {
        let bench = &bench;
        async move {
            let room = DispatchRoom {
                jobs,
                turn: 0,
                rated: of_spring
                    .map(|most| (bench.campaign, most))
                    .into_iter()
                    .collect(),
            };
            let until = bench.now().after(LEASE);
            let worker = WorkerId("w1".to_owned());
            bench
                .ledger
                .dispatch(&tenant(), &worker, &room, bench.now(), until)
                .await
                .unwrap()
        }
    };
    assert!(dispatch(5, None).await.is_empty());
    let wire = dispatch(5, Some(3)).await;
    assert_eq!(wire.len(), 3);
    assert_eq!(wire[0].rate, "2/s".parse().ok());
    assert!(dispatch(5, Some(3)).await.is_empty());
    let commit = bench.commit_as("w1");
    bench.settle_all(&commit, &wire[..1], succeeded).await;
    assert_eq!(dispatch(5, Some(3)).await.len(), 1);
    let since = bench.now().before(Duration::from_mins(1));
    let calls = bench
        .ledger
        .campaign_calls(bench.campaign, since, bench.now())
        .await
        .unwrap();
    assert_eq!(calls.len(), 1);
}

async fn a_change_is_audited_with_what_was_and_what_is_and_a_contradiction_changes_nothing(
    database: Database,
) {
    let bench = Bench::with_jobs(database, 1).await;
    bench.change(with_window("20:00-06:00")).await;
    bench.change(with_window("20:00-06:00")).await;
    let rows = bench
        .ledger
        .audit(&AuditFilter::default(), 0, 100)
        .await
        .unwrap();
    let changes: Vec<_> = rows
        .iter()
        .filter(|row| row.event == AuditEvent::SettingsChanged)
        .collect();
    assert_eq!(changes.len(), 1);
    assert_eq!(
        changes[0].detail,
        serde_json::json!({ "changes": ["window none, now 20:00-06:00"] })
    );
    let bad = ControlChanges {
        not_before: Change::Set(bench.now()),
        deadline: Change::Set(bench.now()),
        ..ControlChanges::default()
    };
    let by = alice();
    let refused = bench
        .ledger
        .change_controls(bench.campaign, &bad, &by, bench.now());
    assert!(refused.await.is_err());
    assert_eq!(bench.spring().await.controls.schedule.deadline, None);
}

on_every_database! {
    exactly_the_canary_goes_out_and_then_the_campaign_waits_with_its_result,
    a_canary_that_is_good_enough_lets_the_rest_go_by_itself,
    a_canary_whose_worker_vanished_is_the_same_canary,
    a_canary_of_all_ends_the_campaign_and_one_that_is_taken_away_lets_it_go,
    a_canary_that_a_running_campaign_gets_holds_back_what_was_not_called,
    a_breaker_stops_at_its_number_and_counts_anew_after_a_resume,
    what_is_claimed_when_a_breaker_trips_is_told_and_what_is_claimed_later_is_not,
    a_stop_that_another_process_made_is_known_with_the_next_batch,
    a_batch_that_breaks_says_so_once_and_its_commonest_message,
    a_window_that_closes_takes_back_the_wire_and_opens_again_in_time,
    nothing_goes_out_before_the_beginning_or_after_the_deadline,
    the_higher_priority_goes_first_and_equals_share,
    a_campaign_with_a_ceiling_has_no_more_on_the_wire_than_it_allows,
    a_change_is_audited_with_what_was_and_what_is_and_a_contradiction_changes_nothing,
}
