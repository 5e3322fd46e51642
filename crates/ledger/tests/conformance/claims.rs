//! A job's way from the wire to its end.

use std::time::Duration;

use repilot_domain::{AttemptOutcome, AuditEvent, JobId, JobState, WorkerId};
use repilot_ledger::{AuditFilter, ClaimKey, ClaimedJob, Dispatched, NewAttempt, RefusedResult};
use tokio::sync::mpsc;

use crate::bench::{
    Bench, Database, LEASE, START, as_worker, attempt, device, retry, succeeded, tenant, token,
};

async fn a_job_goes_from_enqueue_to_success_and_its_campaign_ends_with_it(database: Database) {
    let bench = Bench::with_jobs(database, 3).await;
    let commit = bench.commit_as("w1");
    for _ in 0..3 {
        let job = bench.claim_one(&commit, "w1").await;
        assert_eq!(bench.state_of(job.key.job).await, JobState::Running);
        assert!(commit.settle(succeeded(&job)).await.unwrap());
        assert_eq!(bench.state_of(job.key.job).await, JobState::Succeeded);
        assert_eq!(bench.ledger.attempts(job.key.job).await.unwrap().len(), 1);
    }
    let campaign = bench.spring().await;
    assert!(campaign.has_ended());
    assert_eq!((campaign.counts.succeeded, campaign.counts.calls), (3, 3));
    bench.assert_counters_agree().await;
}

async fn a_job_counts_as_queued_from_its_dispatch_to_its_claim(database: Database) {
    let bench = Bench::with_jobs(database, 5).await;
    let commit = bench.commit_as("w1");
    let none = bench.ledger.queued_by_tenant().await.unwrap();
    assert!(none.values().all(|queued| *queued == 0));
    let wire = bench.dispatch("w1", 3).await;
    let queued = bench.ledger.queued_by_tenant().await.unwrap();
    assert_eq!(queued.get(&tenant()), Some(&3));
    commit.claim(wire[0].key).await.unwrap();
    let queued = bench.ledger.queued_by_tenant().await.unwrap();
    assert_eq!(queued.get(&tenant()), Some(&2));
}

async fn a_second_delivery_of_the_same_dispatch_claims_nothing(database: Database) {
    let bench = Bench::with_jobs(database, 1).await;
    let commit = bench.commit_as("w1");
    let wire = bench.dispatch("w1", 5).await;
    assert_eq!(wire.len(), 1);
    let first = commit.claim(wire[0].key).await.unwrap();
    let second = commit.claim(wire[0].key).await.unwrap();
    assert!(first.is_some() && second.is_none());
    let later = ClaimKey {
        dispatch: wire[0].key.dispatch + 1,
        ..wire[0].key
    };
    assert!(commit.claim(later).await.unwrap().is_none());
}

async fn a_retry_waits_for_its_time_and_throttled_calls_spend_no_attempt(database: Database) {
    let bench = Bench::with_jobs(database, 1).await;
    let commit = bench.commit_as("w1");
    let due = bench.now().after(Duration::from_secs(5));
    let job = bench.claim_one(&commit, "w1").await;
    commit.settle(retry(&job, due, false, None)).await.unwrap();
    assert!(bench.dispatch("w1", 1).await.is_empty());
    assert_eq!(
        bench.ledger.next_due(&tenant(), bench.now()).await.unwrap(),
        Some(due)
    );
    bench.clock.advance(Duration::from_secs(5));
    let job = bench.claim_one(&commit, "w1").await;
    assert_eq!(job.attempts, 0);
    commit
        .settle(retry(&job, bench.now(), true, None))
        .await
        .unwrap();
    assert_eq!(bench.claim_one(&commit, "w1").await.attempts, 1);
    let counts = bench
        .ledger
        .campaign("spring")
        .await
        .unwrap()
        .unwrap()
        .counts;
    assert_eq!((counts.calls, counts.throttled), (2, 1));
}

async fn a_recalled_job_is_pending_again_and_its_old_delivery_claims_nothing(database: Database) {
    let bench = Bench::with_jobs(database, 1).await;
    let commit = bench.commit_as("w1");
    let wire = bench.dispatch("w1", 1).await;
    commit.recall(vec![wire[0].key]).await.unwrap();
    assert_eq!(bench.state_of(wire[0].key.job).await, JobState::Pending);
    let late = commit.claim(wire[0].key).await.unwrap();
    assert!(late.is_none());
    let again = bench.dispatch("w1", 1).await;
    assert_eq!(again[0].key.dispatch, wire[0].key.dispatch + 1);
    bench.assert_counters_agree().await;
}

/// PostgreSQL goes on where it left off, and looks before that place where too few follow.
async fn what_was_put_back_goes_out_again_once_and_in_order(database: Database) {
    let bench = Bench::with_jobs(database, 10).await;
    let commit = bench.commit_as("w1");
    let queued = |wire: &[Dispatched]| -> Vec<(i64, i64)> {
        wire.iter()
            .map(|said| (said.key.job.0, said.key.dispatch))
            .collect()
    };
    let first = bench.dispatch("w1", 7).await;
    assert_eq!(
        queued(&first),
        (1..=7).map(|job| (job, 1)).collect::<Vec<_>>()
    );
    let put_back = first[1..4].iter().map(|sent| sent.key).collect();
    commit.recall(put_back).await.unwrap();

    let some = queued(&bench.dispatch("w1", 5).await);
    let others = queued(&bench.dispatch("w1", 5).await);
    assert_eq!((some.len(), others.len()), (5, 1));
    assert!(some.is_sorted(), "{some:?}");
    let mut all = [some, others].concat();
    all.sort_unstable();
    assert_eq!(all, [(2, 2), (3, 2), (4, 2), (8, 1), (9, 1), (10, 1)]);
    assert!(bench.dispatch("w1", 5).await.is_empty());
    bench.assert_counters_agree().await;
}

async fn several_are_claimed_at_once_and_those_that_are_not_to_be_had_are_left_out(
    database: Database,
) {
    let bench = Bench::with_jobs(database, 3).await;
    let commit = bench.commit_as("w1");
    let wire = bench.dispatch("w1", 3).await;
    commit.recall(vec![wire[1].key]).await.unwrap();
    let all: Vec<ClaimKey> = wire.iter().map(|sent| sent.key).collect();
    let (once, twice) = tokio::join!(commit.claim_all(all.clone()), commit.claim_all(all));
    let mut claimed: Vec<JobId> = once.unwrap().iter().map(|job| job.key.job).collect();
    claimed.sort_unstable();
    assert_eq!(claimed, [wire[0].key.job, wire[2].key.job]);
    assert!(twice.unwrap().is_empty(), "each is claimed once");
    bench.assert_counters_agree().await;
}

async fn many_settle_in_few_transactions_and_each_is_answered(database: Database) {
    let bench = Bench::with_jobs(database, 1_500).await;
    let commit = bench.commit_as("w1");
    let wire = bench.dispatch("w1", 1_500).await;
    let tasks: Vec<_> = wire
        .into_iter()
        .map(|dispatched| {
            let commit = commit.clone();
            tokio::spawn(async move {
                let job = commit.claim(dispatched.key).await.unwrap().unwrap();
                assert_eq!(job.key.job, dispatched.key.job);
                commit.settle(succeeded(&job)).await.unwrap()
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    bench.assert_counters_agree().await;
    let campaign = bench.spring().await;
    assert_eq!(
        (campaign.counts.succeeded, campaign.counts.calls),
        (1_500, 1_500)
    );
}

async fn what_was_handed_over_is_settled_once_flushed_and_what_is_refused_is_told(
    database: Database,
) {
    let bench = Bench::with_jobs(database, 2).await;
    let commit = bench.commit_as("w1");
    let [taken, lost] = [
        bench.claim_one(&commit, "w1").await,
        bench.claim_one(&commit, "w1").await,
    ];
    let (unsettled, mut told) = mpsc::unbounded_channel();
    let mut stale = succeeded(&lost);
    stale.key.dispatch -= 1;
    for said in [succeeded(&taken), stale] {
        let device = lost.device.clone();
        commit.post(said, device, &unsettled).await.unwrap();
    }
    commit.flush().await.unwrap();
    assert_eq!(bench.state_of(taken.key.job).await, JobState::Succeeded);
    assert_eq!(bench.state_of(lost.key.job).await, JobState::Running);
    let refused = told.try_recv().unwrap();
    assert_eq!(refused.key.job, lost.key.job);
    assert!(refused.failure.is_none());
    assert!(told.try_recv().is_err());
    bench.assert_counters_agree().await;
}

async fn what_graph_said_is_kept_as_it_came(database: Database) {
    let bench = Bench::with_jobs(database, 2).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    let texts = [
        Some(""),
        None,
        Some("NULL"),
        Some(r#"said "no", \ and {no}, 'twice'"#),
        Some("two\nlines\tand \u{e9}\u{1f600}"),
        Some(r#"""#),
        Some(r"\"),
        Some("{}"),
        Some("$1 :name ?"),
    ];
    let mut said = succeeded(&job);
    said.attempts = (0..)
        .zip(texts)
        .map(|(number, text)| {
            let text = text.map(str::to_owned);
            NewAttempt {
                message: text.clone(),
                request_id: text.clone(),
                client_request_id: Some("c".to_owned()),
                diagnostic: text.clone(),
                code: text,
                ..attempt(
                    AttemptOutcome::Succeeded,
                    START.after(Duration::from_millis(number)),
                )
            }
        })
        .collect();
    said.attempts[0].message = Some("a\0b\u{1e}c\u{1f}".to_owned());
    assert!(commit.settle(said).await.unwrap());
    let mut kept = bench.ledger.attempts(job.key.job).await.unwrap();
    assert_eq!(
        kept[0].message.take().unwrap(),
        "a\u{fffd}b\u{fffd}c\u{fffd}",
        "no NUL, and nothing that marks where a text begins"
    );
    kept[0].message = Some(String::new());
    assert_eq!(kept.len(), texts.len());
    for (kept, text) in kept.iter().zip(texts) {
        let fields = [
            &kept.code,
            &kept.message,
            &kept.request_id,
            &kept.diagnostic,
        ];
        for field in fields {
            assert_eq!(field.as_deref(), text);
        }
        assert_eq!(kept.client_request_id.as_deref(), Some("c"));
        assert_eq!(kept.worker, "w1");
    }

    // Alone in its batch, too, nothing said and an empty word are two things.
    let job = bench.claim_one(&commit, "w1").await;
    let mut said = succeeded(&job);
    said.attempts[0].code = Some(String::new());
    said.attempts[0].message = None;
    assert!(commit.settle(said).await.unwrap());
    let kept = bench.ledger.attempts(job.key.job).await.unwrap();
    assert_eq!((kept.len(), kept[0].code.as_deref()), (1, Some("")));
    assert_eq!(kept[0].message, None);
}

/// A standby that lagged gives out the same numbers again; the tokens differ.
async fn a_claim_of_another_token_is_refused_whatever_is_said_of_it(database: Database) {
    let bench = Bench::with_jobs(database, 2).await;
    let commit = bench.commit_as("w1");
    let wire = bench.dispatch("w1", 2).await;
    let of_before = ClaimKey {
        token: token(),
        ..wire[0].key
    };
    assert!(commit.claim(of_before).await.unwrap().is_none());
    commit.recall(vec![of_before]).await.unwrap();
    assert_eq!(bench.state_of(of_before.job).await, JobState::Queued);

    let claimed = commit.claim(wire[0].key).await.unwrap().unwrap();
    let mut success = succeeded(&claimed);
    success.key = of_before;
    assert!(!commit.settle(success.clone()).await.unwrap());
    // Among others, too, that are taken at once.
    let other = commit.claim(wire[1].key).await.unwrap().unwrap();
    let both = tokio::join!(
        commit.settle(success.clone()),
        commit.settle(succeeded(&other))
    );
    assert_eq!((both.0.unwrap(), both.1.unwrap()), (false, true));
    let mut retried = retry(&claimed, bench.now(), true, None);
    retried.key = of_before;
    assert!(!commit.settle(retried).await.unwrap());
    let (worker, until) = (WorkerId("w1".to_owned()), bench.now().after(LEASE * 2));
    let claimed_before = [of_before];
    let renewed = bench.ledger.renew_claimed(&worker, &claimed_before, until);
    assert_eq!(renewed.await.unwrap(), 0);
    assert_eq!(bench.state_of(of_before.job).await, JobState::Running);
    assert!(
        bench
            .ledger
            .attempts(of_before.job)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(commit.settle(succeeded(&claimed)).await.unwrap());
    bench.assert_counters_agree().await;
}

/// As a standby says that took over and lacks the last commits.
async fn a_result_that_the_ledger_no_longer_knows_is_recorded_and_looked_at(database: Database) {
    let bench = Bench::with_jobs(database, 3).await;
    let commit = bench.commit_as("w1");
    let wire = bench.dispatch("w1", 2).await;
    let claimed = commit.claim_all(wire.iter().map(|sent| sent.key).collect());
    let claimed = claimed.await.unwrap();
    // The ledger is set back to before these claims: one is dispatched anew, and one is another's.
    bench
        .execute("UPDATE jobs_in_hand SET state = 'queued', token = 1")
        .await;
    bench
        .execute("UPDATE counters SET value = value - 2 WHERE name = 'running'")
        .await;
    bench
        .execute("UPDATE counters SET value = value + 2 WHERE name = 'queued'")
        .await;
    for job in &claimed {
        assert!(!commit.settle(succeeded(job)).await.unwrap());
    }
    let refused = |job: &ClaimedJob, number| RefusedResult {
        key: job.key,
        device: device(number).id,
    };
    let results = [
        refused(&claimed[0], 0),
        // The number is another device's now.
        refused(&claimed[1], 77),
    ];
    let (worker, by) = (WorkerId("w1".to_owned()), as_worker("w1"));
    let who = (&worker, &by);
    let recorded = bench
        .ledger
        .record_unknown_results(who, &results, bench.now());
    assert_eq!(recorded.await.unwrap(), results);
    bench.assert_counters_agree().await;
    let audited = bench.ledger.audit(&AuditFilter::default(), 0, 100).await;
    let mut audited = audited.unwrap();
    audited.retain(|row| row.event == AuditEvent::ResultsForgotten);
    let of: Vec<_> = audited.iter().map(|row| row.campaign.as_deref()).collect();
    assert_eq!(of, [Some("spring"), None], "{audited:?}");
    assert!(
        audited[1]
            .detail
            .to_string()
            .contains(device(77).id.as_str())
    );

    let ledger = bench.place.open().await;
    let (worker, until) = (WorkerId("w2".to_owned()), bench.now().after(LEASE));
    let who = (&worker, token());
    let wire = ledger
        .dispatch(&tenant(), who, &1.into(), bench.now(), until)
        .await
        .unwrap();
    let again = bench.commit_as("w2").claim(wire[0].key).await.unwrap();
    let again = again.unwrap();
    assert_eq!(again.key.job, claimed[0].key.job);
    assert!(again.uncertain && again.lost, "{again:?}");
}

/// A claim that ran out was recorded as lost.
async fn a_result_whose_lease_ran_out_is_known(database: Database) {
    let bench = Bench::with_jobs(database, 1).await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    bench.clock.advance(LEASE + Duration::from_millis(1));
    let by = as_worker("w1");
    bench.ledger.rescue(&by, bench.now()).await.unwrap();
    let result = RefusedResult {
        key: job.key,
        device: job.device,
    };
    let worker = WorkerId("w1".to_owned());
    let results = [result];
    let who = (&worker, &by);
    let recorded = bench
        .ledger
        .record_unknown_results(who, &results, bench.now());
    assert!(recorded.await.unwrap().is_empty());
    bench.assert_counters_agree().await;
}

on_every_database! {
    a_result_that_the_ledger_no_longer_knows_is_recorded_and_looked_at,
    a_result_whose_lease_ran_out_is_known,
    a_claim_of_another_token_is_refused_whatever_is_said_of_it,
    what_graph_said_is_kept_as_it_came,
    what_was_handed_over_is_settled_once_flushed_and_what_is_refused_is_told,
    a_job_goes_from_enqueue_to_success_and_its_campaign_ends_with_it,
    a_job_counts_as_queued_from_its_dispatch_to_its_claim,
    a_second_delivery_of_the_same_dispatch_claims_nothing,
    a_retry_waits_for_its_time_and_throttled_calls_spend_no_attempt,
    a_recalled_job_is_pending_again_and_its_old_delivery_claims_nothing,
    what_was_put_back_goes_out_again_once_and_in_order,
    several_are_claimed_at_once_and_those_that_are_not_to_be_had_are_left_out,
    many_settle_in_few_transactions_and_each_is_answered,
}
