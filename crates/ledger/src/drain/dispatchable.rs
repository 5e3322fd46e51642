//! Campaigns that may go on, and where their due jobs are.

use std::borrow::Cow;

use repilot_domain::{Action, CampaignId, CampaignStatus, CanaryPhase, Rate, Timestamp};
use sqlx::any::AnyRow;

use crate::campaigns::controls;
use crate::inventory::rule;
use crate::jobs::in_doubt::{IN_DOUBT, is_to_be_looked_at};
use crate::storage::rows::Columns;
use crate::{LedgerError, SightingRule};

/// That a campaign is attended, and may go on or has jobs in doubt; takes the time as its second
/// parameter.
pub(crate) fn has_work() -> String {
    format!(
        "attended_until > $2
           AND ended_at IS NULL
           AND (
               status = 'active'
               AND runs_from <= $2
               AND runs_until > $2
               AND canary_phase <> 'choosing'
               OR {}
           )",
        is_to_be_looked_at()
    )
}

/// The campaigns of a tenant of which something may go out; takes the tenant and the time.
pub(crate) fn dispatchable() -> String {
    format!("tenant = $1 AND {}", has_work())
}

/// What is read of those.
pub(crate) const READY: &str =
    "id, action, status, priority, canary_phase, rate, runs_until, sighted_within,
     sighted_at, is_blind";

/// A campaign that may go on.
pub(crate) struct Ready {
    pub(crate) id: CampaignId,
    pub(crate) priority: i64,
    /// It was paused or cancelled: its jobs in doubt are looked at, and nothing is called.
    pub(crate) looks_only: bool,
    pub(crate) canary_is_running: bool,
    /// Its jobs may stand between two steps.
    pub(crate) has_steps: bool,
    pub(crate) rate: Option<Rate>,
    pub(crate) until: Option<Timestamp>,
    /// How its devices are to be seen before they are called, where that is asked.
    pub(crate) sighting: Option<SightingRule>,
    /// How many of its jobs may go out.
    pub(crate) room: usize,
}

impl Ready {
    pub(crate) fn read(row: &AnyRow) -> Result<Self, LedgerError> {
        let columns = Columns::of("campaigns", row);
        let action: Action = columns.word("action")?;
        let phase: CanaryPhase = columns.word("canary_phase")?;
        let status: CampaignStatus = columns.word("status")?;
        let looks_only = status != CampaignStatus::Active;
        // A look has neither a ceiling nor an hour.
        let (rate, until) = if looks_only {
            (None, None)
        } else {
            (
                columns.word_if_any("rate")?,
                controls::runs_until(&columns)?,
            )
        };
        Ok(Self {
            id: CampaignId(columns.get("id")?),
            priority: columns.get("priority")?,
            looks_only,
            canary_is_running: phase == CanaryPhase::Running,
            has_steps: action.steps().len() > 1,
            rate,
            until,
            sighting: rule(&columns)?,
            room: usize::MAX,
        })
    }

    /// Whether its due jobs go out in the order in which they are due.
    pub(crate) const fn takes_the_first(&self) -> bool {
        !self.looks_only && !self.canary_is_running && !self.has_steps
    }

    /// Reads its due jobs, each with the number of its next dispatch and when it is due; takes the
    /// campaign, the time and how many. PostgreSQL takes the first in hand without: see
    /// [`state_tables::take_the_first`](crate::jobs::state_tables::take_the_first).
    pub(crate) fn due(&self) -> Cow<'static, str> {
        if self.looks_only {
            return Cow::Owned(due_in_doubt());
        }
        Cow::Borrowed(self.due_to_be_called())
    }

    const fn due_to_be_called(&self) -> &'static str {
        if self.canary_is_running {
            return "SELECT due_jobs.id, due_jobs.dispatch + 1 AS dispatch, due_jobs.not_before
                 FROM canary_jobs
                 CROSS JOIN due_jobs
                 WHERE canary_jobs.campaign_id = $1
                   AND due_jobs.campaign_id = $1
                   AND due_jobs.id = canary_jobs.job_id
                   AND due_jobs.not_before <= $2
                 ORDER BY due_jobs.not_before, due_jobs.id
                 LIMIT $3";
        }
        if self.has_steps {
            return DUE_BY_STEPS;
        }
        "SELECT id, dispatch + 1 AS dispatch, not_before FROM due_jobs
         WHERE campaign_id = $1
           AND not_before <= $2
         ORDER BY not_before, id
         LIMIT $3"
    }
}

/// Those in doubt alone.
fn due_in_doubt() -> String {
    format!(
        "SELECT due_jobs.id, due_jobs.dispatch + 1 AS dispatch, due_jobs.not_before
         -- In this order: they are few, and those that are due many.
         FROM job_rows
         CROSS JOIN due_jobs
         WHERE job_rows.campaign_id = $1
           AND {IN_DOUBT}
           AND due_jobs.campaign_id = $1
           AND due_jobs.not_before = job_rows.not_before
           AND due_jobs.id = job_rows.id
           AND due_jobs.not_before <= $2
         ORDER BY due_jobs.not_before, due_jobs.id
         LIMIT $3"
    )
}

/// First those that stand between two steps: their devices have no user meanwhile.
const DUE_BY_STEPS: &str = "SELECT id, dispatch + 1 AS dispatch, not_before FROM (
         -- In this order: they are few, and those that are due many.
         SELECT due_jobs.id, due_jobs.dispatch, due_jobs.not_before, 0 AS place
         FROM job_rows
         CROSS JOIN due_jobs
         WHERE job_rows.campaign_id = $1
           AND job_rows.steps_done > 0
           AND due_jobs.campaign_id = $1
           AND due_jobs.not_before = job_rows.not_before
           AND due_jobs.id = job_rows.id
           AND due_jobs.not_before <= $2
         UNION ALL
         SELECT * FROM (
             SELECT id, dispatch, not_before, 1 AS place FROM due_jobs
             WHERE campaign_id = $1
               AND not_before <= $2
             ORDER BY not_before, id
             LIMIT $3
         ) AS others
     ) AS waiting
     GROUP BY id, dispatch, not_before
     ORDER BY MIN(place), not_before, id
     LIMIT $3";

#[cfg(test)]
mod tests {
    use sqlx::Row as _;

    use super::*;
    use crate::{Ledger, LedgerLocation};

    /// However many jobs are pending: a dispatch that looked at all of them would cost the more the
    /// larger the backlog is.
    #[tokio::test]
    async fn jobs_between_two_steps_are_not_looked_for_among_all_that_are_pending() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let location = LedgerLocation::parse(path.to_str().unwrap()).unwrap();
        let ledger = Ledger::open(&location).await.unwrap();
        let mut reader = ledger.reader().await.unwrap();
        let sql = format!("EXPLAIN QUERY PLAN {DUE_BY_STEPS}");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(1)
            .bind(1)
            .bind(10)
            .fetch_all(&mut *reader)
            .await
            .unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let places: Vec<&String> = plan.iter().filter(|line| line.contains("SEARCH")).collect();
        let [between, its_place, others] = places[..] else {
            panic!("{plan:?}")
        };
        let expected = "SEARCH job_rows USING INDEX jobs_between (campaign_id=?)";
        assert_eq!(between, expected, "{plan:?}");
        assert!(
            its_place.contains("PRIMARY KEY (campaign_id=? AND not_before=? AND id=?)"),
            "{plan:?}"
        );
        assert!(
            others.contains("PRIMARY KEY (campaign_id=? AND not_before<?)"),
            "{plan:?}"
        );
    }

    #[tokio::test]
    async fn jobs_in_doubt_are_not_looked_for_among_all_of_their_campaign() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let location = LedgerLocation::parse(path.to_str().unwrap()).unwrap();
        let ledger = Ledger::open(&location).await.unwrap();
        let mut reader = ledger.reader().await.unwrap();
        for (sql, parameters) in [(due_in_doubt(), 3), (dispatchable(), 2)] {
            let sql = match parameters {
                2 => format!("SELECT id FROM campaigns WHERE {sql}"),
                _ => sql,
            };
            let sql = format!("EXPLAIN QUERY PLAN {sql}");
            let query = sqlx::query(sqlx::AssertSqlSafe(sql));
            let query = (0..parameters).fold(query, |query, _| query.bind(1));
            let rows = query.fetch_all(&mut *reader).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            let expected = "SEARCH job_rows USING INDEX jobs_in_doubt (campaign_id=?)";
            let finds = |line: &String| line.replace("COVERING ", "") == expected;
            assert!(plan.iter().any(finds), "{plan:?}");
        }
    }
}
