//! The ledger as a file.

use repilot_domain::{JobId, JobState};
use repilot_ledger::{Ledger, LedgerError, LedgerLocation};
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::bench::{Bench, Database};

#[tokio::test]
async fn what_is_committed_is_there_after_reopening() {
    let bench = Bench::with_jobs(Database::Sqlite, 2).await;
    bench.ledger.close().await;
    let reopened = bench.place.open().await;
    assert_eq!(
        reopened
            .campaign("spring")
            .await
            .unwrap()
            .unwrap()
            .counts
            .pending,
        2
    );
}

/// A ledger as the first version left it: a job that succeeded and one that waits.
const OF_THE_FIRST_VERSION: &str = "
    INSERT INTO campaigns (id, name, tenant, action, status, created_at, enqueued_at)
    VALUES (1, 'spring', 'contoso', 'unassign', 'active', 1, 1);
    INSERT INTO counters (campaign_id, name, value) VALUES (1, 'succeeded', 1), (1, 'pending', 1);
    INSERT INTO jobs (
        id, campaign_id, device_id, serial, group_tag, model, user_principal_name,
        addressable_user_name, line, state, dispatch, attempts, not_before, worker,
        last_status, last_request_id, created_at, finished_at
    )
    VALUES (1, 1, 'd-1', 'PF1', '', '', 'ada@contoso.com', 'Ada', 2, 'succeeded', 1, 1, 0, 'w',
            204, 'r-1', 1, 5),
           (2, 1, 'd-2', 'PF2', '', '', '', '', 3, 'pending', 0, 0, 0, '', NULL, NULL, 1, NULL);
    INSERT INTO attempts (
        job_id, dispatch, step, outcome, worker, started_at, finished_at, status, request_id
    )
    VALUES (1, 1, 'act', 'succeeded', 'w', 4, 5, 204, 'r-1');
    UPDATE sequences SET next = 3 WHERE name = 'job';
";

#[tokio::test]
async fn a_ledger_of_the_first_version_is_brought_up_to_date_with_all_that_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!(
        "sqlite://{}?mode=rwc",
        folder.path().join("ledger.db").display()
    );
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
    let location = folder.path().join("ledger.db");
    let location = LedgerLocation::parse(location.to_str().unwrap()).unwrap();
    let ledger = Ledger::open(&location).await.unwrap();
    let (done, campaign) = ledger.job(JobId(1)).await.unwrap().unwrap();
    assert_eq!(campaign, "spring");
    assert_eq!(done.user_principal_name, "ada@contoso.com");
    assert_eq!(done.last_status, Some(204));
    assert_eq!(done.last_request_id.as_deref(), Some("r-1"));
    let (waiting, _) = ledger.job(JobId(2)).await.unwrap().unwrap();
    assert_eq!(waiting.state, JobState::Pending);
    let attempts = ledger.attempts(JobId(1)).await.unwrap();
    assert_eq!(attempts.len(), 1);
}

#[tokio::test]
async fn a_newer_ledger_is_left_alone_and_named() {
    let bench = Bench::new(Database::Sqlite).await;
    let path = bench.place.folder().join("ledger.db");
    assert!(bench.ledger.is_current().await.unwrap());
    let url = format!("sqlite://{}", path.display());
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&url).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9001, 'from the future', 1, x'00', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    // Whoever had opened it before is told, too.
    assert!(!bench.ledger.is_current().await.unwrap());
    bench.ledger.close().await;
    let location = LedgerLocation::parse(path.to_str().unwrap()).unwrap();
    let error = Ledger::open(&location).await.unwrap_err();
    assert!(
        matches!(error, LedgerError::Newer { version: 9001, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(
        &path,
        "dear diary, this is not a database at all. ".repeat(50),
    )
    .unwrap();
    let location = LedgerLocation::parse(path.to_str().unwrap()).unwrap();
    let error = Ledger::open(&location).await.unwrap_err();
    assert!(error.to_string().contains("notes.txt"), "{error}");
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .starts_with("dear diary")
    );
}

#[tokio::test]
#[cfg(unix)]
async fn the_file_and_its_journal_are_private_to_their_owner() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::with_jobs(Database::Sqlite, 1).await;
    for entry in std::fs::read_dir(bench.place.folder()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} is {mode:o}", entry.file_name());
    }
}

#[test]
fn processes_that_open_a_fresh_ledger_at_once_all_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let location = LedgerLocation::parse(path.to_str().unwrap()).unwrap();
    let open = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(Ledger::open(&location)).map(drop)
    };
    let opening: Vec<_> = (0..8).map(|_| std::thread::spawn(open.clone())).collect();
    for opened in opening {
        opened.join().unwrap().unwrap();
    }
}
