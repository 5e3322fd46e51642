//! What a campaign's jobs and calls came to over time: counted in the transaction that settles them,
//! a few rows a batch, and read back as so many points as a chart has room for.

use std::collections::BTreeMap;

use repilot_domain::{AttemptOutcome, CampaignId, MinuteOutcome, Timestamp};
use serde::Serialize;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::error::QueryContext as _;
use crate::storage::dialect::Dialect;
use crate::storage::rows::{batch, gathered};
use crate::{Ledger, LedgerError, Settlement, Verdict};

const MINUTE_MS: i64 = 60_000;

/// Longer than any clock goes.
const MANY_WEEKS: i64 = 1_000_000;

/// How many minutes a point may stand for; beyond the last, whole weeks.
const STEPS: [i64; 14] = [
    1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 10_080,
];

/// Counts of a stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct MinuteCounts {
    /// Jobs that succeeded.
    pub succeeded: i64,
    /// Jobs that became dead letters.
    pub dead: i64,
    /// Calls that Graph answered with 429.
    pub throttled: i64,
    /// Calls that came to nothing and are made again.
    pub retried: i64,
}

/// A point of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Minute {
    /// When its stretch begins.
    pub at: Timestamp,
    /// What is counted in it.
    #[serde(flatten)]
    pub counts: MinuteCounts,
}

/// A campaign over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Minutes {
    /// How long each point's stretch is.
    pub step_ms: i64,
    /// Every stretch from the first to the last, those in which nothing happened among them.
    pub points: Vec<Minute>,
}

/// Counts of a batch, not yet written.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<(CampaignId, MinuteOutcome), i64>);

impl Tally {
    /// Notes what a settlement says.
    pub(crate) fn note(&mut self, settlement: &Settlement) {
        let job = match settlement.verdict {
            Verdict::Succeeded => Some(MinuteOutcome::Succeeded),
            Verdict::Dead { .. } => Some(MinuteOutcome::Dead),
            Verdict::Retry { .. } => None,
        };
        let calls = settlement.attempts.iter().filter_map(|attempt| {
            Some(match attempt.outcome {
                AttemptOutcome::Succeeded | AttemptOutcome::Buried => return None,
                AttemptOutcome::Throttled => MinuteOutcome::Throttled,
                AttemptOutcome::Retried
                | AttemptOutcome::Ambiguous
                | AttemptOutcome::Returned
                | AttemptOutcome::Lost => MinuteOutcome::Retried,
            })
        });
        for outcome in job.into_iter().chain(calls) {
            *self
                .0
                .entry((settlement.key.campaign, outcome))
                .or_default() += 1;
        }
    }

    pub(crate) async fn write(
        self,
        connection: &mut AnyConnection,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "INSERT INTO campaign_minutes (campaign_id, minute_at, outcome, count)
             SELECT CAST(value->>0 AS BIGINT), $2, CAST(value->>1 AS TEXT),
                    CAST(value->>2 AS BIGINT)
             FROM {}
             -- Or SQLite takes what follows for a join's ON.
             WHERE TRUE
             ON CONFLICT (campaign_id, minute_at, outcome)
             DO UPDATE SET count = campaign_minutes.count + excluded.count",
            Dialect::of(connection).each()
        );
        let counted = self.0.into_iter();
        let rows = batch(counted.map(|((campaign, outcome), count)| (campaign.0, outcome, count)))?;
        let now = now.as_millis();
        sqlx::query(AssertSqlSafe(sql))
            .bind(rows)
            .bind(now - now.rem_euclid(MINUTE_MS))
            .execute(connection)
            .await
            .doing("count by the minute")?;
        Ok(())
    }
}

impl Ledger {
    /// A campaign over time, from then until then where they are given, as at most so many points:
    /// the longer it takes, the longer the stretch that each stands for.
    pub async fn minutes(
        &self,
        campaign: CampaignId,
        (from, until): (Option<Timestamp>, Option<Timestamp>),
        points: u32,
    ) -> Result<Minutes, LedgerError> {
        let from = from.map_or(i64::MIN, Timestamp::as_millis);
        let until = until.map_or(i64::MAX, Timestamp::as_millis);
        let mut reading = self.begin_reading().await?;
        let row = sqlx::query(
            "SELECT MIN(minute_at) AS first, MAX(minute_at) AS last FROM campaign_minutes
             WHERE campaign_id = $1 AND minute_at >= $2 AND minute_at < $3",
        )
        .bind(campaign.0)
        .bind(from)
        .bind(until)
        .fetch_one(&mut *reading)
        .await
        .doing("read a campaign's time")?;
        let first: Option<i64> = row.try_get("first").doing("read a campaign's time")?;
        let last: Option<i64> = row.try_get("last").doing("read a campaign's time")?;
        let (Some(first), Some(last)) = (first, last) else {
            return Ok(Minutes {
                step_ms: MINUTE_MS,
                points: Vec::new(),
            });
        };
        let step = step(first, last, i64::from(points.max(1)));
        let sql = format!(
            "SELECT {} FROM (
                 SELECT minute_at / $4 AS stretch, outcome, CAST(SUM(count) AS BIGINT) AS counted
                 FROM campaign_minutes
                 WHERE campaign_id = $1 AND minute_at >= $2 AND minute_at < $3
                 GROUP BY minute_at / $4, outcome
             ) AS stretches",
            Dialect::of(&reading).gathered("stretch, outcome, counted")
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(campaign.0)
            .bind(from)
            .bind(until)
            .bind(step);
        let rows: Vec<(i64, MinuteOutcome, i64)> =
            gathered(query, &mut reading, "read a campaign's minutes").await?;
        let mut counts: BTreeMap<i64, MinuteCounts> = (first / step..=last / step)
            .map(|stretch| (stretch, MinuteCounts::default()))
            .collect();
        for (stretch, outcome, counted) in rows {
            let counts = counts.entry(stretch).or_default();
            *match outcome {
                MinuteOutcome::Succeeded => &mut counts.succeeded,
                MinuteOutcome::Dead => &mut counts.dead,
                MinuteOutcome::Throttled => &mut counts.throttled,
                MinuteOutcome::Retried => &mut counts.retried,
            } = counted;
        }
        let points = counts.into_iter().map(|(stretch, counts)| Minute {
            at: Timestamp::from_millis(stretch * step),
            counts,
        });
        Ok(Minutes {
            step_ms: step,
            points: points.collect(),
        })
    }
}

/// The shortest step with which a stretch of time has no more points than that.
fn step(first: i64, last: i64, points: i64) -> i64 {
    let fits = |step: &i64| last / step - first / step < points;
    let week = STEPS[STEPS.len() - 1];
    STEPS
        .iter()
        .map(|minutes| minutes * MINUTE_MS)
        .find(fits)
        // Of at least two points in turn, one step more than the stretch always fits.
        .unwrap_or_else(|| {
            (2..=MANY_WEEKS)
                .map(|many| many * week * MINUTE_MS)
                .find(fits)
                .unwrap_or(i64::MAX)
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_campaign_is_shown_by_the_minute_and_a_long_one_by_more() {
        let minutes = |count: i64, points| step(600_000, 600_000 + count * MINUTE_MS, points);
        assert_eq!(minutes(59, 60), MINUTE_MS);
        assert_eq!(minutes(60, 60), 2 * MINUTE_MS);
        assert_eq!(minutes(60 * 24 * 30, 121), 360 * MINUTE_MS);
    }

    proptest! {
        #[test]
        fn there_are_never_more_points_than_asked_for(
            first in 0..2_000_000_000_i64, long in 0..4_000_000_i64, points in 2..500_i64,
        ) {
            let (first, last) = (first * 1_000, first * 1_000 + long * MINUTE_MS);
            let step = step(first, last, points);
            prop_assert!(last / step - first / step < points);
            prop_assert_eq!(step % MINUTE_MS, 0);
        }
    }
}
