//! Ledgers that an older program left.

use repilot_domain::{JobId, JobState, Timestamp};
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::bench::{Database, START, as_worker};
use crate::database::Place;

/// A ledger as the first version left it: a job of each kind, in a campaign that is under way.
const OF_THE_FIRST_VERSION: &str = "
    INSERT INTO campaigns (id, name, tenant, action, status, created_at, enqueued_at)
    VALUES (1, 'spring', 'contoso', 'unassign', 'active', 1, 1);
    INSERT INTO counters (campaign_id, name, reason, value)
    VALUES (1, 'succeeded', '', 1), (1, 'pending', '', 1), (1, 'queued', '', 1),
           (1, 'running', '', 1), (1, 'dead', '', 1), (1, 'dead', 'not-found', 1);
    INSERT INTO jobs (
        id, campaign_id, device_id, serial, group_tag, model, user_principal_name,
        addressable_user_name, line, state, dispatch, attempts, not_before, lease_until, worker,
        reason, last_status, last_request_id, created_at, finished_at
    )
    VALUES (1, 1, 'd-1', 'PF1', '', '', 'ada@contoso.com', 'Ada', 2,
            'succeeded', 1, 1, 0, 0, 'w', '', 204, 'r-1', 1, 5),
           (2, 1, 'd-2', 'PF2', '', '', '', '', 3,
            'pending', 3, 0, 7, 0, '', '', NULL, NULL, 1, NULL),
           (3, 1, 'd-3', 'PF3', '', '', '', '', 4,
            'queued', 2, 0, 0, 9, 'w', '', NULL, NULL, 1, NULL),
           (4, 1, 'd-4', 'PF4', '', '', '', '', 5,
            'running', 4, 0, 0, 9, 'w', '', NULL, NULL, 1, NULL),
           (5, 1, 'd-5', 'PF5', '', '', '', '', 6,
            'dead', 1, 1, 0, 0, 'w', 'not-found', 404, 'r-5', 1, 5);
    INSERT INTO attempts (
        job_id, dispatch, step, outcome, worker, started_at, finished_at, status, request_id
    )
    VALUES (1, 1, 'act', 'succeeded', 'w', 4, 5, 204, 'r-1');
    UPDATE sequences SET next = 6 WHERE name = 'job';
";

async fn a_ledger_of_the_first_version_is_brought_up_to_date_with_all_that_is_in_it(
    database: Database,
) {
    let place = Place::of(database);
    let url = match database {
        Database::Sqlite => format!("{}?mode=rwc", place.url()),
        #[cfg(unix)]
        Database::Postgres => place.url(),
    };
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&url).await.unwrap();
    let first = Migration::new(
        1,
        "ledger".into(),
        MigrationType::Simple,
        include_str!("../../../../migrations/0001_ledger.sql").into_sql_str(),
        false,
    );
    Migrator::with_migrations(vec![first])
        .run(&pool)
        .await
        .unwrap();
    sqlx::raw_sql(OF_THE_FIRST_VERSION)
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let ledger = place.open().await;
    let (done, campaign) = ledger.job(JobId(1)).await.unwrap().unwrap();
    assert_eq!(campaign, "spring");
    assert_eq!(done.user_principal_name, "ada@contoso.com");
    // What it does not have is read from its attempts.
    assert_eq!(done.last_status, Some(204));
    assert_eq!(done.last_request_id.as_deref(), Some("r-1"));
    let attempts = ledger.attempts(JobId(1)).await.unwrap();
    assert_eq!(attempts.len(), 1);
    for (job, state, dispatch, lease_until) in [
        (2, JobState::Pending, 3, 0),
        (3, JobState::Queued, 2, 9),
        (4, JobState::Running, 4, 9),
        (5, JobState::Dead, 1, 0),
    ] {
        let (job, _) = ledger.job(JobId(job)).await.unwrap().unwrap();
        let lease_until = Timestamp::from_millis(lease_until);
        assert_eq!(
            (job.state, job.dispatch, job.lease_until),
            (state, dispatch, lease_until),
            "{job:?}"
        );
    }
    let found = ledger.check().await.unwrap();
    assert!(found.is_sound(), "{found:?}");
    let rescued = ledger.rescue(&as_worker("w2"), START).await.unwrap();
    assert_eq!((rescued.queued, rescued.running), (1, 1));
    let found = ledger.check().await.unwrap();
    assert!(found.is_sound(), "{found:?}");
}

on_every_database! {
    a_ledger_of_the_first_version_is_brought_up_to_date_with_all_that_is_in_it,
}
