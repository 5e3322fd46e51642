//! Settlements: outcome, attempts and counters in one transaction, fenced by the dispatch number.

use std::collections::HashMap;

use repilot_domain::{
    AttemptOutcome, CampaignId, DeadReason, JobEvent, JobId, JobState, Timestamp,
};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::campaign_control::{cancel_returned, pause_within};
use crate::counters::{CALLS, Deltas, THROTTLED, end_if_done};
use crate::dialect::Dialect;
use crate::error::QueryContext as _;
use crate::rows::{batch, gathered};
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

/// Settles those whose claim still holds, and says which those are; the others' word is refused.
pub(crate) async fn settle(
    connection: &mut AnyConnection,
    worker: &str,
    settlements: &[&Settlement],
    now: Timestamp,
) -> Result<Vec<JobId>, LedgerError> {
    if settlements.is_empty() {
        return Ok(Vec::new());
    }
    let mut taken: HashMap<(JobId, i64), CampaignId> = HashMap::with_capacity(settlements.len());
    for (job, dispatch, campaign) in held(connection, worker, settlements).await? {
        taken.insert((JobId(job), dispatch), CampaignId(campaign));
    }
    update_jobs(connection, settlements, now, &taken).await?;
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

/// Those of the settlements whose claim still holds: job, dispatch and campaign.
async fn held(
    connection: &mut AnyConnection,
    worker: &str,
    settlements: &[&Settlement],
) -> Result<Vec<(i64, i64, i64)>, LedgerError> {
    let dialect = Dialect::of(connection);
    let sql = format!(
        "SELECT {gathered}
         FROM (
             SELECT CAST(value->>0 AS BIGINT) AS id, CAST(value->>1 AS BIGINT) AS dispatch
             FROM {each}
         ) AS said
         -- In this order: what was said is little, the jobs are many.
         CROSS JOIN jobs
         WHERE jobs.id = said.id
           AND jobs.dispatch = said.dispatch
           AND jobs.state = 'running'
           AND jobs.worker = $2",
        gathered = dialect.gathered("jobs.id, jobs.dispatch, jobs.campaign_id"),
        each = dialect.each()
    );
    let said = batch(settlements.iter().map(|said| (said.job.0, said.dispatch)))?;
    let query = sqlx::query(AssertSqlSafe(sql)).bind(said).bind(worker);
    gathered(query, connection, "look for settled jobs").await
}

async fn update_jobs(
    connection: &mut AnyConnection,
    settlements: &[&Settlement],
    now: Timestamp,
    taken: &HashMap<(JobId, i64), CampaignId>,
) -> Result<(), LedgerError> {
    let mut rows = Vec::with_capacity(settlements.len());
    for settlement in settlements {
        if !taken.contains_key(&(settlement.job, settlement.dispatch)) {
            continue;
        }
        let written = settlement.verdict.written(now);
        let last = settlement.attempts.last();
        rows.push((
            settlement.job.0,
            settlement.verdict.state()?.as_str(),
            written.spent,
            written.uncertain,
            written.not_before,
            written.reason,
            written.message,
            written.finished_at,
            last.and_then(|attempt| attempt.status),
            last.and_then(|attempt| attempt.request_id.as_deref()),
            i64::from(last.is_some()),
        ));
    }
    let expected = rows.len() as u64;
    let sql = format!(
        "UPDATE jobs
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
         FROM (
             SELECT CAST(value->>0 AS BIGINT) AS id,
                    CAST(value->>1 AS TEXT) AS state,
                    CAST(value->>2 AS BIGINT) AS spent,
                    CAST(value->>3 AS BIGINT) AS uncertain,
                    CAST(value->>4 AS BIGINT) AS not_before,
                    CAST(value->>5 AS TEXT) AS reason,
                    CAST(value->>6 AS TEXT) AS message,
                    CAST(value->>7 AS BIGINT) AS finished_at,
                    CAST(value->>8 AS BIGINT) AS last_status,
                    CAST(value->>9 AS TEXT) AS last_request_id,
                    CAST(value->>10 AS BIGINT) AS called
             FROM {}
         ) AS verdicts
         WHERE jobs.id = verdicts.id
           AND jobs.state = 'running'",
        Dialect::of(connection).each()
    );
    let updated = sqlx::query(AssertSqlSafe(sql))
        .bind(batch(rows)?)
        .execute(connection)
        .await
        .doing("settle jobs")?;
    if updated.rows_affected() == expected {
        Ok(())
    } else {
        Err(LedgerError::Contended)
    }
}
