//! How long Graph took to answer, counted by tenant in the transaction that settles a batch: a few
//! rows a batch. Whoever serves metrics reads them from here, however many workers there are.

use std::collections::BTreeMap;

use repilot_domain::{AttemptOutcome, CampaignId, TenantName};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::error::QueryContext as _;
use crate::storage::dialect::Dialect;
use crate::storage::rows::{Columns, batch};
use crate::{Ledger, LedgerError, NewAttempt};

/// Upper bounds of the buckets in milliseconds: Graph answers writes in a tenth of a second when all
/// is well, and a call is given up after half a minute.
const BOUNDS_MS: [i64; 9] = [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000];

/// Of the last bucket, which takes whatever took longer.
const NO_BOUND: i64 = i64::MAX;

/// Calls of a tenant with the same outcome that took about as long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallTimes {
    /// Whose tenant.
    pub tenant: TenantName,
    /// What came of them.
    pub outcome: AttemptOutcome,
    /// They took no longer than so many milliseconds; none of the last bucket.
    pub up_to_ms: Option<i64>,
    /// How many.
    pub calls: i64,
    /// How long they took together, in milliseconds.
    pub total_ms: i64,
}

/// Calls of a batch, not yet written.
#[derive(Debug, Default)]
pub(crate) struct Timing(BTreeMap<(CampaignId, &'static str, i64), (i64, i64)>);

impl Timing {
    /// Notes how long a call took.
    pub(crate) fn note(&mut self, campaign: CampaignId, attempt: &NewAttempt) {
        let took = attempt.finished_at.since(attempt.started_at).as_millis();
        let took = i64::try_from(took).unwrap_or(i64::MAX);
        let bound = BOUNDS_MS.into_iter().find(|bound| took <= *bound);
        let key = (
            campaign,
            attempt.outcome.as_str(),
            bound.unwrap_or(NO_BOUND),
        );
        let (calls, total) = self.0.entry(key).or_default();
        *calls += 1;
        *total = total.saturating_add(took);
    }

    pub(crate) async fn write(self, connection: &mut AnyConnection) -> Result<(), LedgerError> {
        if self.0.is_empty() {
            return Ok(());
        }
        // In one order, so that no two processes that settle for the same tenants wait for each
        // other in a circle; several campaigns of a batch may be one tenant's.
        let sql = format!(
            "INSERT INTO call_times (tenant, outcome, up_to_ms, calls, total_ms)
             SELECT campaigns.tenant,
                    CAST(value->>1 AS TEXT),
                    CAST(value->>2 AS BIGINT),
                    CAST(SUM(CAST(value->>3 AS BIGINT)) AS BIGINT),
                    CAST(SUM(CAST(value->>4 AS BIGINT)) AS BIGINT)
             FROM {each} AS timed
             JOIN campaigns ON campaigns.id = CAST(value->>0 AS BIGINT)
             GROUP BY 1, 2, 3
             ORDER BY 1, 2, 3
             ON CONFLICT (tenant, outcome, up_to_ms)
             DO UPDATE SET calls = call_times.calls + excluded.calls,
                           total_ms = call_times.total_ms + excluded.total_ms",
            each = Dialect::of(connection).each()
        );
        let rows = batch(self.0.into_iter().map(
            |((campaign, outcome, up_to), (calls, total))| {
                (campaign.0, outcome, up_to, calls, total)
            },
        ))?;
        sqlx::query(AssertSqlSafe(sql))
            .bind(rows)
            .execute(connection)
            .await
            .doing("keep how long calls took")?;
        Ok(())
    }
}

impl Ledger {
    /// How long the tenants' calls took since the ledger was made, bucket by bucket in order; a bucket
    /// without calls is left out.
    pub async fn call_times(&self) -> Result<Vec<CallTimes>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query("SELECT * FROM call_times ORDER BY tenant, outcome, up_to_ms")
            .fetch_all(&mut *reader)
            .await
            .doing("read how long calls took")?;
        rows.iter()
            .map(|row| {
                let columns = Columns::of("call_times", row);
                let up_to: i64 = columns.get("up_to_ms")?;
                Ok(CallTimes {
                    tenant: columns.word("tenant")?,
                    outcome: columns.word("outcome")?,
                    up_to_ms: (up_to != NO_BOUND).then_some(up_to),
                    calls: columns.get("calls")?,
                    total_ms: columns.get("total_ms")?,
                })
            })
            .collect()
    }

    /// The upper bounds of the buckets, in milliseconds; one more takes whatever took longer.
    #[must_use]
    pub const fn call_time_bounds_ms() -> [i64; 9] {
        BOUNDS_MS
    }
}
