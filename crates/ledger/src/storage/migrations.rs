//! The ledger's shape, compiled in from `migrations/`.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AssertSqlSafe, SqlSafeStr as _};

use crate::LedgerError;
use crate::storage::dialect::Dialect;

/// Version, description, text; in order. A new file goes at the end, and an old one never changes.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (
        1,
        "ledger",
        include_str!("../../../../migrations/0001_ledger.sql"),
    ),
    (
        2,
        "row keys",
        include_str!("../../../../migrations/0002_row_keys.sql"),
    ),
    (
        3,
        "inventory",
        include_str!("../../../../migrations/0003_inventory.sql"),
    ),
    (
        4,
        "trouble",
        include_str!("../../../../migrations/0004_trouble.sql"),
    ),
    (
        5,
        "job indexes",
        include_str!("../../../../migrations/0005_job_indexes.sql"),
    ),
    (
        6,
        "actions",
        include_str!("../../../../migrations/0006_actions.sql"),
    ),
    (
        7,
        "controls",
        include_str!("../../../../migrations/0007_controls.sql"),
    ),
    (
        8,
        "audit",
        include_str!("../../../../migrations/0008_audit.sql"),
    ),
    (
        9,
        "access",
        include_str!("../../../../migrations/0009_access.sql"),
    ),
    (
        10,
        "aftermath",
        include_str!("../../../../migrations/0010_aftermath.sql"),
    ),
    (
        11,
        "search",
        include_str!("../../../../migrations/0011_search.sql"),
    ),
    (
        12,
        "call times",
        include_str!("../../../../migrations/0012_call_times.sql"),
    ),
    (
        16,
        "held jobs",
        include_str!("../../../../migrations/0016_held_jobs.sql"),
    ),
    (
        17,
        "pending jobs",
        include_str!("../../../../migrations/0017_pending_jobs.sql"),
    ),
    (
        18,
        "job places",
        include_str!("../../../../migrations/0018_job_places.sql"),
    ),
    (
        19,
        "commit marks",
        include_str!("../../../../migrations/0019_commit_marks.sql"),
    ),
    (
        20,
        "room in pages",
        include_str!("../../../../migrations/0020_room_in_pages.sql"),
    ),
    (
        21,
        "claim tokens",
        include_str!("../../../../migrations/0021_claim_tokens.sql"),
    ),
    (
        22,
        "sightings",
        include_str!("../../../../migrations/0022_sightings.sql"),
    ),
    (
        25,
        "listing doubts",
        include_str!("../../../../migrations/0025_listing_doubts.sql"),
    ),
    (
        28,
        "worker zones",
        include_str!("../../../../migrations/0028_worker_zones.sql"),
    ),
    (
        29,
        "devices without user",
        include_str!("../../../../migrations/0029_devices_without_user.sql"),
    ),
    (
        31,
        "jobs in doubt",
        include_str!("../../../../migrations/0031_jobs_in_doubt.sql"),
    ),
    (
        33,
        "deeds",
        include_str!("../../../../migrations/0033_deeds.sql"),
    ),
];

/// The last migration that this program knows.
pub(crate) fn newest() -> i64 {
    MIGRATIONS
        .iter()
        .map(|(version, ..)| *version)
        .max()
        .unwrap_or_default()
}

/// Brings the ledger to the shape that this program knows, or says why it cannot.
pub(crate) async fn run(connection: &mut AnyConnection, location: &str) -> Result<(), LedgerError> {
    let dialect = Dialect::of(connection);
    let migrations = MIGRATIONS
        .iter()
        .map(|(version, description, text)| {
            Migration::new(
                *version,
                (*description).into(),
                MigrationType::Simple,
                AssertSqlSafe(dialect.shape(text)).into_sql_str(),
                false,
            )
        })
        .collect();
    Migrator::with_migrations(migrations)
        .run(connection)
        .await
        .map_err(|source| match source {
            sqlx::migrate::MigrateError::VersionMissing(version) => LedgerError::Newer {
                location: location.to_owned(),
                version,
            },
            source => LedgerError::Migrate {
                location: location.to_owned(),
                source,
            },
        })
}
