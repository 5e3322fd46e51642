//! What a lost, frozen or second process may do.

use std::time::Duration;

use repilot_domain::{AttemptOutcome, JobState, LaneKind, Timestamp, WorkerId};

use repilot_ledger::LaneState;

use crate::bench::{
    Bench, Database, LEASE, START, as_worker, lane_state, succeeded, tenant, token,
};

async fn a_rescued_job_is_uncertain_and_what_its_old_owner_says_later_is_refused(
    database: Database,
) {
    let bench = Bench::with_jobs(database, 1).await;
    let old = bench.commit_as("old");
    let job = bench.claim_one(&old, "old").await;
    bench.clock.advance(LEASE + Duration::from_millis(1));
    bench.attend().await;
    let rescued = bench
        .ledger
        .rescue(&as_worker("w9"), bench.now())
        .await
        .unwrap();
    assert_eq!((rescued.queued, rescued.running), (0, 1));
    assert!(
        !old.settle(succeeded(&job)).await.unwrap(),
        "the fence must hold"
    );

    let new = bench.commit_as("new");
    let again = bench.claim_one(&new, "new").await;
    assert!(again.uncertain);
    assert!(
        !old.settle(succeeded(&job)).await.unwrap(),
        "the fence must hold"
    );
    assert!(new.settle(succeeded(&again)).await.unwrap());
    let outcomes: Vec<_> = bench
        .ledger
        .attempts(job.key.job)
        .await
        .unwrap()
        .iter()
        .map(|row| row.outcome)
        .collect();
    assert_eq!(outcomes, [AttemptOutcome::Lost, AttemptOutcome::Succeeded]);
    bench.assert_counters_agree().await;
}

async fn a_renewed_lease_is_not_rescued_and_a_lost_wire_is(database: Database) {
    let bench = Bench::with_jobs(database, 2).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    bench.dispatch("w2", 1).await;
    bench.clock.advance(LEASE);
    let until = bench.now().after(LEASE);
    assert_eq!(
        bench
            .ledger
            .renew_leases(&WorkerId("w1".to_owned()), &commit.claimed(), until)
            .await
            .unwrap(),
        1
    );
    bench.clock.advance(Duration::from_millis(1));
    let rescued = bench
        .ledger
        .rescue(&as_worker("w9"), bench.now())
        .await
        .unwrap();
    assert_eq!((rescued.queued, rescued.running), (1, 0));
    assert_eq!(bench.state_of(job.key.job).await, JobState::Running);
    bench.assert_counters_agree().await;
}

/// However many jobs wait: whoever steers the campaign meanwhile would be told a wrong sum.
async fn what_a_lost_worker_left_goes_before_all_others(database: Database) {
    let bench = Bench::with_jobs(database, 40).await;
    let lost = bench.commit_as("w1");
    let lost = bench.claim_one(&lost, "w1").await;
    bench.dispatch("w2", 10).await;
    bench.clock.advance(LEASE + Duration::from_millis(1));
    let rescued = bench.ledger.rescue(&as_worker("w2"), bench.now()).await;
    assert_eq!(rescued.unwrap().running, 1);
    let oldest = bench.ledger.oldest_due(bench.now()).await.unwrap();
    assert_eq!(oldest, [(bench.campaign, START)]);
    // A process that goes on where it left off finds it a moment later.
    let ledger = bench.place.open().await;
    let (worker, until) = (WorkerId("w3".to_owned()), bench.now().after(LEASE));
    let wire = ledger
        .dispatch(&tenant(), (&worker, token()), &1.into(), bench.now(), until)
        .await
        .unwrap();
    assert_eq!(wire[0].key.job, lost.key.job);
}

async fn a_claim_that_its_process_does_not_know_of_runs_out(database: Database) {
    let bench = Bench::with_jobs(database, 2).await;
    let commit = bench.commit_as("w1");
    let known = bench.claim_one(&commit, "w1").await;
    // As a standby says that took over and lacks the settlement.
    let unknown = bench.claim_one(&bench.commit_as("w1"), "w1").await;
    let worker = WorkerId("w1".to_owned());
    let until = bench.now().after(LEASE * 2);
    let claimed = commit.claimed();
    assert_eq!(claimed, [known.key]);
    let renewed = bench.ledger.renew_claimed(&worker, &claimed, until).await;
    assert_eq!(renewed.unwrap(), 1);
    bench.clock.advance(LEASE + Duration::from_millis(1));
    let rescued = bench.ledger.rescue(&as_worker("w9"), bench.now()).await;
    assert_eq!(rescued.unwrap().running, 1);
    assert_eq!(bench.state_of(known.key.job).await, JobState::Running);
    assert_eq!(bench.state_of(unknown.key.job).await, JobState::Pending);
    assert!(commit.settle(succeeded(&known)).await.unwrap());
    assert!(commit.claimed().is_empty());
    bench.assert_counters_agree().await;
}

async fn one_process_at_a_time_holds_a_lane(database: Database) {
    let bench = Bench::new(database).await;
    let [one, two] = ["one", "two"].map(|name| WorkerId(name.to_owned()));
    let until = bench.now().after(LEASE);
    let hold = |owner: &WorkerId, now: Timestamp| {
        let (ledger, owner) = (bench.ledger.clone(), owner.clone());
        async move {
            ledger
                .hold_lane(&tenant(), &owner, now, now.after(LEASE))
                .await
                .unwrap()
                .owner
        }
    };
    assert_eq!(hold(&one, bench.now()).await, one);
    assert_eq!(hold(&two, bench.now()).await, one);
    assert_eq!(hold(&two, until.after(Duration::from_millis(1))).await, two);
    bench.ledger.release_lanes(&two).await.unwrap();
    assert_eq!(hold(&one, bench.now()).await, one);
}

async fn who_takes_a_lane_over_knows_the_calls_that_still_count(database: Database) {
    let bench = Bench::with_jobs(database, 3).await;
    let commit = bench.commit_as("w1");
    let first = bench.claim_one(&commit, "w1").await;
    commit.settle(succeeded(&first)).await.unwrap();
    bench.claim_one(&commit, "w1").await;
    let since = START.before(Duration::from_secs(20));
    let now = START.after(Duration::from_secs(1));
    let calls = bench
        .ledger
        .recent_calls(&tenant(), LaneKind::Writes, since, now)
        .await
        .unwrap();
    let ends: Vec<_> = calls.iter().map(|call| call.ended_at).collect();
    assert_eq!(ends, [START, now]);
}

async fn a_lease_from_before_the_clock_was_set_back_holds_nothing(database: Database) {
    let bench = Bench::with_jobs(database, 2).await;
    let commit = bench.commit_as("w1");
    bench.clock.advance(Duration::from_hours(1));
    bench.attend().await;
    bench.claim_one(&commit, "w1").await;
    bench.dispatch("w1", 1).await;
    let owner = WorkerId("w1".to_owned());
    let until = bench.now().after(LEASE);
    bench
        .ledger
        .hold_lane(&tenant(), &owner, bench.now(), until)
        .await
        .unwrap();
    let rescued = bench.ledger.rescue(&as_worker("w9"), START).await.unwrap();
    assert_eq!((rescued.queued, rescued.running), (1, 1));
    let other = WorkerId("w2".to_owned());
    let hold = bench
        .ledger
        .hold_lane(&tenant(), &other, START, START.after(LEASE))
        .await
        .unwrap();
    assert_eq!(hold.owner, other);
    bench.assert_counters_agree().await;
}

async fn what_a_lane_says_is_kept_whether_or_not_it_has_something_to_say(database: Database) {
    let bench = Bench::with_jobs(database, 1).await;
    let quiet = LaneState {
        learnt_limit: None,
        gate_until: None,
        ..lane_state("contoso")
    };
    let closed = LaneState {
        learnt_limit: Some(12.5),
        gate_until: Some(START),
        ..lane_state("contoso")
    };
    let of_reads = |state: &LaneState| LaneState {
        kind: LaneKind::Reads,
        ..state.clone()
    };
    for (reads, writes) in [(&quiet, &closed), (&closed, &quiet)] {
        let said = [of_reads(reads), writes.clone()];
        bench.ledger.save_lane_states(&said).await.unwrap();
        let kept = bench.ledger.lane_states().await.unwrap();
        for said in said {
            let kept = kept.iter().find(|kept| kept.kind == said.kind).unwrap();
            assert_eq!(kept.learnt_limit, said.learnt_limit);
            assert_eq!(kept.gate_until, said.gate_until);
        }
    }
}

on_every_database! {
    what_a_lost_worker_left_goes_before_all_others,
    what_a_lane_says_is_kept_whether_or_not_it_has_something_to_say,
    a_rescued_job_is_uncertain_and_what_its_old_owner_says_later_is_refused,
    a_renewed_lease_is_not_rescued_and_a_lost_wire_is,
    a_claim_that_its_process_does_not_know_of_runs_out,
    one_process_at_a_time_holds_a_lane,
    who_takes_a_lane_over_knows_the_calls_that_still_count,
    a_lease_from_before_the_clock_was_set_back_holds_nothing,
}
