//! Opening a ledger, and its transactions.

use std::sync::Arc;

use repilot_domain::{Timestamp, WithCauses};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Connection as _, Row as _, Transaction};

use crate::error::{self, QueryContext as _};
use crate::jobs::due_cursor::DueCursors;
use crate::storage::commit_marks::CommitMarks;
use crate::storage::dialect::Dialect;
use crate::storage::pools::{self, Pools};
use crate::storage::transaction::Writing;
use crate::storage::{file, migrations};
use crate::{LedgerError, LedgerLocation};

/// A ledger; cheap to clone.
#[derive(Debug, Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pools: Pools,
    dialect: Dialect,
    location: LedgerLocation,
    marks: CommitMarks,
    due_floors: DueCursors,
}

impl Ledger {
    /// Opens the ledger, makes it where there is none, and brings it up to date.
    pub async fn open(location: &LedgerLocation) -> Result<Self, LedgerError> {
        sqlx::any::install_default_drivers();
        let open_error = |source| LedgerError::Open {
            location: location.to_string(),
            source,
        };
        // On PostgreSQL the migrations wait for a lock of their own.
        let opening =
            match location {
                LedgerLocation::Postgres(_) => None,
                LedgerLocation::File(path) => Some(file::prepare(path).await.map_err(
                    |source| LedgerError::File {
                        path: path.clone(),
                        source,
                    },
                )?),
            };
        let dialect = dialect(location);
        let url = url(location)?;
        // A pool would try again for half a minute what fails here for good.
        let mut first = AnyConnection::connect(&url).await.map_err(open_error)?;
        match dialect {
            Dialect::Sqlite => pools::prepare(&mut first, dialect)
                .await
                .map_err(open_error)?,
            // A migration may take its time, and wait for that of another process.
            Dialect::Postgres => {}
        }
        migrations::run(&mut first, &location.to_string()).await?;
        let pools = Pools::connect(dialect, &url).await.map_err(open_error)?;
        first.close().await.map_err(open_error)?;
        drop(opening);
        Ok(Self {
            inner: Arc::new(Inner {
                pools,
                dialect,
                location: location.clone(),
                marks: CommitMarks::default(),
                due_floors: DueCursors::default(),
            }),
        })
    }

    /// The same ledger for a thread with a runtime of its own, within which this is called: a socket
    /// belongs to the runtime that opened it, and ends with that.
    pub(crate) fn of_own_runtime(self) -> Result<Self, LedgerError> {
        let Inner {
            pools,
            dialect,
            location,
            ..
        } = self.inner.as_ref();
        match dialect {
            Dialect::Sqlite => Ok(self),
            Dialect::Postgres => {
                let pools =
                    pools
                        .with_own_writer(&url(location)?)
                        .map_err(|source| LedgerError::Open {
                            location: location.to_string(),
                            source,
                        })?;
                Ok(Self {
                    inner: Arc::new(Inner {
                        pools,
                        dialect: *dialect,
                        location: location.clone(),
                        marks: CommitMarks::default(),
                        due_floors: DueCursors::default(),
                    }),
                })
            }
        }
    }

    /// Where the ledger is.
    #[must_use]
    pub fn location(&self) -> &LedgerLocation {
        &self.inner.location
    }

    /// Whether what was committed stays whatever happens: a server's standby that takes over may lack
    /// the last of it.
    #[must_use]
    pub fn never_forgets(&self) -> bool {
        self.inner.dialect == Dialect::Sqlite
    }

    pub(crate) fn due_floors(&self) -> &DueCursors {
        &self.inner.due_floors
    }

    pub(crate) fn marks(&self) -> &CommitMarks {
        &self.inner.marks
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.inner.dialect
    }

    /// Closes the ledger's connections; what was committed stays. One that is never answered is not
    /// waited for.
    pub async fn close(&self) {
        let closing = async {
            self.inner.pools.close().await;
            Ok(())
        };
        if self.answered("close the ledger", closing).await.is_err() {
            tracing::warn!("a connection to the ledger is not answered; it is given up");
        }
    }

    /// Begins a transaction that will write; [`Ledger::commit`] ends it.
    pub(crate) async fn begin(&self) -> Result<Writing, LedgerError> {
        let Pools { writer, kept, .. } = &self.inner.pools;
        let statement = self.inner.dialect.begin_write();
        let begun = match kept {
            Some(kept) => kept.begin(statement).await,
            None => begin_over(writer, statement).await.map(Writing::pooled),
        };
        begun.doing("begin a transaction")
    }

    /// Opens what batches are written over, so that the first does not wait for that. A server that
    /// cannot be reached is spoken of when there is something to write.
    pub(crate) async fn prepare_to_write(&self) {
        if let Some(kept) = &self.inner.pools.kept
            && let Err(error) = kept.open().await
        {
            tracing::debug!(error = %WithCauses(&error), "no connection to write over yet");
        }
    }

    /// Waits for what the ledger is asked no longer than any statement of ours takes: a server that
    /// vanished without closing its connections never answers, and nobody else says so for minutes.
    pub async fn answered<T>(
        &self,
        what: &'static str,
        asked: impl Future<Output = Result<T, LedgerError>>,
    ) -> Result<T, LedgerError> {
        match self.inner.dialect.patience() {
            Some(patience) => tokio::time::timeout(patience, asked)
                .await
                .unwrap_or_else(|_late| Err(error::unanswered()).doing(what)),
            None => asked.await,
        }
    }

    /// What the database's clock says, where several machines share the database and so need one
    /// clock between them; `None` for a file.
    pub async fn time(&self) -> Result<Option<Timestamp>, LedgerError> {
        let Some(question) = self.inner.dialect.time() else {
            return Ok(None);
        };
        let mut reader = self.reader().await?;
        let row = sqlx::query(question).fetch_one(&mut *reader).await;
        let millis: i64 = row.and_then(|row| row.try_get(0)).doing("tell the time")?;
        Ok(Some(Timestamp::from_millis(millis)))
    }

    /// Writes a file anew without what was deleted: where an index moved rows about as it grew, what
    /// they were stays in its pages, and no deletion finds it there. PostgreSQL does so by and by.
    pub(crate) async fn write_anew(&self) -> Result<(), LedgerError> {
        if self.dialect() == Dialect::Postgres {
            return Ok(());
        }
        let what = "write the ledger's file anew";
        let mut writer = self.writer().await?;
        sqlx::query("VACUUM")
            .execute(&mut *writer)
            .await
            .doing(what)?;
        Ok(())
    }

    pub(crate) async fn writer(&self) -> Result<PoolConnection<Any>, LedgerError> {
        let writer = &self.inner.pools.writer;
        writer.acquire().await.doing("get a connection")
    }

    pub(crate) async fn reader(&self) -> Result<PoolConnection<Any>, LedgerError> {
        let readers = &self.inner.pools.readers;
        readers.acquire().await.doing("get a connection")
    }

    /// Begins a transaction that only reads, and reads one state throughout.
    pub(crate) async fn begin_reading(&self) -> Result<Transaction<'static, Any>, LedgerError> {
        let readers = &self.inner.pools.readers;
        readers
            .begin_with(self.inner.dialect.begin_read())
            .await
            .doing("begin to read")
    }
}

async fn begin_over(
    writer: &AnyPool,
    statement: &'static str,
) -> Result<Transaction<'static, Any>, sqlx::Error> {
    match writer.begin_with(statement).await {
        // A full disk made the database end a transaction by itself: this connection and the database
        // no longer agree on whether there is one.
        Err(sqlx::Error::InvalidSavePointStatement) => {
            // Whatever it says, it is gone.
            let _ = writer.acquire().await?.close().await;
            writer.begin_with(statement).await
        }
        begun => begun,
    }
}

const fn dialect(location: &LedgerLocation) -> Dialect {
    match location {
        LedgerLocation::File(_) => Dialect::Sqlite,
        LedgerLocation::Postgres(_) => Dialect::Postgres,
    }
}

/// What a connection is opened with; it may carry a password.
fn url(location: &LedgerLocation) -> Result<String, LedgerError> {
    match location {
        LedgerLocation::File(path) => file::url(path).map_err(|source| LedgerError::File {
            path: path.clone(),
            source,
        }),
        LedgerLocation::Postgres(url) => Ok(url.reveal().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ledger_closes_though_one_of_its_connections_never_comes_back() {
        let server = servers::Postgres::start();
        let location = LedgerLocation::parse(&server.create_database()).unwrap();
        let ledger = Ledger::open(&location).await.unwrap();
        let kept = ledger.reader().await.unwrap();
        ledger.close().await;
        assert!(ledger.reader().await.is_err(), "it is closed");
        drop(kept);
    }
}
