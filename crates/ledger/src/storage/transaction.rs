//! Transactions that write, and the connection that batches are written over.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use sqlx::{Any, AnyConnection, AnyPool, Connection as _, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use crate::error::unanswered;

/// A connection that answered so lately is not asked for a sign of life: whoever uses it tries again
/// whatever fails, and to ask before each transaction would be a round trip more for each.
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

    /// Ends it without a trace. To drop it does so, too, but what was kept for it is not used again, and
    /// the server notes that it lost somebody in the middle.
    pub(crate) async fn take_back(self) {
        if let On::Kept { connection, place } = self.0 {
            // Where that fails it is as if it were dropped.
            let _ = end(connection, place, "ROLLBACK").await;
        }
    }
}

async fn end(
    mut connection: AnyConnection,
    mut place: OwnedMutexGuard<Option<Idle>>,
    statement: &'static str,
) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(statement).execute(&mut connection).await?;
    *place = Some(Idle::now(connection));
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

impl Idle {
    fn now(connection: AnyConnection) -> Self {
        Self {
            connection,
            since: Instant::now(),
        }
    }
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
            *place = Some(Idle::now(self.connect().await?));
        }
        Ok(())
    }

    /// Begins a transaction as soon as the one before it is over.
    pub(crate) async fn begin(&self, statement: &'static str) -> Result<Writing, sqlx::Error> {
        let mut place = Arc::clone(&self.idle).lock_owned().await;
        // Out of its place: whatever goes wrong from here on, it is not used again.
        let mut connection = match usable(place.take()).await {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        sqlx::raw_sql(statement).execute(&mut connection).await?;
        Ok(Writing(On::Kept { connection, place }))
    }

    async fn connect(&self) -> Result<AnyConnection, sqlx::Error> {
        Ok(self.pool.acquire().await?.detach())
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

/// How long a PostgreSQL server that is down is knocked at before the caller hears of it: callers
/// know better how long they can wait, and a server that is up again is noticed within a fifth
/// of it.
pub(crate) const POSTGRES_CONNECT_PATIENCE: Duration = Duration::from_secs(3);

/// Asks a connection for a sign of life.
pub(crate) async fn is_answered(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    tokio::time::timeout(POSTGRES_CONNECT_PATIENCE, connection.ping())
        .await
        .unwrap_or_else(|_late| Err(unanswered()))
        .map(|()| true)
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;

    use super::*;
    use crate::{Ledger, LedgerLocation};

    async fn ledger(server: &servers::Postgres) -> Ledger {
        let location = LedgerLocation::parse(&server.create_database()).unwrap();
        let ledger = Ledger::open(&location).await.unwrap();
        ledger.of_own_runtime().unwrap()
    }

    /// Begins a transaction; the server's process behind its connection.
    async fn begin(ledger: &Ledger) -> (Writing, i64) {
        let mut transaction = ledger.begin().await.unwrap();
        let process = sqlx::query("SELECT CAST(pg_backend_pid() AS BIGINT)")
            .fetch_one(&mut *transaction)
            .await
            .unwrap();
        (transaction, process.get(0))
    }

    fn end(server: &servers::Postgres, process: i64) {
        let end = format!("SELECT pg_terminate_backend({process}, 10000)");
        assert_eq!(server.answer("test0", &end), "t\n");
    }

    async fn write(connection: &mut AnyConnection, token: &str) {
        sqlx::query(
            "INSERT INTO commit_marks (token, is_void, made_at) VALUES ($1, 1, clock_timestamp())",
        )
        .bind(token)
        .execute(connection)
        .await
        .unwrap();
    }

    fn written(server: &servers::Postgres) -> String {
        let written = "SELECT token FROM commit_marks WHERE is_void = 1 ORDER BY token";
        server.answer("test0", written)
    }

    #[tokio::test]
    async fn what_ends_well_is_followed_over_the_same_connection() {
        let server = servers::Postgres::start();
        let ledger = ledger(&server).await;
        ledger.prepare_to_write().await;

        let (mut first, process_of_first) = begin(&ledger).await;
        write(&mut first, "committed").await;
        ledger.commit(first, "write").await.unwrap();

        let (mut second, its_process) = begin(&ledger).await;
        assert_eq!(its_process, process_of_first);
        write(&mut second, "taken back").await;
        second.take_back().await;

        let (third, its_process) = begin(&ledger).await;
        assert_eq!(its_process, process_of_first);
        ledger.commit(third, "write").await.unwrap();
        assert_eq!(written(&server), "committed\n");
    }

    /// Whoever was cut short may have left anything behind on it.
    #[tokio::test]
    async fn what_is_dropped_leaves_nothing_and_is_followed_over_another_connection() {
        let server = servers::Postgres::start();
        let ledger = ledger(&server).await;

        let (mut dropped, process_of_dropped) = begin(&ledger).await;
        write(&mut dropped, "the same").await;
        drop(dropped);

        let (mut next, its_process) = begin(&ledger).await;
        assert_ne!(its_process, process_of_dropped);
        // Waits for whoever has a row of this name and may still commit.
        write(&mut next, "the same").await;
        ledger.commit(next, "write").await.unwrap();
        assert_eq!(written(&server), "the same\n");
    }

    #[tokio::test]
    async fn a_connection_that_is_gone_is_replaced_once_it_is_asked_for_a_sign_of_life() {
        let server = servers::Postgres::start();
        let ledger = ledger(&server).await;
        let (first, process_of_first) = begin(&ledger).await;
        ledger.commit(first, "write").await.unwrap();
        end(&server, process_of_first);

        tokio::time::sleep(TRUSTED_FOR).await;
        let (next, its_process) = begin(&ledger).await;
        assert_ne!(its_process, process_of_first);
        ledger.commit(next, "write").await.unwrap();
    }

    /// Before it is asked, whoever relies on it fails in a way that is worth another try.
    #[tokio::test]
    async fn a_connection_that_breaks_while_it_is_trusted_fails_one_transaction() {
        let server = servers::Postgres::start();
        let ledger = ledger(&server).await;
        let (broken, its_process) = begin(&ledger).await;
        end(&server, its_process);
        let error = ledger.commit(broken, "write").await.unwrap_err();
        assert!(error.is_passing(), "{error:?}");

        let next = ledger.begin().await.unwrap();
        ledger.commit(next, "write").await.unwrap();
    }
}
