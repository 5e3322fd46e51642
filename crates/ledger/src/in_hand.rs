//! Jobs in hand: those that are queued or running, few however many there are in all.

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe};

use crate::LedgerError;
use crate::dialect::Dialect;
use crate::rows::{batch, gathered};

/// The numbers of those for which a condition on `jobs_in_hand` holds, as a [`batch`]. Whoever
/// changes them finds them by their numbers, and asks again what matters.
pub(crate) async fn which(
    connection: &mut AnyConnection,
    condition: &str,
    bind: impl FnOnce(Query<'_, Any, AnyArguments>) -> Query<'_, Any, AnyArguments>,
) -> Result<String, LedgerError> {
    let sql = format!(
        "SELECT {} FROM jobs_in_hand WHERE {condition}",
        Dialect::of(connection).gathered("id")
    );
    let query = bind(sqlx::query(AssertSqlSafe(sql)));
    let found: Vec<[i64; 1]> = gathered(query, connection, "look for jobs in hand").await?;
    batch(found.into_iter().map(|[id]| id))
}
