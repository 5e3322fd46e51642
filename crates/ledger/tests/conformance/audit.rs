//! Who did what, in a chain that shows when somebody touched it.

use futures::future::{join, join_all};
use repilot_domain::{AuditEvent, CampaignId};
use repilot_ledger::{AuditFilter, AuditRow, DeadSelection};
use serde_json::json;

use crate::bench::{Bench, Database, START, alice, as_worker, dead, retry, succeeded};

async fn rows(bench: &Bench) -> Vec<AuditRow> {
    let filter = AuditFilter::default();
    bench.ledger.audit(&filter, 0, 1_000).await.unwrap()
}

async fn every_step_that_steers_is_recorded_with_who_and_from_where(database: Database) {
    let bench = Bench::with_jobs(database, 3).await;
    let (ledger, campaign) = (&bench.ledger, bench.campaign);
    let commit = bench.commit_as("w1");
    let refused = bench.claim_one(&commit, "w1").await;
    let no_consent = retry(&refused, bench.now(), false, Some("no consent"));
    commit.settle(no_consent).await.unwrap();
    ledger
        .resume(campaign, &alice(), bench.now())
        .await
        .unwrap();
    for _ in 0..3 {
        let job = bench.claim_one(&commit, "w1").await;
        commit.settle(dead(&job)).await.unwrap();
    }
    let all = DeadSelection::default();
    ledger.requeue(&all, &alice(), bench.now()).await.unwrap();
    let (job, rest) = (
        bench.claim_one(&commit, "w1").await,
        bench.claim_one(&commit, "w1").await,
    );
    commit.settle(succeeded(&job)).await.unwrap();
    commit.settle(dead(&rest)).await.unwrap();
    ledger
        .pause_by_person(campaign, "lunch", &alice(), bench.now())
        .await
        .unwrap();
    ledger.discard(&all, &alice(), bench.now()).await.unwrap();
    ledger
        .cancel(campaign, &alice(), bench.now())
        .await
        .unwrap();
    // What changes nothing is no step.
    assert!(
        !ledger
            .resume(campaign, &alice(), bench.now())
            .await
            .unwrap()
    );
    ledger
        .cancel(campaign, &alice(), bench.now())
        .await
        .unwrap();

    let (alice, worker) = (alice(), as_worker("w1"));
    let expected = [
        (AuditEvent::CampaignOpened, &alice),
        (AuditEvent::ListBegun, &alice),
        (AuditEvent::ListEnqueued, &alice),
        (AuditEvent::Paused, &worker),
        (AuditEvent::Resumed, &alice),
        (AuditEvent::Ended, &worker),
        (AuditEvent::Requeued, &alice),
        (AuditEvent::Paused, &alice),
        (AuditEvent::Discarded, &alice),
        (AuditEvent::Cancelled, &alice),
        (AuditEvent::Ended, &alice),
    ];
    let rows = rows(&bench).await;
    let seen: Vec<_> = rows
        .iter()
        .map(|row| (row.event, row.actor.as_str(), row.origin.as_str()))
        .collect();
    assert_eq!(
        seen,
        expected.map(|(event, by)| (event, by.name.as_str(), by.origin.as_str()))
    );
    assert!(rows.iter().all(|row| row.campaign_id == Some(campaign)
        && row.campaign.as_deref() == Some("spring")
        && row.at >= START));
    assert_eq!(rows[3].detail, json!({ "reason": "no consent" }));
    assert_eq!(rows[5].detail["dead"], 3);
    assert_eq!(rows[6].detail["jobs"], 3);
    assert_eq!(
        rows[10].detail,
        json!({ "succeeded": 1, "skipped": 1, "cancelled": 1, "calls": 6, "throttled": 1 })
    );
    assert!(ledger.verify_audit(None).await.unwrap().is_whole());
}

async fn pages_go_forwards_and_backwards_and_by_campaign(database: Database) {
    let bench = Bench::with_jobs(database, 1).await;
    let event = AuditEvent::SignedIn;
    for _ in 0..4 {
        let detail = json!({ "with\0nul": "a\0b" });
        bench
            .ledger
            .record(&alice(), None, event, &detail, START)
            .await
            .unwrap();
    }
    let numbers = |rows: Vec<AuditRow>| rows.iter().map(|row| row.seq).collect::<Vec<_>>();
    let all = AuditFilter::default();
    let of_spring = AuditFilter {
        campaign: Some(bench.campaign),
    };
    let of_none = AuditFilter {
        campaign: Some(CampaignId(99)),
    };
    let ledger = &bench.ledger;
    assert_eq!(numbers(ledger.audit(&all, 2, 3).await.unwrap()), [3, 4, 5]);
    let newest = ledger.newest_audit(&all, None, 2).await.unwrap();
    assert_eq!(numbers(newest), [7, 6]);
    let before = ledger.newest_audit(&all, Some(6), 2).await.unwrap();
    assert_eq!(numbers(before), [5, 4]);
    let spring = ledger.newest_audit(&of_spring, None, 9).await.unwrap();
    assert_eq!(numbers(spring), [3, 2, 1]);
    assert!(ledger.audit(&of_none, 0, 9).await.unwrap().is_empty());
    assert!(ledger.verify_audit(None).await.unwrap().is_whole());
}

async fn however_many_processes_record_at_once_there_is_one_chain(database: Database) {
    let bench = Bench::with_jobs(database, 40).await;
    let recording = join_all((0..4).map(|process| {
        let bench = &bench;
        async move {
            let ledger = bench.place.open().await;
            for number in 0..25 {
                let detail = json!({ "process": process, "number": number });
                // As a step of its own, and within one that holds the campaign as well.
                ledger
                    .record(&alice(), None, AuditEvent::SignedIn, &detail, START)
                    .await
                    .unwrap();
                ledger
                    .pause(bench.campaign, "x", &alice(), START)
                    .await
                    .unwrap();
                ledger
                    .resume(bench.campaign, &alice(), START)
                    .await
                    .unwrap();
            }
        }
    }));
    join(bench.drain("w1"), recording).await;
    let rows = rows(&bench).await;
    let signed_in = rows.iter().filter(|row| row.event == AuditEvent::SignedIn);
    assert_eq!(signed_in.count(), 100);
    let chain = bench.ledger.verify_audit(None).await.unwrap();
    assert!(chain.is_whole(), "{chain:?}");
    assert_eq!(chain.rows, rows.len() as i64);
}

/// Does that to the ledger beside the program.
async fn tamper(bench: &Bench, sql: &'static str) {
    let pool = sqlx::AnyPool::connect(&bench.place.url()).await.unwrap();
    sqlx::query(sql).execute(&pool).await.unwrap();
    pool.close().await;
}

async fn the_first_row_that_does_not_fit_is_named(database: Database) {
    for (sql, seq) in [
        ("UPDATE audit SET actor = 'mallory' WHERE seq = 2", 2),
        ("UPDATE audit SET detail = '{}' WHERE seq = 1", 1),
        ("UPDATE audit SET at = at + 1 WHERE seq = 3", 3),
        ("UPDATE audit SET campaign_id = NULL WHERE seq = 2", 2),
        ("UPDATE audit SET hash = previous WHERE seq = 1", 1),
        ("DELETE FROM audit WHERE seq = 1", 1),
        ("DELETE FROM audit WHERE seq = 2", 2),
        // The end is cut off, and the counter left as it was.
        ("DELETE FROM audit WHERE seq = 3", 3),
        (
            "INSERT INTO audit SELECT 4, at, actor, origin, campaign_id, event, detail, hash, hash
             FROM audit WHERE seq = 3",
            4,
        ),
    ] {
        let bench = Bench::with_jobs(database, 1).await;
        assert!(bench.ledger.check().await.unwrap().is_sound());
        tamper(&bench, sql).await;
        let chain = bench.ledger.verify_audit(None).await.unwrap();
        assert_eq!(
            chain.broken.as_ref().map(|broken| broken.seq),
            Some(seq),
            "{sql}: {chain:?}"
        );
        assert!(!bench.ledger.check().await.unwrap().is_sound(), "{sql}");
    }
}

async fn a_chain_that_lost_its_end_or_was_made_anew_has_not_the_head_that_was_kept(
    database: Database,
) {
    let bench = Bench::with_jobs(database, 1).await;
    let ledger = &bench.ledger;
    let early = ledger.verify_audit(None).await.unwrap().head.unwrap();
    ledger
        .resume(bench.campaign, &alice(), START)
        .await
        .unwrap();
    ledger
        .pause(bench.campaign, "x", &alice(), START)
        .await
        .unwrap();
    let late = ledger.verify_audit(None).await.unwrap().head.unwrap();
    for kept in [&early, &late, &late.to_uppercase()] {
        assert!(ledger.verify_audit(Some(kept)).await.unwrap().is_whole());
    }
    // Who knows how it works takes the counter back as well: from the chain alone nobody can tell.
    tamper(&bench, "DELETE FROM audit WHERE seq = 4").await;
    tamper(&bench, "UPDATE sequences SET next = 4 WHERE name = 'audit'").await;
    assert!(ledger.verify_audit(None).await.unwrap().is_whole());
    assert!(ledger.verify_audit(Some(&early)).await.unwrap().is_whole());
    let chain = ledger.verify_audit(Some(&late)).await.unwrap();
    assert_eq!(chain.has_kept_head, Some(false));
    assert!(!chain.is_whole());
}

on_every_database! {
    every_step_that_steers_is_recorded_with_who_and_from_where,
    pages_go_forwards_and_backwards_and_by_campaign,
    however_many_processes_record_at_once_there_is_one_chain,
    the_first_row_that_does_not_fit_is_named,
    a_chain_that_lost_its_end_or_was_made_anew_has_not_the_head_that_was_kept,
}
