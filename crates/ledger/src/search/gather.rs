//! The few jobs that an index leads to.

use sqlx::{AnyConnection, Row as _};

use super::GATHERED;
use super::plan::Few;
use super::resolve::Resolved;
use super::sort::JobSort;
use super::sql::{Values, list};
use super::test::{Carried, all_hold, number};
use super::walk::{Key, Stretch};
use crate::LedgerError;
use crate::error::QueryContext as _;
use crate::storage::dialect::Dialect;

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
    let fits = all_hold(dialect, &resolved.terms, Carried::Ids, &mut values);
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
            "SELECT id AS job_id, campaign_id FROM job_rows
             WHERE id = {} AND campaign_id IN {within}",
            values.number(job.0)
        ),
        Few::Device(device) => format!(
            "SELECT id AS job_id, campaign_id FROM job_rows
             WHERE campaign_id IN {within} AND device_id = {}",
            values.text(device)
        ),
        Few::Named(name) => {
            let text = values.text(name);
            let mut each = vec![
                format!(
                    "SELECT id AS job_id, campaign_id FROM job_rows
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
                    "SELECT id AS job_id, campaign_id FROM job_rows
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
            "SELECT id AS job_id, campaign_id FROM jobs_in_hand
             WHERE campaign_id IN {within}"
        ),
        Few::BetweenSteps => format!(
            "SELECT id AS job_id, campaign_id FROM job_rows
             WHERE campaign_id IN {within} AND steps_done > 0"
        ),
        Few::Dead => format!(
            "SELECT id AS job_id, campaign_id FROM dead_jobs
             WHERE campaign_id IN {within}"
        ),
        Few::All => format!(
            "SELECT id AS job_id, campaign_id FROM job_rows
             WHERE campaign_id IN {within}"
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
