//! A ledger that moves.

use std::time::Duration;

use repilot_domain::{JobId, WorkerId};
use repilot_ledger::{AuditFilter, Ledger, LedgerError, Page, Refusal, WorkerRow};

use crate::bench::{
    Bench, Database, LEASE, START, as_worker, dead, device, lane_state, list, retry, succeeded,
    tenant,
};
use crate::database::Place;

const JOBS: usize = 1_200;

/// A campaign in the middle of its life, with something in every table.
async fn in_mid_campaign(database: Database) -> Bench {
    let bench = Bench::with_jobs(database, JOBS).await;
    let commit = bench.commit_as("w1");
    for round in 0..9 {
        let job = bench.claim_one(&commit, "w1").await;
        let said = match round % 3 {
            0 => succeeded(&job),
            1 => dead(&job),
            _ => retry(&job, START.after(Duration::from_secs(1)), true, None),
        };
        assert!(commit.settle(said).await.unwrap());
    }
    bench.claim_one(&commit, "w1").await;
    bench.dispatch("w1", 5).await;
    let refusal = Refusal {
        line: 7,
        value: "SN-\u{e4}".to_owned(),
        reason: "unknown".to_owned(),
        detail: "not in the inventory".to_owned(),
    };
    let ledger = &bench.ledger;
    let list = list().sha256;
    ledger
        .record_refusals(bench.campaign, &list, &[refusal])
        .await
        .unwrap();
    let mut listing = ledger
        .begin_listing(&tenant(), "here", START)
        .await
        .unwrap();
    ledger
        .keep_page(&mut listing, &[device(1)], None, (START, START))
        .await
        .unwrap();
    ledger
        .save_lane_states(&[lane_state("contoso")])
        .await
        .unwrap();
    let owner = WorkerId("w1".to_owned());
    let until = START.after(LEASE);
    ledger
        .hold_lane(&tenant(), &owner, START, until)
        .await
        .unwrap();
    bench
}

/// All that can be seen of a ledger.
async fn seen(ledger: &Ledger) -> String {
    let campaigns = ledger.campaigns().await.unwrap();
    let mut seen = serde_json::to_string(&campaigns).unwrap();
    for campaign in campaigns {
        let minutes = ledger.minutes(campaign.id, (None, None), 100).await;
        seen += &serde_json::to_string(&minutes.unwrap()).unwrap();
        let refusals = ledger.refusals(campaign.id).await.unwrap();
        seen += &serde_json::to_string(&refusals).unwrap();
        let page = Page {
            after: JobId(0),
            limit: 100_000,
        };
        for job in ledger.jobs(campaign.id, page).await.unwrap() {
            seen += &serde_json::to_string(&job).unwrap();
            let attempts = ledger.attempts(job.id).await.unwrap();
            seen += &serde_json::to_string(&attempts).unwrap();
        }
    }
    let lanes = ledger.lane_states().await.unwrap();
    seen += &serde_json::to_string(&lanes).unwrap();
    let audit = ledger.audit(&AuditFilter::default(), 0, 1_000).await;
    seen += &serde_json::to_string(&audit.unwrap()).unwrap();
    let listing = ledger.listing(&tenant(), "here", true).await.unwrap();
    seen + &format!("{listing:?}")
}

async fn a_copy_has_everything_and_goes_on_to_the_campaigns_end(database: Database) {
    let bench = in_mid_campaign(database).await;
    let before = seen(&bench.ledger).await;
    let place = Place::of(match database {
        Database::Sqlite => Database::Postgres,
        Database::Postgres => Database::Sqlite,
    });
    let target = place.open().await;
    let copied = bench.ledger.copy_to(&target, false, START).await.unwrap();
    let rows = |name: &str| copied.iter().find(|one| one.table == name).unwrap().rows;
    assert_eq!((rows("job_rows"), rows("attempts")), (JOBS as i64, 9));
    assert_eq!(seen(&target).await, before);
    assert!(target.check().await.unwrap().is_sound());

    bench.clock.advance(LEASE + Duration::from_millis(1));
    let there = Bench {
        ledger: target,
        clock: bench.clock.clone(),
        place,
        campaign: bench.campaign,
    };
    there.attend().await;
    let rescued = there
        .ledger
        .rescue(&as_worker("w9"), there.now())
        .await
        .unwrap();
    assert_eq!((rescued.queued, rescued.running), (5, 1));
    assert_eq!(there.enqueue(JOBS..JOBS + 10).await.added, 10);
    there.finish().await;
    let chain = there.ledger.verify_audit(None).await.unwrap();
    assert!(chain.is_whole() && chain.rows > 3, "{chain:?}");
    there.drain("w2").await;
    let counts = there.spring().await.counts;
    assert_eq!((counts.open(), counts.total), (0, JOBS as i64 + 10));
    assert!(there.ledger.check().await.unwrap().is_sound());
    assert_eq!(
        seen(&bench.ledger).await,
        before,
        "the original is as it was"
    );
}

async fn only_an_empty_ledger_is_copied_into(database: Database) {
    let bench = Bench::with_jobs(database, 2).await;
    let other = Bench::with_jobs(database, 1).await;
    let refused = bench.ledger.copy_to(&other.ledger, true, START).await;
    assert!(
        matches!(refused, Err(LedgerError::NotEmpty { .. })),
        "{refused:?}"
    );
    assert_eq!(other.spring().await.counts.total, 1);
}

async fn a_ledger_is_not_copied_from_under_its_workers(database: Database) {
    let bench = Bench::with_jobs(database, 2).await;
    let worker = WorkerRow {
        id: WorkerId("w1".to_owned()),
        host: "here".to_owned(),
        process_id: 1,
        version: "1".to_owned(),
        started_at: START,
        heartbeat_at: START,
        in_flight: 0,
        trouble: String::new(),
        tz_version: "2026f".to_owned(),
    };
    bench.ledger.register(&worker).await.unwrap();
    let told = bench.ledger.workers(START).await.unwrap();
    assert_eq!(told[0].tz_version, "2026f");
    let target = Place::of(database);
    let ledger = target.open().await;
    let now = START.after(Duration::from_secs(10));
    let refused = bench.ledger.copy_to(&ledger, false, now).await.unwrap_err();
    assert!(refused.to_string().contains("w1"), "{refused}");
    bench.ledger.copy_to(&ledger, true, now).await.unwrap();
}

on_every_database! {
    a_copy_has_everything_and_goes_on_to_the_campaigns_end,
    only_an_empty_ledger_is_copied_into,
    a_ledger_is_not_copied_from_under_its_workers,
}
