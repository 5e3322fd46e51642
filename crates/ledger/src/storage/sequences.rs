//! Numbers of rows, taken one after another.

use sqlx::{AnyConnection, Row as _};

use crate::LedgerError;
use crate::error::QueryContext as _;

/// Takes `count` numbers of a sequence and gives the first. Others wait for theirs until the
/// transaction ends: it is the last lock that one takes, but for that of the audit.
pub(crate) async fn take_ids(
    connection: &mut AnyConnection,
    sequence: &'static str,
    count: i64,
) -> Result<i64, LedgerError> {
    let next: i64 = sqlx::query(
        "UPDATE sequences
         SET next = next + $2
         WHERE name = $1
         RETURNING next",
    )
    .bind(sequence)
    .bind(count)
    .fetch_one(connection)
    .await
    .and_then(|row| row.try_get("next"))
    .doing("take ids")?;
    Ok(next - count)
}
