//! Stretches of walks along indexes, and the few jobs that an index leads to.

use sqlx::{AnyConnection, Row as _};

use super::GATHERED;
use super::page::JobSort;
use super::plan::{Few, Walk};
use super::resolve::Resolved;
use super::sql::{Values, list};
use super::test::{Carried, Term, all_hold, number};
use crate::LedgerError;
use crate::dialect::Dialect;
use crate::error::QueryContext as _;

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
    let (walked, carried) = walked(walk, from, step, &mut values);
    let fits = all_hold(terms, carried, &mut values);
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
                Some(end_by_serial(connection, walk, from, step).await?)
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

impl Key {
    pub(super) fn of_job(job: i64) -> Self {
        Self {
            job,
            ..Self::default()
        }
    }
}

/// The rows of a stretch, and what they have.
fn walked(walk: &Walk, from: Option<&Key>, step: Step, values: &mut Values) -> (String, Carried) {
    let (sign, order) = if step.ascending {
        (">", "")
    } else {
        ("<", "DESC")
    };
    let rows = step.rows;
    let beyond = |column: &str, values: &mut Values| match from {
        Some(from) => format!("AND {column} {sign} {}", values.number(from.job)),
        None => String::new(),
    };
    match walk {
        Walk::Campaign(campaign) if step.sort == JobSort::Serial => {
            let campaign = values.number(campaign.0);
            let beyond = match from {
                Some(from) => {
                    let serial = values.text(&from.serial);
                    let job = values.number(from.job);
                    format!("AND (serial, job_id) {sign} ({serial}, {job})")
                }
                None => String::new(),
            };
            let sql = format!(
                "SELECT * FROM job_keys
                 WHERE campaign_id = {campaign} {beyond}
                 ORDER BY serial {order}, job_id {order}
                 LIMIT {rows}"
            );
            (sql, Carried::Keys)
        }
        Walk::Campaign(campaign) => {
            let campaign = values.number(campaign.0);
            let beyond = beyond("job_id", values);
            let sql = format!(
                "SELECT * FROM job_keys
                 WHERE campaign_id = {campaign} {beyond}
                 ORDER BY job_id {order}
                 LIMIT {rows}"
            );
            (sql, Carried::Keys)
        }
        Walk::Text(campaign, column, text) => {
            let campaign = values.number(campaign.0);
            let text = values.text(text);
            let beyond = beyond("job_id", values);
            let sql = format!(
                "SELECT * FROM job_keys
                 WHERE campaign_id = {campaign} AND {column} = {text} {beyond}
                 ORDER BY job_id {order}
                 LIMIT {rows}"
            );
            (sql, Carried::Keys)
        }
        Walk::Dead(campaign, reason) => {
            let campaign = values.number(campaign.0);
            let reason = values.text(reason.as_str());
            let beyond = beyond("id", values);
            let sql = format!(
                "SELECT id AS job_id, campaign_id FROM dead_jobs
                 WHERE campaign_id = {campaign} AND reason = {reason} {beyond}
                 ORDER BY id {order}
                 LIMIT {rows}"
            );
            (sql, Carried::Ids)
        }
        Walk::Verified(campaign, said) => {
            let campaign = values.number(campaign.0);
            let said = values.text(said.as_str());
            let beyond = beyond("id", values);
            let sql = format!(
                "SELECT id AS job_id, campaign_id FROM jobs
                 WHERE verification <> ''
                   AND campaign_id = {campaign}
                   AND verification = {said} {beyond}
                 ORDER BY id {order}
                 LIMIT {rows}"
            );
            (sql, Carried::Ids)
        }
        Walk::Everything => {
            let beyond = beyond("id", values);
            let sql = format!(
                "SELECT id AS job_id, campaign_id FROM jobs
                 WHERE TRUE {beyond}
                 ORDER BY id {order}
                 LIMIT {rows}"
            );
            (sql, Carried::Ids)
        }
    }
}

/// The last row of a stretch by serial.
async fn end_by_serial(
    connection: &mut AnyConnection,
    walk: &Walk,
    from: Option<&Key>,
    step: Step,
) -> Result<Key, LedgerError> {
    let mut values = Values::default();
    let (walked, _) = walked(walk, from, step, &mut values);
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

/// All jobs that an index leads to and that fit, sorted ascending, unless they are too many.
pub(super) async fn gather(
    connection: &mut AnyConnection,
    few: &Few,
    resolved: &Resolved,
    sort: JobSort,
) -> Result<Option<Stretch>, LedgerError> {
    let dialect = Dialect::of(connection);
    let mut values = Values::default();
    let walked = led_to(few, resolved, &mut values);
    let fits = all_hold(&resolved.terms, Carried::Ids, &mut values);
    let key = match sort {
        JobSort::Job => "CAST('' AS TEXT), 0, walked.job_id",
        JobSort::Serial => {
            "(SELECT serial FROM job_keys
              WHERE job_keys.campaign_id = walked.campaign_id
                AND job_keys.job_id = walked.job_id), 0, walked.job_id"
        }
        JobSort::Finished => {
            "CAST('' AS TEXT),
             (SELECT COALESCE(finished_at, 0) FROM jobs WHERE jobs.id = walked.job_id),
             walked.job_id"
        }
    };
    let sql = format!(
        "SELECT COUNT(*), {found}
         FROM ({walked} LIMIT {limit}) AS walked",
        found = dialect.gathered_where(key, &fits),
        limit = GATHERED + 1,
    );
    let row = values
        .query(sql)
        .fetch_one(connection)
        .await
        .doing("look for jobs")?;
    let looked_at: i64 = row.try_get(0).doing("look for jobs")?;
    if looked_at > GATHERED {
        return Ok(None);
    }
    let found: String = row.try_get(1).doing("look for jobs")?;
    let found: Vec<(Option<String>, Option<i64>, i64)> =
        serde_json::from_str(&found).map_err(LedgerError::Batch)?;
    let mut found: Vec<Key> = found
        .into_iter()
        .map(|(serial, finished_at, job)| Key {
            serial: serial.unwrap_or_default(),
            finished_at: finished_at.unwrap_or_default(),
            job,
        })
        .collect();
    found.sort();
    Ok(Some(Stretch {
        looked_at: looked_at.unsigned_abs(),
        found,
        end: None,
    }))
}

/// The jobs that an index leads to.
fn led_to(few: &Few, resolved: &Resolved, values: &mut Values) -> String {
    let within = list(resolved.campaigns.iter().map(|campaign| campaign.0));
    match few {
        Few::Job(job) => format!(
            "SELECT id AS job_id, campaign_id FROM jobs
             WHERE id = {} AND campaign_id IN {within}",
            values.number(job.0)
        ),
        Few::Device(device) => format!(
            "SELECT id AS job_id, campaign_id FROM jobs
             WHERE campaign_id IN {within} AND device_id = {}",
            values.text(device)
        ),
        Few::Named(name) => {
            let text = values.text(name);
            let mut each = vec![
                format!(
                    "SELECT id AS job_id, campaign_id FROM jobs
                     WHERE campaign_id IN {within} AND device_id = {text}"
                ),
                format!(
                    "SELECT job_id, campaign_id FROM job_keys
                     WHERE campaign_id IN {within} AND serial = {text}"
                ),
                format!(
                    "SELECT job_id, campaign_id FROM job_keys
                     WHERE campaign_id IN {within} AND user_principal_name = {text}"
                ),
            ];
            if let Some(number) = number(name) {
                each.push(format!(
                    "SELECT id AS job_id, campaign_id FROM jobs
                     WHERE id = {} AND campaign_id IN {within}",
                    values.number(number)
                ));
            }
            let each: Vec<String> = each
                .iter()
                .map(|one| format!("SELECT * FROM ({one} LIMIT {}) AS one", GATHERED + 1))
                .collect();
            // Each once, by whatever name it was found.
            format!("SELECT * FROM ({}) AS named", each.join(" UNION "))
        }
        Few::InFlight => format!(
            // `+` keeps SQLite from walking all jobs of a campaign: those in flight are few.
            "SELECT id AS job_id, campaign_id FROM jobs_in_hand
             WHERE +campaign_id IN {within}"
        ),
        Few::Texts(column, texts) => {
            let texts: Vec<String> = texts.iter().map(|text| values.text(text)).collect();
            format!(
                "SELECT job_id, campaign_id FROM job_keys
                 WHERE campaign_id IN {within} AND {column} IN ({})",
                texts.join(", ")
            )
        }
        Few::Prefix(column, prefix) => {
            let from = values.text(prefix);
            // Behind everything that begins so, in the order of bytes.
            let to = values.text(format!("{prefix}\u{10ffff}"));
            format!(
                "SELECT job_id, campaign_id FROM job_keys
                 WHERE campaign_id IN {within} AND {column} >= {from} AND {column} < {to}"
            )
        }
    }
}
