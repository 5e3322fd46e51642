//! Settlements: outcome, attempts and counters in one transaction, fenced by the dispatch number.

use std::collections::HashMap;

use repilot_domain::{
    AttemptOutcome, CampaignId, DeadReason, JobEvent, JobId, JobState, Timestamp,
};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::campaign_control::{cancel_returned, pause_within};
use crate::counters::{CALLS, Deltas, THROTTLED, end_if_done};
use crate::error::QueryContext as _;
use crate::rows::{Columns, MAX_ROWS, padded_size, values};
use crate::{LedgerError, NewAttempt, attempt};

/// Why a job that was called waits for its next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitReason {
    /// The tenant was throttled.
    Throttled,
    /// A passing fault.
    Backoff,
    /// Nobody knows whether the call took effect: the device is looked at next.
    Uncertain,
    /// The tenant refuses as a whole: returned unspent.
    Returned,
}

impl WaitReason {
    /// The word for it in the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Backoff => "backoff",
            Self::Uncertain => "uncertain",
            Self::Returned => "returned",
        }
    }
}

/// What becomes of a claimed job.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// Done.
    Succeeded,
    /// To be called again, not before then.
    Retry {
        /// The earliest moment of the next call.
        not_before: Timestamp,
        /// Whether this attempt counts against the limit.
        spent: bool,
        /// Whether the device must be looked at first.
        uncertain: bool,
        /// Why it waits.
        reason: WaitReason,
        /// The last answer, in words.
        message: String,
        /// Pause the campaign, with this reason, in the same transaction.
        pause: Option<String>,
    },
    /// Given up.
    Dead {
        /// Why.
        reason: DeadReason,
        /// Whether a call may have taken effect unseen: looked at first, should it be requeued.
        uncertain: bool,
        /// The last answer, in words.
        message: String,
    },
}

/// What a worker says of a job that it has claimed.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The job.
    pub job: JobId,
    /// The dispatch number of the claim.
    pub dispatch: i64,
    /// What becomes of it.
    pub verdict: Verdict,
    /// What was asked of Graph for it, in order.
    pub attempts: Vec<NewAttempt>,
}

/// The columns that a verdict writes.
struct Written<'a> {
    spent: i64,
    uncertain: i64,
    not_before: i64,
    reason: &'a str,
    message: &'a str,
    finished_at: Option<i64>,
}

impl Verdict {
    const fn event(&self) -> JobEvent {
        match self {
            Self::Succeeded => JobEvent::Succeed,
            Self::Retry { .. } => JobEvent::Retry,
            Self::Dead { .. } => JobEvent::Bury,
        }
    }

    /// A claimed job is running; nothing else can be settled.
    fn state(&self) -> Result<JobState, LedgerError> {
        Ok(JobState::Running.apply(self.event())?)
    }

    fn written(&self, now: Timestamp) -> Written<'_> {
        match self {
            Self::Succeeded => Written {
                spent: 1,
                uncertain: 0,
                not_before: 0,
                reason: "",
                message: "",
                finished_at: Some(now.as_millis()),
            },
            Self::Retry {
                not_before,
                spent,
                uncertain,
                reason,
                message,
                ..
            } => Written {
                spent: i64::from(*spent),
                uncertain: i64::from(*uncertain),
                not_before: not_before.as_millis(),
                reason: reason.as_str(),
                message,
                finished_at: None,
            },
            Self::Dead {
                reason,
                uncertain,
                message,
            } => Written {
                spent: 1,
                uncertain: i64::from(*uncertain),
                not_before: 0,
                reason: reason.as_str(),
                message,
                finished_at: Some(now.as_millis()),
            },
        }
    }
}

const TYPES: [&str; 12] = [
    "BIGINT", "BIGINT", "TEXT", "BIGINT", "BIGINT", "BIGINT", "TEXT", "TEXT", "BIGINT", "BIGINT",
    "TEXT", "BIGINT",
];

/// Settles those whose claim still holds, and says which those are; the others' word is refused.
pub(crate) async fn settle(
    connection: &mut AnyConnection,
    worker: &str,
    settlements: &[&Settlement],
    now: Timestamp,
) -> Result<Vec<JobId>, LedgerError> {
    let mut taken: HashMap<(JobId, i64), CampaignId> = HashMap::with_capacity(settlements.len());
    for chunk in settlements.chunks(MAX_ROWS) {
        update_jobs(connection, worker, chunk, now, &mut taken).await?;
    }
    let mut deltas = Deltas::default();
    let mut attempts = Vec::with_capacity(settlements.len());
    let mut finished = Vec::new();
    let mut returned = Vec::new();
    for settlement in settlements {
        let Some(campaign) = taken.get(&(settlement.job, settlement.dispatch)).copied() else {
            continue;
        };
        let verdict = &settlement.verdict;
        deltas.moved(campaign, JobState::Running, verdict.event(), 1)?;
        if let Verdict::Dead { reason, .. } = verdict {
            deltas.add(campaign, JobState::Dead.as_str(), reason.as_str(), 1);
        }
        let list = if verdict.state()?.is_terminal() {
            &mut finished
        } else {
            &mut returned
        };
        if !list.contains(&campaign) {
            list.push(campaign);
        }
        for attempt in &settlement.attempts {
            deltas.add(campaign, CALLS, "", 1);
            if attempt.outcome == AttemptOutcome::Throttled {
                deltas.add(campaign, THROTTLED, "", 1);
            }
            attempts.push((settlement.job, settlement.dispatch, attempt));
        }
        if let Verdict::Retry {
            pause: Some(reason),
            ..
        } = verdict
        {
            pause_within(connection, campaign, reason).await?;
        }
    }
    attempt::insert(connection, worker, &attempts).await?;
    deltas.write(connection).await?;
    for campaign in finished {
        end_if_done(connection, campaign, now).await?;
    }
    for campaign in returned {
        cancel_returned(connection, campaign, now).await?;
    }
    Ok(taken.into_keys().map(|(job, _)| job).collect())
}

async fn update_jobs(
    connection: &mut AnyConnection,
    worker: &str,
    chunk: &[&Settlement],
    now: Timestamp,
    taken: &mut HashMap<(JobId, i64), CampaignId>,
) -> Result<(), LedgerError> {
    let size = padded_size(chunk.len());
    let sql = format!(
        "WITH verdicts (
             id, dispatch, state, spent, uncertain, not_before, reason, message, finished_at,
             last_status, last_request_id, called
         ) AS (VALUES {})
         UPDATE jobs
         SET state = verdicts.state,
             attempts = jobs.attempts + verdicts.spent,
             uncertain = verdicts.uncertain,
             not_before = verdicts.not_before,
             reason = verdicts.reason,
             finished_at = verdicts.finished_at,
             -- What the last answer was, of a job that was not called this time.
             message = CASE WHEN verdicts.called = 1
                            THEN verdicts.message ELSE jobs.message END,
             last_status = CASE WHEN verdicts.called = 1
                                THEN verdicts.last_status ELSE jobs.last_status END,
             last_request_id = CASE WHEN verdicts.called = 1
                                    THEN verdicts.last_request_id ELSE jobs.last_request_id END
         FROM verdicts
         WHERE jobs.id = verdicts.id
           AND jobs.dispatch = verdicts.dispatch
           AND jobs.state = 'running'
           AND jobs.worker = $1
         RETURNING jobs.id, jobs.dispatch, jobs.campaign_id",
        values(&TYPES, size, 2)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(worker);
    for index in 0..size {
        let settlement = chunk[index.min(chunk.len() - 1)];
        let written = settlement.verdict.written(now);
        let last = settlement.attempts.last();
        query = query
            .bind(settlement.job.0)
            .bind(settlement.dispatch)
            .bind(settlement.verdict.state()?.as_str())
            .bind(written.spent)
            .bind(written.uncertain)
            .bind(written.not_before)
            .bind(written.reason)
            .bind(written.message)
            .bind(written.finished_at)
            .bind(last.and_then(|attempt| attempt.status).map(i64::from))
            .bind(last.and_then(|attempt| attempt.request_id.as_deref()))
            .bind(i64::from(last.is_some()));
    }
    let rows = query.fetch_all(connection).await.doing("settle jobs")?;
    for row in &rows {
        let columns = Columns::of("jobs", row);
        taken.insert(
            (JobId(columns.get("id")?), columns.get("dispatch")?),
            CampaignId(columns.get("campaign_id")?),
        );
    }
    Ok(())
}
