//! A ledger's connections.

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe};

use crate::storage::dialect::Dialect;
use crate::storage::transaction::{KeptConnection, POSTGRES_CONNECT_PATIENCE, is_answered};

/// Readers at once: a status, a page or an export beside the workers' own reads.
const READ_CONNECTIONS: u32 = 4;

/// Writers at once: `SQLite` has one, and waiting for it here is fair and cheap. On PostgreSQL
/// leases and a person's commands need not wait for each other.
const SQLITE_WRITE_CONNECTIONS: u32 = 1;
const POSTGRES_WRITE_CONNECTIONS: u32 = 4;

/// Opened in the place of connections that a server, or the way to it, lost without a word: before a
/// pool takes a connection back it asks for a sign of life, and waits as long as TCP hopes.
const POSTGRES_SPARE_CONNECTIONS: u32 = 4;

/// A ledger's connections; those that are broken are replaced as they are used.
#[derive(Debug, Clone)]
pub(crate) struct Pools {
    pub(crate) writer: AnyPool,
    pub(crate) readers: AnyPool,
    /// What batches are written over, one after the other.
    pub(crate) kept: Option<KeptConnection>,
}

impl Pools {
    /// To a database that is known to be there.
    pub(crate) async fn connect(dialect: Dialect, url: &str) -> Result<Self, sqlx::Error> {
        Ok(Self {
            writer: options(dialect, writers(dialect)).connect(url).await?,
            readers: options(dialect, readers(dialect)).connect(url).await?,
            kept: None,
        })
    }

    /// The same, with connections to write over that the runtime which calls opens to a PostgreSQL
    /// server: one for all that it writes, and others in its place.
    pub(crate) fn with_own_writer(&self, url: &str) -> Result<Self, sqlx::Error> {
        let writer = options(Dialect::Postgres, POSTGRES_SPARE_CONNECTIONS)
            .after_connect(|connection, _| Box::pin(prepare_for_batches(connection)))
            .connect_lazy(url)?;
        Ok(Self {
            kept: Some(KeptConnection::from(writer.clone())),
            writer,
            readers: self.readers.clone(),
        })
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

const fn writers(dialect: Dialect) -> u32 {
    match dialect {
        Dialect::Sqlite => SQLITE_WRITE_CONNECTIONS,
        Dialect::Postgres => POSTGRES_WRITE_CONNECTIONS + POSTGRES_SPARE_CONNECTIONS,
    }
}

const fn readers(dialect: Dialect) -> u32 {
    match dialect {
        Dialect::Sqlite => READ_CONNECTIONS,
        Dialect::Postgres => READ_CONNECTIONS + POSTGRES_SPARE_CONNECTIONS,
    }
}

fn options(dialect: Dialect, connections: u32) -> AnyPoolOptions {
    let options = AnyPoolOptions::new()
        .max_connections(connections)
        .after_connect(move |connection, _| Box::pin(prepare(connection, dialect)));
    match dialect {
        // A file does not go away.
        Dialect::Sqlite => options
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false),
        // A server does: a connection is tried before it is used.
        Dialect::Postgres => options
            .acquire_timeout(POSTGRES_CONNECT_PATIENCE)
            .test_before_acquire(true)
            // One that nobody answers would occupy its place for as long as TCP hopes.
            .after_release(|connection, _| Box::pin(is_answered(connection))),
    }
}

/// Tells a new connection what it has to know.
pub(crate) async fn prepare(
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

/// A batch's statements are few and known, and each has one plan that is good at any size: to plan it
/// anew the first times costs as much as to carry it out. That plan goes along indexes, however small
/// the tables are that it is made for.
async fn prepare_for_batches(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    prepare(connection, Dialect::Postgres).await?;
    for statement in [
        "SET plan_cache_mode = force_generic_plan",
        "SET enable_seqscan = off",
        "SET enable_bitmapscan = off",
    ] {
        sqlx::query(statement).execute(&mut *connection).await?;
    }
    Ok(())
}
