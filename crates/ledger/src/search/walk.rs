//! Stretches of walks along indexes.

use std::collections::BTreeSet;

use repilot_domain::CampaignId;
use sqlx::{AnyConnection, Row as _};

use super::plan::Walk;
use super::sort::JobSort;
use super::sql::Values;
use super::test::{Carried, Term, all_hold, columns};
use crate::LedgerError;
use crate::error::QueryContext as _;
use crate::storage::dialect::Dialect;
use crate::storage::rows::Columns;

/// What jobs are sorted by; what does not sort them is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) serial: String,
    pub(super) finished_at: i64,
    pub(super) job: i64,
}

/// What a stretch of a walk, or several beside each other, came by.
#[derive(Debug)]
pub(super) struct Stretch {
    /// Rows looked at.
    pub(super) looked_at: u64,
    /// Jobs that fit.
    pub(super) found: Vec<Key>,
    /// Where it ends; nowhere if the index does.
    pub(super) end: Option<Key>,
}

/// Which way a walk goes, and how far at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) sort: JobSort,
    pub(super) ascending: bool,
    pub(super) rows: usize,
}

/// The next stretch of a walk.
pub(super) async fn stretch(
    connection: &mut AnyConnection,
    walk: &Walk,
    terms: &[Term],
    from: Option<&Key>,
    step: Step,
) -> Result<Stretch, LedgerError> {
    let dialect = Dialect::of(connection);
    let by_serial = step.sort == JobSort::Serial;
    let mut values = Values::default();
    let (walked, carried) = walked(walk, terms, from, step, &mut values);
    let fits = all_hold(dialect, terms, carried, &mut values);
    let key = if by_serial {
        "walked.serial, walked.job_id"
    } else {
        "CAST('' AS TEXT), walked.job_id"
    };
    let sql = format!(
        "SELECT COUNT(*), {last}, {found}
         FROM ({walked}) AS walked",
        last = if step.ascending {
            "MAX(walked.job_id)"
        } else {
            "MIN(walked.job_id)"
        },
        found = dialect.gathered_where(key, &fits),
    );
    let row = values
        .query(sql)
        .fetch_one(&mut *connection)
        .await
        .doing("look for jobs")?;
    let looked_at: i64 = row.try_get(0).doing("look for jobs")?;
    let last: Option<i64> = row.try_get(1).doing("look for jobs")?;
    let found: String = row.try_get(2).doing("look for jobs")?;
    let found: Vec<(String, i64)> = serde_json::from_str(&found).map_err(LedgerError::Batch)?;
    let looked_at = looked_at.unsigned_abs();
    let end = match last {
        Some(last) if looked_at >= step.rows as u64 => {
            if by_serial {
                Some(end_by_serial(connection, walk, terms, from, step).await?)
            } else {
                Some(Key::of_job(last))
            }
        }
        _ => None,
    };
    let found = found.into_iter().map(|(serial, job)| Key {
        serial,
        finished_at: 0,
        job,
    });
    Ok(Stretch {
        looked_at,
        found: found.collect(),
        end,
    })
}

/// What a stretch of a walk came to.
#[derive(Debug)]
pub(super) struct Tally {
    /// Rows looked at.
    pub(super) looked_at: u64,
    /// Jobs that fit.
    pub(super) jobs: u64,
    /// The last row, if there was any.
    pub(super) last: Option<Key>,
}

/// Counts the jobs that fit in the next stretch of a walk, upwards by number.
pub(super) async fn tally(
    connection: &mut AnyConnection,
    walk: &Walk,
    terms: &[Term],
    from: Option<&Key>,
    rows: u64,
) -> Result<Tally, LedgerError> {
    let step = Step {
        sort: JobSort::Job,
        ascending: true,
        rows: usize::try_from(rows).unwrap_or(usize::MAX),
    };
    let mut values = Values::default();
    let (walked, carried) = walked(walk, terms, from, step, &mut values);
    let fits = all_hold(Dialect::of(connection), terms, carried, &mut values);
    let sql = format!(
        "SELECT COUNT(*) AS looked_at,
                COUNT(*) FILTER (WHERE {fits}) AS jobs,
                MAX(walked.job_id) AS last
         FROM ({walked}) AS walked"
    );
    let row = values
        .query(sql)
        .fetch_one(connection)
        .await
        .doing("count jobs")?;
    let columns = Columns::of("jobs", &row);
    Ok(Tally {
        looked_at: columns.get::<i64>("looked_at")?.unsigned_abs(),
        jobs: columns.get::<i64>("jobs")?.unsigned_abs(),
        last: columns.get::<Option<i64>>("last")?.map(Key::of_job),
    })
}

impl Key {
    pub(super) fn of_job(job: i64) -> Self {
        Self {
            job,
            ..Self::default()
        }
    }
}

/// The rows of a stretch, and what they have: no more than is looked at, so that an index that has it
/// all is enough.
fn walked(
    walk: &Walk,
    terms: &[Term],
    from: Option<&Key>,
    step: Step,
    values: &mut Values,
) -> (String, Carried) {
    let (sign, order) = if step.ascending {
        (">", "")
    } else {
        ("<", "DESC")
    };
    let by_serial = step.sort == JobSort::Serial;
    let (table, meant, carried) = led_along(walk, values);
    let mut columns = match carried {
        Carried::Keys => columns(terms),
        Carried::Ids => BTreeSet::new(),
    };
    let id = match table {
        "job_keys" => "job_id",
        _ => "id",
    };
    let (beyond, sorted) = if by_serial {
        columns.insert("serial");
        let beyond = from.map(|from| {
            let (serial, job) = (values.text(&from.serial), values.number(from.job));
            format!("AND (serial, {id}) {sign} ({serial}, {job})")
        });
        (beyond, format!("serial {order}, {id} {order}"))
    } else {
        let beyond = from.map(|from| format!("AND {id} {sign} {}", values.number(from.job)));
        (beyond, format!("{id} {order}"))
    };
    let columns: String = columns
        .iter()
        .fold(String::new(), |all, one| all + ", " + one);
    let sql = format!(
        "SELECT {id} AS job_id, campaign_id{columns} FROM {table}
         WHERE {meant} {beyond}
         ORDER BY {sorted}
         LIMIT {rows}",
        beyond = beyond.unwrap_or_default(),
        rows = step.rows,
    );
    (sql, carried)
}

/// Where a walk goes: through which table, which of its rows, and what they have.
fn led_along(walk: &Walk, values: &mut Values) -> (&'static str, String, Carried) {
    let mut of = |campaign: CampaignId| format!("campaign_id = {}", values.number(campaign.0));
    match walk {
        Walk::Campaign(campaign) => ("job_keys", of(*campaign), Carried::Keys),
        Walk::Text(campaign, column, text) => {
            let of = of(*campaign);
            let meant = format!("{of} AND {column} = {}", values.text(text));
            ("job_keys", meant, Carried::Ids)
        }
        Walk::Pending(campaign) => ("due_jobs", of(*campaign), Carried::Ids),
        Walk::Dead(campaign, reason) => {
            let of = of(*campaign);
            let meant = format!("{of} AND reason = {}", values.text(reason.as_str()));
            ("dead_jobs", meant, Carried::Ids)
        }
        Walk::Verified(campaign, said) => {
            let of = of(*campaign);
            let said = values.text(said.as_str());
            // In these words, which are the index's.
            let meant = format!("verification <> '' AND {of} AND verification = {said}");
            ("job_rows", meant, Carried::Ids)
        }
        Walk::Everything => ("job_rows", "TRUE".to_owned(), Carried::Ids),
    }
}

/// The last row of a stretch by serial.
async fn end_by_serial(
    connection: &mut AnyConnection,
    walk: &Walk,
    terms: &[Term],
    from: Option<&Key>,
    step: Step,
) -> Result<Key, LedgerError> {
    let mut values = Values::default();
    let (walked, _) = walked(walk, terms, from, step, &mut values);
    // The same stretch turned round: its first row is its last.
    let order = if step.ascending { "DESC" } else { "" };
    let sql = format!(
        "SELECT serial, job_id FROM ({walked}) AS walked
         ORDER BY serial {order}, job_id {order}
         LIMIT 1"
    );
    let row = values
        .query(sql)
        .fetch_one(connection)
        .await
        .doing("look for jobs")?;
    Ok(Key {
        serial: row.try_get(0).doing("look for jobs")?,
        finished_at: 0,
        job: row.try_get(1).doing("look for jobs")?,
    })
}
