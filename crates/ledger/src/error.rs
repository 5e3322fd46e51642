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
    #[error("`{0}` is no ledger: give the path of a SQLite file, or postgres://…")]
    UnknownKind(String),
    /// The URL of a database is none.
    #[error("the ledger's URL {scheme}://… cannot be read")]
    BadUrl {
        /// Its scheme; the rest may carry a password.
        scheme: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A statement failed.
    #[error("the ledger could not {what}")]
    Query {
        /// What the statement was for.
        what: &'static str,
        /// What the database says.
        #[source]
        source: sqlx::Error,
    },
    /// The connection broke during a commit, and nobody can say whether that was carried out.
    #[error("the ledger went away while it was to {what}, and whether it did is not known")]
    InDoubt {
        /// What the transaction was for.
        what: &'static str,
        /// What broke.
        #[source]
        source: sqlx::Error,
    },
    /// Only an empty ledger is copied into.
    #[error("the ledger {location} is not empty: it has {table}")]
    NotEmpty {
        /// The ledger, without secrets.
        location: String,
        /// A table that has rows.
        table: &'static str,
    },
    /// Workers move the ledger on: a copy would be old at once, and both would call devices.
    #[error("workers are at work on the ledger {location}: {}", workers.join(", "))]
    InUse {
        /// The ledger, without secrets.
        location: String,
        /// Who.
        workers: Vec<String>,
    },
    /// A copy has not all that it should; it was not kept.
    #[error("only {found} of {expected} rows of {table} arrived in the copy")]
    Incomplete {
        /// The table.
        table: &'static str,
        /// Rows in the original.
        expected: i64,
        /// Rows in the copy.
        found: i64,
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
    /// A campaign's controls contradict each other.
    #[error(transparent)]
    Control(#[from] repilot_domain::ControlError),
    /// No index bears the order that a search asks for, and too many jobs fit to sort them.
    #[error("more than {most} jobs fit, and no index sorts them so")]
    TooManyToSort {
        /// As many as are sorted.
        most: i64,
    },
    /// Nothing is enqueued into a campaign that was cancelled.
    #[error("campaign {0} was cancelled")]
    Cancelled(repilot_domain::CampaignId),
    /// Nothing goes into a campaign whose jobs were forgotten, nor round again in it.
    #[error("the jobs of campaign {0} were forgotten")]
    Forgotten(repilot_domain::CampaignId),
    /// The campaign's name is taken by a campaign of another tenant.
    #[error("campaign `{name}` belongs to tenant `{tenant}`")]
    OtherTenant {
        /// The campaign's name.
        name: String,
        /// Whose it is.
        tenant: String,
    },
    /// The campaign's name is taken by a campaign that does something else.
    #[error("campaign `{name}` does something else with its devices: {action}")]
    OtherAction {
        /// The campaign's name.
        name: String,
        /// What it does.
        action: repilot_domain::Action,
    },
}

/// `SQLite`'s primary result codes that pass by themselves or once an operator makes room:
/// busy, locked, I/O error, full, cannot open.
const PASSING_SQLITE_CODES: [i32; 5] = [5, 6, 10, 13, 14];

/// `SQLite`'s result code for a full disk.
const SQLITE_FULL: i32 = 13;

/// How the SQLSTATEs begin that pass by themselves or once an operator makes room: the connection
/// is lost, the transaction was rolled back for another's sake, resources are short, an operator
/// stepped in, the system failed.
const PASSING_SQLSTATE_CLASSES: [&str; 5] = ["08", "40", "53", "57", "58"];

/// The same of single ones: a lock that was not to be had in time; a session that was ended because
/// it idled in a transaction; a transaction on a server that has become a standby.
const PASSING_SQLSTATES: [&str; 3] = ["55P03", "25P03", "25006"];

/// PostgreSQL's full disk.
const POSTGRES_FULL: &str = "53100";

/// A server that ends, ended another's session with its own, starts or recovers.
const SERVER_GONE_SQLSTATES: [&str; 4] = ["57P01", "57P02", "57P03", "25P03"];

impl LedgerError {
    /// Whether the same statement may succeed later without anybody changing the program.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        let source = match self {
            Self::Contended => return true,
            Self::Query { source, .. } => source,
            _ => return false,
        };
        if is_connection_lost(source) {
            return true;
        }
        if let Some(code) = sqlite_code(source) {
            return PASSING_SQLITE_CODES.contains(&code);
        }
        sqlstate(source).is_some_and(|state| {
            PASSING_SQLSTATES.contains(&&*state)
                || PASSING_SQLSTATE_CLASSES
                    .iter()
                    .any(|class| state.starts_with(class))
        })
    }

    /// Whether the disk is full.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Query { source, .. } | Self::Open { source, .. } => {
                sqlite_code(source) == Some(SQLITE_FULL)
                    || sqlstate(source).as_deref() == Some(POSTGRES_FULL)
            }
            _ => false,
        }
    }
}

/// Whether the way to the database broke, rather than a statement.
pub(crate) fn is_connection_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed
        // What was half read when the connection broke.
        | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(_) => sqlstate(error).is_some_and(|state| {
            state.starts_with("08") || SERVER_GONE_SQLSTATES.contains(&&*state)
        }),
        _ => false,
    }
}

/// A server that did not answer: as if the way to it had broken.
pub(crate) fn unanswered() -> sqlx::Error {
    sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())
}

/// `SQLite`'s primary result code: the low byte of the extended one.
fn sqlite_code(error: &sqlx::Error) -> Option<i32> {
    let error = error.as_database_error()?;
    error.try_downcast_ref::<sqlx::sqlite::SqliteError>()?;
    let code: i32 = error.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// PostgreSQL's five characters.
fn sqlstate(error: &sqlx::Error) -> Option<std::borrow::Cow<'_, str>> {
    let error = error.as_database_error()?;
    error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>()?;
    error.code()
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
