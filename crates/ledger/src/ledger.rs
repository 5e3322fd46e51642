//! Opening a ledger, and its connections.

use std::path::Path;
use std::sync::Arc;

use sqlx::any::AnyPoolOptions;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Connection as _, Transaction};

use crate::dialect::Dialect;
use crate::error::QueryContext as _;
use crate::{LedgerError, LedgerLocation, migrations};

/// Readers at once: a status, a page or an export beside the workers' own reads.
const READ_CONNECTIONS: u32 = 4;

/// A ledger; cheap to clone.
#[derive(Debug, Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// One connection: `SQLite` has one writer at a time, and waiting here is fair and cheap.
    writer: AnyPool,
    readers: AnyPool,
    dialect: Dialect,
    location: LedgerLocation,
}

impl Ledger {
    /// Opens the ledger, makes it where there is none, and brings it up to date.
    pub async fn open(location: &LedgerLocation) -> Result<Self, LedgerError> {
        sqlx::any::install_default_drivers();
        let path = location.path();
        prepare_file(path).map_err(|source| LedgerError::File {
            path: path.to_owned(),
            source,
        })?;
        let dialect = Dialect::Sqlite;
        let open_error = |source| LedgerError::Open {
            location: location.to_string(),
            source,
        };
        let url = sqlite_url(path);
        // Two processes that make one ledger would trip over each other's migrations, which wait
        // for no lock.
        let opening = lock_for_opening(path).map_err(|source| LedgerError::File {
            path: path.to_owned(),
            source,
        })?;
        // A pool would try again for half a minute what fails here for good.
        let mut first = AnyConnection::connect(&url).await.map_err(open_error)?;
        prepare_connection(&mut first, dialect)
            .await
            .map_err(open_error)?;
        migrations::run(&mut first, &location.to_string()).await?;
        let writer = pool(dialect, 1).connect(&url).await.map_err(open_error)?;
        let readers = pool(dialect, READ_CONNECTIONS)
            .connect(&url)
            .await
            .map_err(open_error)?;
        first.close().await.map_err(open_error)?;
        drop(opening);
        Ok(Self {
            inner: Arc::new(Inner {
                writer,
                readers,
                dialect,
                location: location.clone(),
            }),
        })
    }

    /// Where the ledger is.
    #[must_use]
    pub fn location(&self) -> &LedgerLocation {
        &self.inner.location
    }

    /// Closes the ledger's connections; what was committed stays.
    pub async fn close(&self) {
        self.inner.readers.close().await;
        self.inner.writer.close().await;
    }

    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Any>, LedgerError> {
        let writer = &self.inner.writer;
        let statement = self.inner.dialect.begin_write();
        let begun = match writer.begin_with(statement).await {
            // A full disk made the database end a transaction by itself: this connection and the
            // database no longer agree on whether there is one.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                let stale = writer.acquire().await.doing("get a connection")?;
                // Whatever it says, it is gone.
                let _ = stale.close().await;
                writer.begin_with(statement).await
            }
            begun => begun,
        };
        begun.doing("begin a transaction")
    }

    pub(crate) async fn reader(&self) -> Result<PoolConnection<Any>, LedgerError> {
        self.inner.readers.acquire().await.doing("get a connection")
    }
}

fn pool(dialect: Dialect, connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_connect(move |connection, _| Box::pin(prepare_connection(connection, dialect)))
}

async fn prepare_connection(
    connection: &mut AnyConnection,
    dialect: Dialect,
) -> Result<(), sqlx::Error> {
    for statement in dialect.on_connect() {
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Held while a ledger is opened; given back by whoever holds it, or by the system when they die.
fn lock_for_opening(path: &Path) -> std::io::Result<std::fs::File> {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    let lock = private_file(Path::new(&name))?;
    lock.lock()?;
    Ok(lock)
}

/// The path as a `sqlite:` URL: what would end the path in a URL is escaped.
fn sqlite_url(path: &Path) -> String {
    let mut url = String::from("sqlite://");
    for c in path.to_string_lossy().chars() {
        match c {
            '%' => url.push_str("%25"),
            '?' => url.push_str("%3f"),
            '#' => url.push_str("%23"),
            c => url.push(c),
        }
    }
    url
}

/// Makes the folder and an empty file that only its owner can read, before the database does:
/// `SQLite` gives its journal the permissions of the file itself.
fn prepare_file(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder)?;
    }
    private_file(path).map(drop)
}

/// Opens or makes a file that only its owner can read.
fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    // On Windows the file inherits the permissions of its folder, which the default location's
    // profile folder keeps to its owner.
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}
