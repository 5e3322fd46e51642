//! Commits whose answer was lost.
//!
//! A server may carry out a commit, and vanish before it says so. Each transaction therefore leaves a
//! mark under a name of its own, and whoever was not answered leaves a void one under the same name:
//! that waits for the transaction if it is under way, finds its mark if it committed, and otherwise
//! takes its place, so that it never will. The database's own number of the transaction would not do:
//! a standby that takes over gives out anew those that it had not heard of yet.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::{AnyConnection, Row as _};
use tokio::time::Instant;

use crate::error::{self, QueryContext as _};
use crate::storage::dialect::Dialect;
use crate::storage::transaction::Writing;
use crate::{Ledger, LedgerError};

/// How long the fate of a commit is asked for while the server is away.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(200);

/// The marks of a process.
#[derive(Debug, Default)]
pub(crate) struct CommitMarks {
    /// Of commits that were answered: nobody will ask for them, and the next one takes them away.
    answered: Mutex<Vec<String>>,
}

impl CommitMarks {
    /// Leaves a mark in a transaction that is about to commit; what it is called.
    async fn leave(&self, connection: &mut AnyConnection) -> Result<String, sqlx::Error> {
        let answered = std::mem::take(&mut *self.lock());
        let row = sqlx::query(
            "WITH answered AS (
                 DELETE FROM commit_marks
                 WHERE token = ANY (string_to_array($1, ','))
             )
             INSERT INTO commit_marks (token, is_void, made_at)
             VALUES (CAST(gen_random_uuid() AS TEXT), 0, clock_timestamp())
             RETURNING token",
        )
        .bind(answered.join(","))
        .fetch_one(connection)
        .await?;
        row.try_get(0)
    }

    fn answered(&self, mark: String) {
        self.lock().push(mark);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// Commits what a transaction did. Where the connection breaks before the answer comes, the
    /// database is asked whether it did: what was done is never done again.
    pub(crate) async fn commit(
        &self,
        mut transaction: Writing,
        what: &'static str,
    ) -> Result<(), LedgerError> {
        let Some(patience) = self.dialect().patience() else {
            return transaction.commit().await.doing(what);
        };
        let leaving = async {
            let mark = self.marks().leave(&mut transaction).await;
            mark.doing(what)
        };
        let mark = self.answered(what, leaving).await?;
        let committed = tokio::time::timeout(patience, transaction.commit())
            .await
            .unwrap_or_else(|_late| Err(error::unanswered()));
        match committed {
            Ok(()) => {
                self.marks().answered(mark);
                Ok(())
            }
            Err(source) if error::is_connection_lost(&source) => {
                self.commit_in_doubt(&mark, what, source).await
            }
            Err(source) => Err(LedgerError::Query { what, source }),
        }
    }

    async fn commit_in_doubt(
        &self,
        mark: &str,
        what: &'static str,
        source: sqlx::Error,
    ) -> Result<(), LedgerError> {
        let lost = Instant::now();
        while lost.elapsed() < PATIENCE {
            let asked = self.has_committed(mark);
            match self.answered("say whether it committed", asked).await {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(LedgerError::Query { what, source }),
                Err(error) if !error.is_passing() => {
                    return Err(LedgerError::Query { what, source });
                }
                // Away, or the transaction is still under way.
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
        Err(LedgerError::InDoubt { what, source })
    }

    /// Whether the transaction that was to leave this mark did; if not, it never will.
    async fn has_committed(&self, mark: &str) -> Result<bool, LedgerError> {
        let what = "say whether it committed";
        let mut connection = self.writer().await?;
        let row = sqlx::query(
            "INSERT INTO commit_marks (token, is_void, made_at)
             VALUES ($1, 1, clock_timestamp())
             ON CONFLICT (token)
             DO UPDATE SET made_at = commit_marks.made_at
             RETURNING is_void",
        )
        .bind(mark)
        .fetch_one(&mut *connection)
        .await
        .doing(what)?;
        let is_void: i64 = row.try_get(0).doing(what)?;
        Ok(is_void == 0)
    }
}

/// Forgets marks that nobody can ask for any more, of processes that ended or were in doubt.
pub(crate) async fn forget_marks(connection: &mut AnyConnection) -> Result<(), LedgerError> {
    match Dialect::of(connection) {
        Dialect::Sqlite => Ok(()),
        Dialect::Postgres => sqlx::query(
            "DELETE FROM commit_marks
             WHERE token IN (
                 SELECT token FROM commit_marks
                 WHERE made_at < clock_timestamp() - INTERVAL '1 hour'
                 FOR NO KEY UPDATE SKIP LOCKED
             )",
        )
        .execute(connection)
        .await
        .map(drop)
        .doing("forget marks of commits"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LedgerLocation;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_commit_that_was_lost_with_its_server_is_not_taken_for_another_of_the_standbys() {
        let primary = servers::Postgres::start();
        let url = primary.create_database();
        let line = servers::Proxy::start(primary.port());
        let to = |port: u16| url.replace(&format!(":{}/", primary.port()), &format!(":{port}/"));
        let location = LedgerLocation::parse(&to(line.port())).unwrap();
        let ledger = Ledger::open(&location).await.unwrap();
        let standby = primary.standby();
        standby.fall_behind();

        let mut transaction = ledger.begin().await.unwrap();
        let write = "INSERT INTO sequences (name, next) VALUES ('doubtful', 1)";
        sqlx::query(write).execute(&mut *transaction).await.unwrap();
        let committing = {
            let ledger = ledger.clone();
            tokio::spawn(async move { ledger.commit(transaction, "write").await })
        };
        primary.until_a_commit_waits();
        line.cut();
        standby.promote();
        // It gives out anew the numbers that it never heard of.
        let take_numbers = "DO $$ BEGIN
                                FOR i IN 1..100 LOOP PERFORM txid_current(); COMMIT; END LOOP;
                            END $$";
        standby.execute("test0", take_numbers);
        line.mend(standby.port());

        let error = committing.await.unwrap().unwrap_err();
        assert!(error.is_passing(), "{error:?}");
        let written = "SELECT next FROM sequences WHERE name = 'doubtful'";
        assert_eq!(standby.answer("test0", written), "");
    }

    #[tokio::test]
    async fn marks_of_commits_that_were_answered_do_not_stay() {
        let server = servers::Postgres::start();
        let location = LedgerLocation::parse(&server.create_database()).unwrap();
        let ledger = Ledger::open(&location).await.unwrap();
        for _ in 0..20 {
            let transaction = ledger.begin().await.unwrap();
            ledger.commit(transaction, "write").await.unwrap();
        }
        let marks = server.answer("test0", "SELECT count(*) FROM commit_marks");
        assert_eq!(marks.trim(), "1");
    }
}
