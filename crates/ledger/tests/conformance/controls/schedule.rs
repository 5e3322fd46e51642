//! When a campaign may run.

use super::*;

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
    let late = commit.claim(wire[0].key).await.unwrap();
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

async fn a_deadline_in_the_past_is_refused(database: Database) {
    let bench = Bench::with_jobs(database, 1).await;
    let past = ControlChanges {
        deadline: Change::Set(bench.now()),
        ..ControlChanges::default()
    };
    let by = alice();
    let refused = bench
        .ledger
        .change_controls(bench.campaign, &past, &by, bench.now());
    let refused = refused.await.unwrap_err().to_string();
    assert!(refused.contains("it has passed"), "{refused}");
    assert_eq!(bench.spring().await.controls.schedule.deadline, None);
}

on_every_database! {
    a_deadline_in_the_past_is_refused,
    a_window_that_closes_takes_back_the_wire_and_opens_again_in_time,
    nothing_goes_out_before_the_beginning_or_after_the_deadline,
}
