//! The ledger as a file.

use repilot_ledger::{Ledger, LedgerError, LedgerLocation};

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

/// Names that mean something else in a URL, on Windows or to `SQLite` itself.
#[cfg(unix)]
const ODD_NAMES: [&str; 12] = [
    r"C:\Users\ada\ledger.db",
    r"\\server\share\l.db",
    r"\\?\C:\l.db",
    "two words.db",
    "a#b.db",
    "100%.db",
    "50%41.db",
    "what?mode=memory.db",
    ":memory:",
    "file:l.db?mode=memory",
    "sqlite:l.db",
    "帳簿 käse.db",
];

#[tokio::test]
#[cfg(unix)]
async fn a_ledger_with_an_odd_name_is_that_file_and_no_other() {
    for name in ODD_NAMES {
        let folder = tempfile::tempdir().unwrap();
        let location = LedgerLocation::parse(folder.path().join(name).to_str().unwrap()).unwrap();
        let ledger = Ledger::open(&location).await.unwrap();
        let version = ledger.version().await.unwrap();
        ledger.close().await;
        let found: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        for file in &found {
            assert!(file.starts_with(name), "{name} made {found:?}");
        }
        let made = std::fs::metadata(folder.path().join(name)).unwrap();
        assert!(made.len() > 0, "{name} is empty beside {found:?}");
        let again = Ledger::open(&location).await.unwrap();
        assert_eq!(again.version().await.unwrap(), version);
    }
}
