//! What can go wrong with a ledger.

use std::path::PathBuf;

/// A ledger's failure: what failed on what.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The folder or file cannot be made or read.
    #[error("cannot open the ledger {path}")]
    File {
        /// The ledger's file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The database refuses to open: no database, damaged, locked away.
    #[error("cannot open the ledger {location}")]
    Open {
        /// The ledger, without secrets.
        location: String,
        /// What the database says.
        #[source]
        source: sqlx::Error,
    },
    /// The ledger was written by a newer version of the program.
    #[error("the ledger {location} is newer than this program (it has migration {version})")]
    Newer {
        /// The ledger, without secrets.
        location: String,
        /// The first migration that this program does not know.
        version: i64,
    },
    /// A migration failed or was changed after it ran.
    #[error("cannot bring the ledger {location} up to date")]
    Migrate {
        /// The ledger, without secrets.
        location: String,
        /// What the migrator says.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// The URL names no kind of ledger that this program knows.
    #[error("`{0}` is no ledger: give the path of a SQLite file")]
    UnknownKind(String),
    /// A statement failed.
    #[error("the ledger could not {what}")]
    Query {
        /// What the statement was for.
        what: &'static str,
        /// What the database says.
        #[source]
        source: sqlx::Error,
    },
    /// A value in the ledger that this program did not write.
    #[error("bad data in the ledger: {table}.{column} of row {row}")]
    BadData {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        row: String,
        /// Why it cannot be read.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A batch of rows cannot be written or read: a defect of this program.
    #[error("the ledger cannot read a batch of rows")]
    Batch(#[source] serde_json::Error),
    /// Another process changed the same jobs in the meantime.
    #[error("another process changed the same jobs in the ledger")]
    Contended,
    /// A statement moved a job as the state machine does not allow: a defect of this program.
    #[error("the ledger refuses to move a job")]
    Transition(#[from] repilot_domain::IllegalTransition),
    /// Nothing is enqueued into a campaign that was cancelled.
    #[error("campaign {0} was cancelled")]
    Cancelled(repilot_domain::CampaignId),
    /// The campaign's name is taken by a campaign of another tenant.
    #[error("campaign `{name}` belongs to tenant `{tenant}`")]
    OtherTenant {
        /// The campaign's name.
        name: String,
        /// Whose it is.
        tenant: String,
    },
}

/// `SQLite`'s primary result codes that pass by themselves or once an operator makes room:
/// busy, locked, I/O error, full, cannot open.
const PASSING_SQLITE_CODES: [i32; 5] = [5, 6, 10, 13, 14];

/// `SQLite`'s result code for a full disk.
const SQLITE_FULL: i32 = 13;

impl LedgerError {
    /// Whether the same statement may succeed later without anybody changing the program.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        let source = match self {
            Self::Contended => return true,
            Self::Query { source, .. } => source,
            _ => return false,
        };
        match source {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
            sqlx::Error::Database(_) => {
                sqlite_code(source).is_some_and(|code| PASSING_SQLITE_CODES.contains(&code))
            }
            _ => false,
        }
    }

    /// Whether the disk is full.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Query { source, .. } | Self::Open { source, .. } => {
                sqlite_code(source) == Some(SQLITE_FULL)
            }
            _ => false,
        }
    }
}

/// `SQLite`'s primary result code: the low byte of the extended one.
fn sqlite_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// Names what a statement was for.
pub(crate) trait QueryContext<T> {
    fn doing(self, what: &'static str) -> Result<T, LedgerError>;
}

impl<T> QueryContext<T> for Result<T, sqlx::Error> {
    fn doing(self, what: &'static str) -> Result<T, LedgerError> {
        self.map_err(|source| LedgerError::Query { what, source })
    }
}
