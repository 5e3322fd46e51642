//! Transactions that write, and the connection that batches are written over.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use crate::pools::is_answered;

/// What a connection said so lately it need not be asked: whoever uses it tries again whatever fails,
/// and a question before each transaction would be a round trip more for each.
const TRUSTED_FOR: Duration = Duration::from_millis(250);

/// A transaction that will write. [`Ledger::commit`](crate::Ledger::commit) ends it; where it is
/// dropped, or its commit fails, it never was.
pub(crate) struct Writing(On);

enum On {
    /// One that goes back into the pool.
    Pooled(Transaction<'static, Any>),
    Kept {
        connection: AnyConnection,
        /// Where it is put back.
        place: OwnedMutexGuard<Option<Idle>>,
    },
}

impl Writing {
    pub(crate) const fn pooled(transaction: Transaction<'static, Any>) -> Self {
        Self(On::Pooled(transaction))
    }

    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        match self.0 {
            On::Pooled(transaction) => transaction.commit().await,
            On::Kept { connection, place } => end(connection, place, "COMMIT").await,
        }
    }

    /// Ends it without a trace, sooner than to drop it does.
    pub(crate) async fn take_back(self) -> Result<(), sqlx::Error> {
        match self.0 {
            On::Pooled(transaction) => transaction.rollback().await,
            On::Kept { connection, place } => end(connection, place, "ROLLBACK").await,
        }
    }
}

async fn end(
    mut connection: AnyConnection,
    mut place: OwnedMutexGuard<Option<Idle>>,
    statement: &'static str,
) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(statement).execute(&mut connection).await?;
    *place = Some(Idle {
        connection,
        since: Instant::now(),
    });
    Ok(())
}

impl Deref for Writing {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        match &self.0 {
            On::Pooled(transaction) => transaction,
            On::Kept { connection, .. } => connection,
        }
    }
}

impl DerefMut for Writing {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        match &mut self.0 {
            On::Pooled(transaction) => transaction,
            On::Kept { connection, .. } => connection,
        }
    }
}

/// One connection for one transaction after the other: a pool takes turns among several, each of which
/// has yet to read and plan every statement when it comes to it first, and asks each for a sign of life
/// whenever it comes back.
#[derive(Debug, Clone)]
pub(crate) struct KeptConnection {
    /// Where it comes from.
    pool: AnyPool,
    idle: Arc<Mutex<Option<Idle>>>,
}

#[derive(Debug)]
struct Idle {
    connection: AnyConnection,
    since: Instant,
}

impl KeptConnection {
    pub(crate) fn from(pool: AnyPool) -> Self {
        Self {
            pool,
            idle: Arc::default(),
        }
    }

    /// Opens it, so that whoever needs it first does not wait for that.
    pub(crate) async fn open(&self) -> Result<(), sqlx::Error> {
        let mut place = self.idle.lock().await;
        if place.is_none() {
            *place = Some(Idle {
                connection: self.pool.acquire().await?.detach(),
                since: Instant::now(),
            });
        }
        Ok(())
    }

    /// Begins a transaction as soon as the one before it is over.
    pub(crate) async fn begin(&self, statement: &'static str) -> Result<Writing, sqlx::Error> {
        let mut place = Arc::clone(&self.idle).lock_owned().await;
        // Out of its place: whatever goes wrong from here on, it is not used again.
        let mut connection = match usable(place.take()).await {
            Some(connection) => connection,
            None => self.pool.acquire().await?.detach(),
        };
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await?;
        Ok(Writing(On::Kept { connection, place }))
    }
}

async fn usable(idle: Option<Idle>) -> Option<AnyConnection> {
    let Idle {
        mut connection,
        since,
    } = idle?;
    let is_trusted = since.elapsed() < TRUSTED_FOR;
    (is_trusted || is_answered(&mut connection).await.is_ok()).then_some(connection)
}
