//! Lists that go in.

use repilot_domain::TenantName;
use repilot_ledger::{DeadSelection, Enqueued, LedgerError, NewJob, NewList, Refusal};

use crate::bench::{
    Bench, Database, START, alice, campaign, dead, device, list, succeeded, tenant,
};

async fn enqueuing_the_same_devices_again_adds_nothing(database: Database) {
    let bench = Bench::new(database).await;
    for size in [1, 4, 5, 600, 1_000] {
        bench.enqueue(0..size).await;
        let again = bench.enqueue(0..size).await;
        assert_eq!(
            again,
            Enqueued {
                added: 0,
                waiting: 0,
                busy: Vec::new(),
                present: size as u64
            }
        );
    }
    bench.assert_counters_agree().await;
    let opened = bench
        .ledger
        .open_campaign(&campaign("spring"), &alice(), START)
        .await
        .unwrap();
    assert!(opened.existed);
    assert_eq!(opened.id, bench.campaign);
}

async fn a_campaign_name_belongs_to_one_tenant(database: Database) {
    let bench = Bench::new(database).await;
    let mut other = campaign("spring");
    other.tenant = TenantName::new("fabrikam").unwrap();
    let error = bench
        .ledger
        .open_campaign(&other, &alice(), START)
        .await
        .unwrap_err();
    assert!(matches!(error, LedgerError::OtherTenant { .. }), "{error}");
}

async fn a_campaign_does_not_end_before_its_whole_list_is_in(database: Database) {
    let bench = Bench::new(database).await;
    bench.enqueue(0..1).await;
    bench.attend().await;
    let commit = bench.commit_as("w1");
    let job = bench.claim_one(&commit, "w1").await;
    commit.settle(succeeded(&job)).await.unwrap();
    assert!(!bench.has_ended().await);
    bench
        .ledger
        .finish_list(bench.campaign, &list().sha256, &alice(), bench.now())
        .await
        .unwrap();
    assert!(bench.has_ended().await);
}

async fn refused_rows_are_recorded_once(database: Database) {
    let bench = Bench::new(database).await;
    let refusal = Refusal {
        line: 7,
        value: "SN-X".to_owned(),
        reason: "unknown".to_owned(),
        detail: "not in the inventory".to_owned(),
    };
    for _ in 0..2 {
        let refusals = std::slice::from_ref(&refusal);
        bench
            .ledger
            .record_refusals(bench.campaign, &list().sha256, refusals)
            .await
            .unwrap();
    }
    let campaign = bench.spring().await;
    assert_eq!(campaign.counts.refused(), 1);
    assert_eq!(
        bench.ledger.refusals(bench.campaign).await.unwrap().len(),
        1
    );
}

async fn nothing_goes_into_a_campaign_that_was_cancelled_meanwhile(database: Database) {
    let bench = Bench::new(database).await;
    bench.enqueue(0..10).await;
    let cancelled = bench
        .ledger
        .cancel(bench.campaign, &alice(), bench.now())
        .await;
    assert_eq!(cancelled.unwrap(), 10);
    let late = [NewJob {
        device: device(99),
        line: 99,
        task: repilot_ledger::Task::default(),
    }];
    let error = bench.ledger.enqueue(bench.campaign, &late, START).await;
    assert!(matches!(error, Err(LedgerError::Cancelled(_))), "{error:?}");
    assert!(bench.has_ended().await);
    bench.assert_counters_agree().await;
}

async fn a_second_list_keeps_its_campaign_open_until_it_is_in(database: Database) {
    let bench = Bench::new(database).await;
    bench.finish().await;
    assert!(bench.has_ended().await);
    let second = NewList {
        sha256: "11".repeat(32),
        name: "more.csv".to_owned(),
    };
    bench
        .ledger
        .begin_list(bench.campaign, &second, &alice(), START)
        .await
        .unwrap();
    let campaign = bench.spring().await;
    assert!(!campaign.has_ended() && campaign.is_incomplete());
    assert!(campaign.has_list(&list().sha256) && !campaign.has_list(&second.sha256));
    bench
        .ledger
        .finish_list(bench.campaign, &second.sha256, &alice(), START)
        .await
        .unwrap();
    let campaign = bench.spring().await;
    assert!(campaign.has_ended() && campaign.has_list(&second.sha256));
}

async fn a_device_with_an_open_job_elsewhere_is_busy_until_that_is_over(database: Database) {
    let bench = Bench::with_jobs(database, 2).await;
    let commit = bench.commit_as("w1");
    let autumn = bench
        .ledger
        .open_campaign(&campaign("autumn"), &alice(), START)
        .await
        .unwrap()
        .id;
    let jobs: Vec<NewJob> = (1..4)
        .map(|number| NewJob {
            device: device(number),
            line: number as u64 + 1,
            task: repilot_ledger::Task::default(),
        })
        .collect();
    // In hand or not.
    let first = bench.claim_one(&commit, "w1").await;
    bench.dispatch("w1", 1).await;
    let enqueued = bench.ledger.enqueue(autumn, &jobs, START).await.unwrap();
    assert_eq!((enqueued.added, enqueued.present), (2, 0));
    let [busy] = &enqueued.busy[..] else {
        panic!("{enqueued:?}")
    };
    assert_eq!((busy.line, busy.campaign.as_str()), (2, "spring"));
    let tenant = tenant();
    let known = bench.ledger.devices_in_hand(&tenant, Some(autumn)).await;
    let known = known.unwrap();
    assert_eq!(known.get(device(1).id.as_str()).unwrap(), "spring");

    // The campaign's own devices are there already, and never busy.
    let again = bench.enqueue(0..2).await;
    assert_eq!((again.added, again.present, again.busy.len()), (0, 2, 0));

    // A dead letter is over; it comes back only while no other campaign has its device.
    assert!(commit.settle(dead(&first)).await.unwrap());
    let enqueued = bench.enqueue_into(autumn, 0).await;
    assert_eq!(enqueued.added, 1);
    let all = DeadSelection::default();
    let requeued = bench.ledger.requeue(&all, &alice(), bench.now()).await;
    assert_eq!(requeued.unwrap(), 0);
    bench.ledger.cancel(autumn, &alice(), START).await.unwrap();
    let requeued = bench.ledger.requeue(&all, &alice(), bench.now()).await;
    assert_eq!(requeued.unwrap(), 1);
    bench.assert_counters_agree().await;
}

on_every_database! {
    a_device_with_an_open_job_elsewhere_is_busy_until_that_is_over,
    enqueuing_the_same_devices_again_adds_nothing,
    a_campaign_name_belongs_to_one_tenant,
    a_campaign_does_not_end_before_its_whole_list_is_in,
    refused_rows_are_recorded_once,
    nothing_goes_into_a_campaign_that_was_cancelled_meanwhile,
    a_second_list_keeps_its_campaign_open_until_it_is_in,
}
