//! Recording attempts: those of a batch in few statements.

use std::collections::{BTreeMap, HashMap};

use repilot_domain::JobId;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe};

use crate::error::QueryContext as _;
use crate::storage::dialect::{Dialect, array_of_numbers, array_of_texts};
use crate::storage::rows::{joined, storable};
use crate::{LedgerError, NewAttempt};

/// Rows a statement in SQLite: a batch is made of few of them, and each size is prepared once.
const ROWS_AT_ONCE: [usize; 5] = [256, 64, 16, 4, 1];

/// An attempt of a job under a dispatch.
type Row<'a> = (JobId, i64, &'a NewAttempt);

/// What many attempts of a batch have in common, and is told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Alike<'a> {
    dispatch: i64,
    step: &'static str,
    outcome: &'static str,
    status: Option<u16>,
    server_date: Option<&'a str>,
}

impl<'a> Alike<'a> {
    fn of((_, dispatch, attempt): Row<'a>) -> Self {
        Self {
            dispatch,
            step: attempt.step.as_str(),
            outcome: attempt.outcome.as_str(),
            status: attempt.status,
            server_date: attempt.server_date.as_deref(),
        }
    }

    /// As the first six parameters, together with who asked.
    fn bind<'q>(
        self,
        query: Query<'q, Any, AnyArguments>,
        worker: &str,
    ) -> Query<'q, Any, AnyArguments> {
        query
            .bind(worker.to_owned())
            .bind(self.dispatch)
            .bind(self.step)
            .bind(self.outcome)
            .bind(self.status.map(i64::from))
            .bind(self.server_date.map(str::to_owned))
    }
}

/// Records attempts.
pub(crate) async fn attempts(
    connection: &mut AnyConnection,
    worker: &str,
    mut attempts: Vec<Row<'_>>,
) -> Result<(), LedgerError> {
    // In the order of their index: whoever writes into it goes on where they are.
    attempts.sort_by_key(|(job, ..)| *job);
    let mut alike: BTreeMap<Alike<'_>, Vec<Row<'_>>> = BTreeMap::new();
    for rows in attempts.chunk_by(|one, next| Alike::of(*one) == Alike::of(*next)) {
        alike.entry(Alike::of(rows[0])).or_default().extend(rows);
    }
    let dialect = Dialect::of(connection);
    for (alike, rows) in alike {
        match dialect {
            Dialect::Sqlite => insert_by_values(connection, worker, alike, &rows).await?,
            Dialect::Postgres => insert_by_arrays(connection, worker, alike, &rows).await?,
        }
    }
    Ok(())
}

/// SQLite's way: a parameter for each value, which it takes as it is.
async fn insert_by_values(
    connection: &mut AnyConnection,
    worker: &str,
    alike: Alike<'_>,
    rows: &[Row<'_>],
) -> Result<(), LedgerError> {
    let mut left = rows;
    for size in ROWS_AT_ONCE {
        while left.len() >= size {
            let (rows, rest) = left.split_at(size);
            left = rest;
            let sql = format!(
                "INSERT INTO attempts (
                     job_id, started_at, finished_at,
                     code, message, request_id, client_request_id, diagnostic,
                     worker, dispatch, step, outcome, status, server_date
                 )
                 SELECT each_row.*, ?, ?, ?, ?, ?, ? FROM ({}) AS each_row",
                Dialect::Sqlite.rows(size, 8)
            );
            let mut query = alike.bind(sqlx::query(AssertSqlSafe(sql)), worker);
            for (job, _, attempt) in rows {
                query = query
                    .bind(job.0)
                    .bind(attempt.started_at.as_millis())
                    .bind(attempt.finished_at.as_millis())
                    .bind(attempt.code.as_deref().map(storable))
                    .bind(attempt.message.as_deref().map(storable))
                    .bind(attempt.request_id.as_deref())
                    .bind(attempt.client_request_id.as_deref())
                    .bind(attempt.diagnostic.as_deref());
            }
            query
                .execute(&mut *connection)
                .await
                .doing("record attempts")?;
        }
    }
    Ok(())
}

/// Texts of which many are the same: each once, and for each of them its number there, from 1.
fn numbered<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> (Vec<Option<&'a str>>, Vec<i64>) {
    let mut known: HashMap<_, i64> = HashMap::new();
    let mut each_once = Vec::new();
    let numbers = texts.map(|text| {
        *known.entry(text).or_insert_with(|| {
            each_once.push(text);
            i64::try_from(each_once.len()).unwrap_or(i64::MAX)
        })
    });
    let numbers = numbers.collect();
    (each_once, numbers)
}

/// PostgreSQL's way: a parameter for each column. One for each value costs the server a third of the
/// statement, and each number of rows is a statement of its own to it. Few of Graph's servers answered,
/// each many times over: what names them is told once.
async fn insert_by_arrays(
    connection: &mut AnyConnection,
    worker: &str,
    alike: Alike<'_>,
    rows: &[Row<'_>],
) -> Result<(), LedgerError> {
    let sql = format!(
        "INSERT INTO attempts (
             worker, dispatch, step, outcome, status, server_date,
             job_id, started_at, finished_at,
             code, message, request_id, client_request_id, diagnostic
         )
         SELECT $1, $2, $3, $4, $5, $6,
                each_row.job_id, each_row.started_at, each_row.finished_at,
                each_row.code, each_row.message,
                each_row.request_id, each_row.client_request_id,
                servers.diagnostics[each_row.server]
         FROM (SELECT {diagnostics} AS diagnostics OFFSET 0) AS servers
         -- Side by side, each to its end: read as they come, where a function of all of them would
         -- have its rows written down first.
         CROSS JOIN (
             SELECT unnest({jobs}) AS job_id,
                    unnest({started}) AS started_at,
                    unnest({finished}) AS finished_at,
                    unnest({codes}) AS code,
                    unnest({messages}) AS message,
                    unnest({request_ids}) AS request_id,
                    unnest({client_request_ids}) AS client_request_id,
                    unnest({server}) AS server
             OFFSET 0
         ) AS each_row",
        jobs = array_of_numbers!("$7"),
        started = array_of_numbers!("$8"),
        finished = array_of_numbers!("$9"),
        codes = array_of_texts!("$10"),
        messages = array_of_texts!("$11"),
        request_ids = array_of_texts!("$12"),
        client_request_ids = array_of_texts!("$13"),
        server = array_of_numbers!("$14"),
        diagnostics = array_of_texts!("$15")
    );
    let (diagnostics, of_row) = numbered(
        rows.iter()
            .map(|(.., attempt)| attempt.diagnostic.as_deref()),
    );
    let numbers = |of: fn(&Row<'_>) -> i64| Dialect::Postgres.numbers(rows.iter().map(of));
    let texts =
        |of: fn(&NewAttempt) -> Option<&str>| joined(rows.iter().map(|(.., attempt)| of(attempt)));
    alike
        .bind(sqlx::query(AssertSqlSafe(sql)), worker)
        .bind(numbers(|(job, ..)| job.0))
        .bind(numbers(|(.., attempt)| attempt.started_at.as_millis()))
        .bind(numbers(|(.., attempt)| attempt.finished_at.as_millis()))
        .bind(texts(|attempt| attempt.code.as_deref()))
        .bind(texts(|attempt| attempt.message.as_deref()))
        .bind(texts(|attempt| attempt.request_id.as_deref()))
        .bind(texts(|attempt| attempt.client_request_id.as_deref()))
        .bind(Dialect::Postgres.numbers(of_row))
        .bind(joined(diagnostics.into_iter()))
        .execute(connection)
        .await
        .doing("record attempts")?;
    Ok(())
}
