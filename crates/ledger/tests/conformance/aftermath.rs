//! What comes after the calls: minutes, verification, forgetting.

use std::time::Duration;

use repilot_domain::{Actor, AttemptOutcome, Device, Step, Verification};
use repilot_ledger::{
    AuditFilter, DeadSelection, JobSearch, LedgerError, Listing, MinuteCounts, NewList, Page,
    Refusal,
};

use crate::bench::{
    Bench, Database, START, alice, as_worker, attempt, campaign, dead, device, list, retry,
    succeeded, tenant,
};
use crate::steps;

const MINUTE: Duration = Duration::from_mins(1);

async fn outcomes_are_counted_by_the_minute_and_read_as_few_points_as_wanted(database: Database) {
    let bench = Bench::with_jobs(database, 6).await;
    let commit = bench.commit_as("w1");
    // At the beginning of a minute.
    bench.clock.advance(Duration::from_millis(
        60_000 - START.as_millis().unsigned_abs() % 60_000,
    ));
    let begun = bench.now();
    let first = bench.claim_one(&commit, "w1").await;
    let mut said = retry(&first, bench.now(), false, None);
    said.attempts.push(attempt(AttemptOutcome::Lost, START));
    commit.settle(said).await.unwrap();
    let job = bench.claim_one(&commit, "w1").await;
    commit.settle(succeeded(&job)).await.unwrap();
    bench.clock.advance(MINUTE * 3);
    for _ in 0..2 {
        let job = bench.claim_one(&commit, "w1").await;
        commit.settle(succeeded(&job)).await.unwrap();
    }
    let job = bench.claim_one(&commit, "w1").await;
    commit.settle(dead(&job)).await.unwrap();

    let ledger = &bench.ledger;
    let minutes = ledger
        .minutes(bench.campaign, (None, None), 10)
        .await
        .unwrap();
    let at_first = MinuteCounts {
        succeeded: 1,
        throttled: 1,
        retried: 1,
        dead: 0,
    };
    let at_last = MinuteCounts {
        succeeded: 2,
        dead: 1,
        ..MinuteCounts::default()
    };
    let none = MinuteCounts::default();
    assert_eq!(minutes.step_ms, 60_000);
    assert_eq!(minutes.points[0].at, begun);
    let counts: Vec<MinuteCounts> = minutes.points.iter().map(|point| point.counts).collect();
    assert_eq!(counts, [at_first, none, none, at_last]);

    let coarse = ledger
        .minutes(bench.campaign, (None, None), 2)
        .await
        .unwrap();
    assert!(coarse.points.len() <= 2, "{coarse:?}");
    let sum: i64 = coarse
        .points
        .iter()
        .map(|point| point.counts.succeeded)
        .sum();
    assert_eq!(sum, 3);
    let later = (Some(begun.after(MINUTE)), None);
    let later = ledger.minutes(bench.campaign, later, 10).await.unwrap();
    assert_eq!(later.points.len(), 1);
    let never = (None, Some(begun));
    let never = ledger.minutes(bench.campaign, never, 10).await.unwrap();
    assert!(never.points.is_empty());
}

/// A listing of these devices, begun now, in pages.
async fn listed(bench: &Bench, devices: &[Device]) -> Listing {
    let ledger = &bench.ledger;
    let mut listing = ledger
        .begin_listing(&tenant(), "here", bench.now())
        .await
        .unwrap();
    let pages: Vec<&[Device]> = devices.chunks(3).collect();
    for (number, page) in pages.iter().enumerate() {
        let next = (number + 1 < pages.len()).then(|| number.to_string());
        ledger
            .keep_page(
                &mut listing,
                page,
                next.as_deref(),
                (bench.now(), bench.now()),
            )
            .await
            .unwrap();
    }
    listing
}

/// The first ten devices as the inventory may show them afterwards: three with who was there before,
/// one with somebody else, one is missing, the others without a user.
fn shown() -> Vec<Device> {
    let mut devices: Vec<Device> = (0..9).map(device).collect();
    for (number, device) in devices.iter_mut().enumerate() {
        match number {
            0..3 => device.user_principal_name = device.user_principal_name.to_uppercase(),
            3 => "new@contoso.example".clone_into(&mut device.user_principal_name),
            _ => device.user_principal_name.clear(),
        }
    }
    devices
}

async fn verdicts(bench: &Bench) -> Vec<Option<Verification>> {
    let page = Page {
        after: repilot_domain::JobId(0),
        limit: 100,
    };
    let jobs = bench.ledger.jobs(bench.campaign, page).await;
    jobs.unwrap().iter().map(|job| job.verification).collect()
}

/// Ten jobs that have succeeded, and one that has not.
async fn done(database: Database) -> Bench {
    let bench = Bench::with_jobs(database, 11).await;
    let commit = bench.commit_as("w1");
    for number in 0..11 {
        let job = bench.claim_one(&commit, "w1").await;
        let said = match number {
            10 => dead(&job),
            _ => succeeded(&job),
        };
        commit.settle(said).await.unwrap();
    }
    bench
}

async fn each_job_that_succeeded_is_judged_by_what_the_inventory_shows(database: Database) {
    use Verification::{NotListed, SomeoneNew, StillAssigned, Verified};
    let bench = done(database).await;
    let (ledger, campaign) = (&bench.ledger, bench.campaign);
    bench.clock.advance(MINUTE);
    let listing = listed(&bench, &shown()).await;
    let until = bench.now();
    let verifiable = ledger.verifiable(campaign, until).await.unwrap();
    assert_eq!((verifiable.old_enough, verifiable.too_young), (10, 0));
    ledger
        .verify(campaign, &listing, until, &alice(), bench.now())
        .await
        .unwrap();
    let some = Some;
    let mut expected = vec![some(StillAssigned); 3];
    expected.push(some(SomeoneNew));
    expected.extend([some(Verified); 5]);
    expected.extend([some(NotListed), None]);
    assert_eq!(verdicts(&bench).await, expected);
    let counts = bench.spring().await.counts.verification;
    let counts: Vec<_> = counts.iter().map(|(word, n)| (word.as_str(), *n)).collect();
    assert_eq!(
        counts,
        [
            ("not-listed", 1),
            ("someone-new", 1),
            ("still-assigned", 3),
            ("verified", 5)
        ]
    );
    assert_eq!(bench.spring().await.verified_at, Some(listing.begun_at));
    assert!(ledger.check().await.unwrap().is_sound());
    // Each is found once, however often it is asked for.
    for (text, jobs) in [
        ("verification:verified,verified", 5),
        ("verification:verified,not-listed -tag:sales", 0),
        ("verification:someone-new,not-listed tag:sales", 2),
    ] {
        let search = JobSearch::first(Some(campaign), text.parse().unwrap(), 10);
        let (page, count) = ledger.search_and_count(&search).await.unwrap();
        let meant = ledger.jobs_meant(None, &search.query).await.unwrap();
        let found = (page.jobs.len() as u64, count.jobs, meant.jobs);
        assert_eq!(found, (jobs, jobs, jobs), "{text}");
    }

    // Once more, when Graph shows what was done.
    bench.clock.advance(MINUTE);
    let mut devices = shown();
    devices[0].user_principal_name.clear();
    devices.push(device(9));
    let listing = listed(&bench, &devices).await;
    ledger
        .verify(campaign, &listing, bench.now(), &alice(), bench.now())
        .await
        .unwrap();
    let again = verdicts(&bench).await;
    assert_eq!((again[0], again[9]), (some(Verified), some(StillAssigned)));
    assert!(ledger.check().await.unwrap().is_sound());
    let rows = ledger.newest_audit(&AuditFilter::default(), None, 1).await;
    assert_eq!(rows.unwrap()[0].detail["still-assigned"], 3);
}

async fn a_job_that_succeeded_too_short_a_time_ago_is_not_judged_yet(database: Database) {
    let bench = done(database).await;
    let until = bench.now().before(Duration::from_millis(1));
    let verifiable = bench
        .ledger
        .verifiable(bench.campaign, until)
        .await
        .unwrap();
    assert_eq!((verifiable.old_enough, verifiable.too_young), (0, 10));
    assert_eq!(verifiable.last_at, Some(bench.now()));
    let listing = listed(&bench, &shown()).await;
    bench
        .ledger
        .verify(bench.campaign, &listing, until, &alice(), bench.now())
        .await
        .unwrap();
    assert!(verdicts(&bench).await.iter().all(Option::is_none));
}

async fn a_listing_that_another_took_the_place_of_judges_nobody_as_missing(database: Database) {
    let bench = done(database).await;
    let listing = listed(&bench, &shown()).await;
    listed(&bench, &shown()).await;
    let refused = bench
        .ledger
        .verify(bench.campaign, &listing, bench.now(), &alice(), bench.now())
        .await;
    assert!(
        matches!(refused, Err(LedgerError::Contended)),
        "{refused:?}"
    );
    assert!(
        !verdicts(&bench)
            .await
            .contains(&Some(Verification::NotListed))
    );
}

async fn who_is_still_assigned_goes_round_again_and_is_looked_at_first(database: Database) {
    let bench = done(database).await;
    let listing = listed(&bench, &shown()).await;
    let ledger = &bench.ledger;
    ledger
        .verify(bench.campaign, &listing, bench.now(), &alice(), bench.now())
        .await
        .unwrap();
    let reopened = ledger.reopen(bench.campaign, &alice(), bench.now()).await;
    assert_eq!(reopened.unwrap(), 3);
    assert!(!bench.has_ended().await);
    assert_eq!(bench.spring().await.counts.pending, 3);
    assert!(ledger.check().await.unwrap().is_sound());
    let commit = bench.commit_as("w1");
    bench.attend().await;
    for _ in 0..3 {
        let job = bench.claim_one(&commit, "w1").await;
        assert!(job.uncertain);
        commit.settle(succeeded(&job)).await.unwrap();
    }
    assert!(bench.has_ended().await);
    let none = ledger.reopen(bench.campaign, &alice(), bench.now()).await;
    assert_eq!(none.unwrap(), 0);
    assert!(ledger.check().await.unwrap().is_sound());
    assert!(ledger.verify_audit(None).await.unwrap().is_whole());
}

async fn a_reassignment_that_came_to_nothing_goes_round_again_from_its_first_step(
    database: Database,
) {
    let bench = steps::with_jobs(database, 3).await;
    let commit = bench.commit_as("w1");
    for _ in 0..3 {
        let job = bench.claim_one(&commit, "w1").await;
        commit.advance(steps::advance(&job)).await.unwrap();
        commit.settle(succeeded(&job)).await.unwrap();
    }
    // One shows who was there before, one nobody, one who is wanted.
    let mut shown: Vec<Device> = (0..3).map(device).collect();
    shown[1].user_principal_name.clear();
    "new2@contoso.example".clone_into(&mut shown[2].user_principal_name);
    let listing = listed(&bench, &shown).await;
    let (ledger, now) = (&bench.ledger, bench.now());
    ledger
        .verify(bench.campaign, &listing, now, &alice(), now)
        .await
        .unwrap();
    let expected = [
        Verification::StillAssigned,
        Verification::NoUser,
        Verification::Verified,
    ];
    assert_eq!(verdicts(&bench).await, expected.map(Some));
    let reopened = ledger.reopen(bench.campaign, &alice(), now).await;
    assert_eq!(reopened.unwrap(), 2);
    bench.attend().await;
    for _ in 0..2 {
        let job = bench.claim_one(&commit, "w1").await;
        assert_eq!(job.progress.next(), Some(Step::Unassign), "each step anew");
        assert!(job.uncertain, "and looked at first");
        commit.advance(steps::advance(&job)).await.unwrap();
        commit.settle(succeeded(&job)).await.unwrap();
    }
    assert!(bench.has_ended().await);
    bench.assert_counters_agree().await;
}

async fn a_campaign_that_ended_long_ago_is_forgotten_but_for_its_totals(database: Database) {
    let bench = done(database).await;
    let ledger = &bench.ledger;
    let refusal = Refusal {
        line: 7,
        value: "ada@contoso.example".to_owned(),
        reason: "unknown".to_owned(),
        detail: "not in the inventory".to_owned(),
    };
    ledger
        .record_refusals(bench.campaign, &list().sha256, &[refusal])
        .await
        .unwrap();
    listed(&bench, &shown()).await;
    // One that goes on is not touched.
    let other = ledger
        .open_campaign(&campaign("autumn"), &alice(), bench.now())
        .await
        .unwrap()
        .id;
    let before = bench.spring().await;
    bench.clock.advance(Duration::from_hours(24));
    let young = bench.now().before(Duration::from_hours(48));
    assert!(ledger.forgettable(young).await.unwrap().is_empty());
    let forgettable = ledger.forgettable(bench.now()).await.unwrap();
    assert_eq!(forgettable.len(), 1);
    assert_eq!(
        (forgettable[0].name.as_str(), forgettable[0].jobs),
        ("spring", 11)
    );
    let forgotten = ledger
        .prune(bench.now(), &alice(), bench.now())
        .await
        .unwrap();
    assert_eq!((forgotten.campaigns, forgotten.jobs), (1, 11));
    assert!(ledger.forgettable(bench.now()).await.unwrap().is_empty());

    let after = bench.spring().await;
    assert_eq!(after.counts, before.counts, "its totals stay");
    assert_eq!(
        (&after.lists, after.pruned_at),
        (&before.lists, Some(bench.now()))
    );
    assert!(verdicts(&bench).await.is_empty());
    assert!(ledger.refusals(bench.campaign).await.unwrap().is_empty());
    assert!(
        ledger
            .listing(&tenant(), "here", true)
            .await
            .unwrap()
            .is_none()
    );
    let minutes = ledger
        .minutes(bench.campaign, (None, None), 10)
        .await
        .unwrap();
    assert_eq!(minutes.points[0].counts.succeeded, 10);
    let check = ledger.check().await.unwrap();
    assert!(check.is_sound(), "{check:?}");
    for table in [
        "jobs",
        "job_keys",
        "attempts",
        "refusals",
        "listing_pages",
        "audit",
    ] {
        assert!(!holds_a_user(&bench, table).await, "{table}");
    }

    // Nothing goes into it, or round again.
    let again = NewList {
        sha256: "11".repeat(32),
        name: "more.csv".to_owned(),
    };
    let into = ledger
        .begin_list(bench.campaign, &again, &alice(), bench.now())
        .await;
    assert!(matches!(into, Err(LedgerError::Forgotten(_))), "{into:?}");
    let round = ledger.reopen(bench.campaign, &alice(), bench.now()).await;
    assert!(matches!(round, Err(LedgerError::Forgotten(_))), "{round:?}");
    let all = DeadSelection::default();
    assert_eq!(
        ledger.requeue(&all, &alice(), bench.now()).await.unwrap(),
        0
    );
    ledger
        .begin_list(other, &again, &alice(), bench.now())
        .await
        .unwrap();
}

/// Whether any text of a table names a user of the bench's devices.
async fn holds_a_user(bench: &Bench, table: &str) -> bool {
    let pool = sqlx::AnyPool::connect(&bench.place.url()).await.unwrap();
    let columns = match table {
        "jobs" | "job_keys" => "user_principal_name",
        "attempts" => "COALESCE(message, '')",
        "refusals" => "value",
        "listing_pages" => "devices",
        _ => "actor || origin || detail",
    };
    let sql = format!("SELECT COUNT(*) FROM {table} WHERE {columns} LIKE '%@contoso.example%'");
    let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .fetch_one(&pool)
        .await
        .unwrap();
    pool.close().await;
    count > 0
}

async fn a_forgetting_that_was_broken_off_goes_on(database: Database) {
    let bench = done(database).await;
    bench.clock.advance(MINUTE);
    let pool = sqlx::AnyPool::connect(&bench.place.url()).await.unwrap();
    sqlx::query("UPDATE campaigns SET pruned_at = 1")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let by: Actor = as_worker("w1");
    // Half forgotten, it takes nothing back.
    let all = DeadSelection::default();
    let requeued = bench.ledger.requeue(&all, &by, bench.now()).await.unwrap();
    assert_eq!(requeued, 0);
    let forgotten = bench
        .ledger
        .prune(bench.now(), &by, bench.now())
        .await
        .unwrap();
    assert_eq!(forgotten.jobs, 11);
    let counts = bench.spring().await.counts;
    assert_eq!((counts.succeeded, counts.dead), (10, 1));
}

on_every_database! {
    outcomes_are_counted_by_the_minute_and_read_as_few_points_as_wanted,
    each_job_that_succeeded_is_judged_by_what_the_inventory_shows,
    a_job_that_succeeded_too_short_a_time_ago_is_not_judged_yet,
    a_listing_that_another_took_the_place_of_judges_nobody_as_missing,
    who_is_still_assigned_goes_round_again_and_is_looked_at_first,
    a_reassignment_that_came_to_nothing_goes_round_again_from_its_first_step,
    a_campaign_that_ended_long_ago_is_forgotten_but_for_its_totals,
    a_forgetting_that_was_broken_off_goes_on,
}
