//! Where the databases differ. Everything else is one text.

use sqlx::AnyConnection;

/// Which database a ledger is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
}

/// How long a writer waits for another process's transaction before it gives up.
const SQLITE_BUSY_TIMEOUT_MS: u32 = 10_000;

impl Dialect {
    /// That of a connection.
    pub(crate) fn of(connection: &AnyConnection) -> Self {
        debug_assert_eq!(connection.backend_name(), "SQLite");
        Self::Sqlite
    }

    /// The rows of a [`batch`](crate::rows::batch) that is the first parameter; column `n` of a row
    /// is `value->>n`, to be cast.
    pub(crate) const fn each(self) -> &'static str {
        match self {
            Self::Sqlite => "json_each($1)",
        }
    }

    /// The pairs of a [`pairs`](crate::rows::pairs) that is the first parameter, as `id` and `dispatch`.
    pub(crate) const fn each_pair(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "(SELECT CAST(key AS BIGINT) AS id, value AS dispatch FROM json_each($1))"
            }
        }
    }

    /// The rows of an `INSERT` of so many columns each, as parameters in order.
    pub(crate) fn rows(self, rows: usize, columns: usize) -> String {
        match self {
            // Without numbers: a numbered parameter is looked up among all of them.
            Self::Sqlite => {
                let row = format!("({})", vec!["?"; columns].join(", "));
                vec![row.as_str(); rows].join(", ")
            }
        }
    }

    /// A migration's text with this database's words in it.
    pub(crate) fn shape(self, migration: &str) -> String {
        match self {
            Self::Sqlite => migration.replace("id ROW_KEY", "id INTEGER"),
        }
    }

    /// All rows of a query gathered into one, an array of arrays of these columns.
    pub(crate) fn gathered(self, columns: &str) -> String {
        match self {
            Self::Sqlite => format!("json_group_array(json_array({columns}))"),
        }
    }

    /// Begins a transaction that will write.
    ///
    /// `SQLite` must take its write lock at once: a transaction that reads first and writes later
    /// fails, without waiting, when another process wrote in between.
    pub(crate) const fn begin_write(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
        }
    }

    /// What each new connection is told.
    pub(crate) fn on_connect(self) -> Vec<String> {
        match self {
            Self::Sqlite => vec![
                format!("PRAGMA busy_timeout = {SQLITE_BUSY_TIMEOUT_MS}"),
                // Readers and the writer do not wait for each other.
                "PRAGMA journal_mode = WAL".to_owned(),
                // Survives a killed process whole; a power cut may cost the last transactions,
                // whose devices are then looked at before they are called again.
                "PRAGMA synchronous = NORMAL".to_owned(),
                // A page that many jobs share is copied back into the file once for all of them.
                "PRAGMA wal_autocheckpoint = 8000".to_owned(),
                "PRAGMA foreign_keys = ON".to_owned(),
                // Enough for the indexes of a million jobs.
                "PRAGMA cache_size = -65536".to_owned(),
                "PRAGMA temp_store = MEMORY".to_owned(),
                // Or a batch would be indexed, and every job scanned against it.
                "PRAGMA automatic_index = OFF".to_owned(),
            ],
        }
    }
}
