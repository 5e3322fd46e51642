//! Campaigns that may go on, and where their due jobs are.

use repilot_domain::{CampaignId, CanaryPhase, Rate, Timestamp};
use sqlx::any::AnyRow;

use crate::dialect::Dialect;
use crate::rows::Columns;
use crate::{LedgerError, controls};

/// The campaigns of a tenant that may go on; takes the tenant and the time.
pub(crate) const DISPATCHABLE: &str = "tenant = $1
           AND ended_at IS NULL
           AND status = 'active'
           AND attended_until > $2
           AND runs_from <= $2
           AND runs_until > $2
           AND canary_phase <> 'choosing'";

/// What is read of those.
pub(crate) const READY: &str = "id, priority, canary_phase, rate, runs_until";

/// A campaign that may go on.
pub(crate) struct Ready {
    pub(crate) id: CampaignId,
    pub(crate) priority: i64,
    pub(crate) canary_is_running: bool,
    pub(crate) rate: Option<Rate>,
    pub(crate) until: Option<Timestamp>,
    /// How many of its jobs may go out.
    pub(crate) room: usize,
}

impl Ready {
    pub(crate) fn read(row: &AnyRow) -> Result<Self, LedgerError> {
        let columns = Columns::of("campaigns", row);
        let phase: CanaryPhase = columns.word("canary_phase")?;
        Ok(Self {
            id: CampaignId(columns.get("id")?),
            priority: columns.get("priority")?,
            canary_is_running: phase == CanaryPhase::Running,
            rate: columns.word_if_any("rate")?,
            until: controls::runs_until(&columns)?,
            room: usize::MAX,
        })
    }

    /// Reads its due jobs with the number of their next dispatch; takes the campaign, the time and
    /// how many.
    pub(crate) fn due(&self, dialect: Dialect) -> String {
        if self.canary_is_running {
            return "SELECT jobs.id, jobs.dispatch + 1 AS dispatch
                 FROM canary_jobs
                 CROSS JOIN jobs
                 WHERE canary_jobs.campaign_id = $1
                   AND jobs.id = canary_jobs.job_id
                   AND jobs.state = 'pending'
                   AND jobs.not_before <= $2
                 ORDER BY jobs.not_before, jobs.id
                 LIMIT $3"
                .to_owned();
        }
        format!(
            "SELECT id, dispatch + 1 AS dispatch FROM (
                 -- Between two steps: their devices have no user meanwhile.
                 SELECT id, dispatch, not_before, 0 AS place FROM jobs
                 WHERE campaign_id = $1
                   AND steps_done > 0
                   AND {pending} = 'pending'
                   AND not_before <= $2
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
             LIMIT $3",
            pending = dialect.of_found("state")
        )
    }
}
