//! How many due jobs go before another.

use std::fmt::{self, Display, Formatter};

use repilot_domain::Timestamp;

use crate::error::QueryContext as _;
use crate::storage::rows::Columns;
use crate::{Job, Ledger, LedgerError};

/// Beyond this many they are reckoned: to count them takes longer than a page may.
const COUNTED: i64 = 10_000;

/// Due jobs of its campaign that go before a pending job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead {
    /// So many, or about so many.
    pub jobs: u64,
    /// Whether they were counted. Others are reckoned: jobs are enqueued, and go, in the order of
    /// their numbers, unless they wait after a call.
    pub exact: bool,
}

impl Ahead {
    /// Nothing goes before it.
    pub const NONE: Self = Self {
        jobs: 0,
        exact: true,
    };
}

impl Display for Ahead {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let about = if self.exact { "" } else { "about " };
        write!(formatter, "{about}{}", self.jobs)
    }
}

impl Ledger {
    /// How many due jobs of its campaign go before a pending job.
    pub async fn ahead_of(&self, job: &Job, now: Timestamp) -> Result<Ahead, LedgerError> {
        // One bound: of two, a database would read up to the farther one.
        let (until, before) = if job.not_before > now {
            (now.as_millis() + 1, 0)
        } else {
            (job.not_before.as_millis(), job.id.0)
        };
        let mut reader = self.reader().await?;
        let row = sqlx::query(
            "SELECT COUNT(*) AS counted,
                    COALESCE(MAX(id), 0) AS last,
                    COALESCE((
                        SELECT value FROM counters
                        WHERE campaign_id = $1 AND name = 'pending' AND reason = ''
                    ), 0) AS pending
             FROM (
                 SELECT id FROM due_jobs
                 WHERE campaign_id = $1
                   AND (not_before, id) < ($2, $3)
                 ORDER BY not_before, id
                 LIMIT $4
             ) AS earlier",
        )
        .bind(job.campaign.0)
        .bind(until)
        .bind(before)
        .bind(COUNTED)
        .fetch_one(&mut *reader)
        .await
        .doing("count the jobs ahead")?;
        let columns = Columns::of("due_jobs", &row);
        let counted: i64 = columns.get("counted")?;
        if counted < COUNTED {
            return Ok(Ahead {
                jobs: counted.unsigned_abs(),
                exact: true,
            });
        }
        let last: i64 = columns.get("last")?;
        let others = columns.get::<i64>("pending")? - 1;
        let reckoned = if job.id.0 > last {
            counted + (job.id.0 - last - 1)
        } else {
            // It was put behind all that had not been called by then.
            others
        };
        Ok(Ahead {
            jobs: reckoned.min(others).max(counted).unsigned_abs(),
            exact: false,
        })
    }
}
