//! Settlements: outcome, attempts and counters in one transaction, fenced by the dispatch's number and
//! token.

use std::collections::BTreeMap;

use repilot_domain::{Actor, AttemptOutcome, CampaignId, JobId, JobState, Timestamp};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::campaigns::breaker::{self, Outcomes};
use crate::campaigns::canary;
use crate::campaigns::cancel::cancel_returned;
use crate::campaigns::ending::{EndChecks, end_if_done};
use crate::campaigns::pause::pause_within;
use crate::error::QueryContext as _;
use crate::jobs::call_times::Timing;
use crate::jobs::claim_key::{SameDispatch, by_dispatch};
use crate::jobs::counters::{CALLS, Deltas, OUTCOMES, OUTCOMES_SETTLED, THROTTLED};
use crate::jobs::key_runs::{IS_IN_A_RUN, KeyRuns, RUNS};
use crate::jobs::minutes::Tally;
use crate::jobs::{attempt_rows, state_tables};
use crate::storage::dialect::Dialect;
use crate::storage::rows::batch;
use crate::{ClaimKey, LedgerError, NewAttempt, Settlement, Verdict};

/// What was settled, and what that changes beside the jobs themselves.
#[derive(Default)]
pub(crate) struct Settled<'a> {
    pub(crate) taken: Vec<ClaimKey>,
    /// Those that are not recorded yet.
    attempts: Vec<(JobId, i64, &'a NewAttempt)>,
    tally: Tally,
    timing: Timing,
    /// Campaigns with a job that became terminal, and what these came to.
    finished: BTreeMap<CampaignId, Outcomes<'a>>,
    /// Campaigns with a job that went back.
    returned: Vec<CampaignId>,
    /// Campaigns that stopped over what was said.
    halted: Vec<CampaignId>,
}

/// How far a batch trusts what its settlements say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Plain successes are taken without a look, and if one claim of them no longer held, the
    /// whole batch is [`LedgerError::Contended`].
    Plain,
    /// Each claim is looked at.
    Nothing,
}

impl Trust {
    fn takes(self, said: &Settlement) -> bool {
        self == Self::Plain && matches!(said.verdict, Verdict::Succeeded)
    }
}

/// Records the attempts of what [`settle`] will take without a look. Called before the campaigns are
/// locked: nobody else writes these rows, and who waits for the lock need not wait for them. Should a
/// claim turn out not to hold, they go with the rest of the batch.
pub(crate) async fn record_trusted(
    connection: &mut AnyConnection,
    worker: &str,
    settlements: &[&Settlement],
    trust: Trust,
) -> Result<(), LedgerError> {
    let trusted = settlements.iter().filter(|said| trust.takes(said));
    let attempts: Vec<_> = trusted
        .flat_map(|said| {
            let attempts = said.attempts.iter();
            attempts.map(|attempt| (said.key.job, said.key.dispatch, attempt))
        })
        .collect();
    attempt_rows::attempts(connection, worker, attempts).await
}

/// Settles those whose claim still holds, and says which those are; the others' word is refused.
///
/// [`record_trusted`] went before, and [`Settled::finish`] must follow.
pub(crate) async fn settle<'a>(
    connection: &mut AnyConnection,
    (worker, by): (&str, &Actor),
    settlements: &[&'a Settlement],
    trust: Trust,
    now: Timestamp,
    deltas: &mut Deltas,
) -> Result<Settled<'a>, LedgerError> {
    let mut settled = Settled::default();
    let (plain, mut other): (Vec<_>, Vec<_>) =
        settlements.iter().partition(|said| trust.takes(said));
    succeed_jobs(connection, worker, &plain, now).await?;
    for of_campaign in plain.chunk_by(|one, next| one.key.campaign == next.key.campaign) {
        settled.note_successes(of_campaign, deltas)?;
    }
    if !other.is_empty() {
        let said = other.iter().map(|said| said.key);
        let mut held = state_tables::held_keys(connection, worker, said).await?;
        // Once only, should it have been said twice.
        other.retain(|said| held.remove(&said.key));
        update_jobs(connection, worker, &other, now).await?;
        for settlement in other {
            settled.note(settlement, deltas)?;
            let attempts = settlement.attempts.iter();
            let of_job = attempts.map(|said| (settlement.key.job, settlement.key.dispatch, said));
            settled.attempts.extend(of_job);
            if let Verdict::Retry {
                pause: Some(pause), ..
            } = &settlement.verdict
            {
                let cause = (pause.cause, pause.reason.as_str());
                pause_within(connection, settlement.key.campaign, cause, by, now).await?;
                settled.halted.push(settlement.key.campaign);
            }
        }
    }
    Ok(settled)
}

impl<'a> Settled<'a> {
    /// Notes a settlement that was taken.
    fn note(&mut self, settlement: &'a Settlement, deltas: &mut Deltas) -> Result<(), LedgerError> {
        let (campaign, verdict) = (settlement.key.campaign, &settlement.verdict);
        match verdict {
            Verdict::Succeeded => return self.note_successes(&[settlement], deltas),
            Verdict::Dead {
                reason, message, ..
            } => {
                deltas.add(campaign, JobState::Dead.as_str(), reason.as_str(), 1);
                deltas.add(campaign, OUTCOMES, OUTCOMES_SETTLED, 1);
                let outcomes = self.finished.entry(campaign).or_default();
                outcomes.died(reason.as_str(), message);
            }
            Verdict::Retry { .. } => {
                if !self.returned.contains(&campaign) {
                    self.returned.push(campaign);
                }
            }
        }
        self.taken.push(settlement.key);
        self.tally.note(settlement);
        deltas.moved(campaign, JobState::Running, verdict.event(), 1)?;
        self.note_attempts(campaign, &settlement.attempts, deltas);
        Ok(())
    }

    /// Notes successes of one campaign: they are most, and each count of them is looked up once.
    fn note_successes(
        &mut self,
        of_campaign: &[&Settlement],
        deltas: &mut Deltas,
    ) -> Result<(), LedgerError> {
        let Some(first) = of_campaign.first() else {
            return Ok(());
        };
        let (campaign, event) = (first.key.campaign, first.verdict.event());
        let count = of_campaign.len() as u64;
        let settled = i64::try_from(count).unwrap_or(i64::MAX);
        deltas.moved(campaign, JobState::Running, event, count)?;
        deltas.add(campaign, OUTCOMES, OUTCOMES_SETTLED, settled);
        self.finished
            .entry(campaign)
            .or_default()
            .succeeded(settled);
        self.taken.extend(of_campaign.iter().map(|said| said.key));
        for said in of_campaign {
            self.tally.note(said);
        }
        let attempts = of_campaign.iter().flat_map(|said| &said.attempts);
        self.note_attempts(campaign, attempts, deltas);
        Ok(())
    }

    fn note_attempts<'b>(
        &mut self,
        campaign: CampaignId,
        attempts: impl IntoIterator<Item = &'b NewAttempt>,
        deltas: &mut Deltas,
    ) {
        let (mut calls, mut throttled) = (0, 0);
        for attempt in attempts {
            self.timing.note(campaign, attempt);
            calls += 1;
            throttled += i64::from(attempt.outcome == AttemptOutcome::Throttled);
        }
        deltas.add(campaign, CALLS, "", calls);
        deltas.add(campaign, THROTTLED, "", throttled);
    }

    /// Records the attempts, writes the batch's counters, and ends the campaigns whose last open
    /// job this was, judges canaries and breakers. The claims that were settled, and the campaigns that
    /// stopped over it.
    pub(crate) async fn finish(
        mut self,
        connection: &mut AnyConnection,
        (worker, by): (&str, &Actor),
        deltas: Deltas,
        now: Timestamp,
    ) -> Result<(Vec<ClaimKey>, Vec<CampaignId>), LedgerError> {
        attempt_rows::attempts(connection, worker, self.attempts).await?;
        deltas.write(connection).await?;
        self.tally.write(connection, now).await?;
        self.timing.write(connection).await?;
        for (campaign, outcomes) in &self.finished {
            let Some(aftermath) = EndChecks::read(connection, *campaign).await? else {
                continue;
            };
            if aftermath.is_done {
                end_if_done(connection, *campaign, by, now).await?;
            }
            if aftermath.canary_is_running {
                canary::judge(connection, *campaign, by, now).await?;
            }
            if aftermath.has_breaker && outcomes.has_dead() {
                let has_tripped = breaker::note(connection, *campaign, outcomes, by, now).await?;
                if has_tripped {
                    self.halted.push(*campaign);
                }
            }
        }
        for campaign in self.returned {
            cancel_returned(connection, campaign, by, now).await?;
        }
        Ok((self.taken, self.halted))
    }
}

/// Plain successes, whose claims are trusted to hold.
async fn succeed_jobs(
    connection: &mut AnyConnection,
    worker: &str,
    settlements: &[&Settlement],
    now: Timestamp,
) -> Result<(), LedgerError> {
    const WHAT: &str = "settle jobs";
    if settlements.is_empty() {
        return Ok(());
    }
    let dialect = Dialect::of(connection);
    let said = settlements.iter().map(|said| said.key);
    match dialect {
        Dialect::Postgres => {
            let named = KeyRuns::of(said);
            let left = format!(
                "DELETE FROM jobs_in_hand
                 USING {RUNS}
                 WHERE {IS_IN_A_RUN}
                   AND jobs_in_hand.dispatch = run.dispatch
                   AND jobs_in_hand.token = run.token
                   AND state = 'running'
                   AND worker = $2"
            );
            state_tables::change_runs(connection, &left, &named, WHAT, |query| {
                query.bind(worker.to_owned())
            })
            .await?;
            let succeeded = format!(
                "UPDATE job_rows
                 SET dispatch = run.dispatch, worker = $2, finished_at = $3, {SUCCEEDED}
                 FROM {RUNS}
                 WHERE {IS_IN_A_RUN}"
            );
            state_tables::change_runs(connection, &succeeded, &named, WHAT, |query| {
                query.bind(worker.to_owned()).bind(now.as_millis())
            })
            .await
        }
        Dialect::Sqlite => {
            let is_named = dialect.is_named();
            let left = format!(
                "DELETE FROM jobs_in_hand
                 WHERE id {is_named}
                   AND dispatch = $2
                   AND token = $3
                   AND state = 'running'
                   AND worker = $4"
            );
            let succeeded = format!(
                "UPDATE job_rows
                 SET dispatch = $2, worker = $3, finished_at = $4, {SUCCEEDED}
                 WHERE id {is_named}"
            );
            for group in by_dispatch(said) {
                let SameDispatch {
                    dispatch,
                    token,
                    jobs,
                } = group;
                state_tables::change(connection, &left, &jobs, WHAT, |query| {
                    let query = query.bind(dispatch).bind(token.as_number());
                    query.bind(worker.to_owned())
                })
                .await?;
                state_tables::change(connection, &succeeded, &jobs, WHAT, |query| {
                    let query = query.bind(dispatch).bind(worker.to_owned());
                    query.bind(now.as_millis())
                })
                .await?;
            }
            Ok(())
        }
    }
}

/// What else the row of a job that succeeded says.
const SUCCEEDED: &str = "state = 'succeeded',
                 steps_done = 0,
                 attempts = attempts + 1,
                 uncertain = 0,
                 not_before = 0,
                 reason = '',
                 message = ''";

async fn update_jobs(
    connection: &mut AnyConnection,
    worker: &str,
    settlements: &[&Settlement],
    now: Timestamp,
) -> Result<(), LedgerError> {
    if settlements.is_empty() {
        return Ok(());
    }
    let mut rows = Vec::with_capacity(settlements.len());
    let mut over = Vec::with_capacity(settlements.len());
    let (mut due, mut dead) = (Vec::new(), Vec::new());
    for settlement in settlements {
        let job = settlement.key.job.0;
        let state = settlement.verdict.state()?;
        let written = settlement.verdict.written(now);
        // What the last answer was, of a job that was not called this time, or that only a look ends.
        let ends_without_words = state == JobState::Dead && written.message.is_empty();
        let is_over = state == JobState::Dead || !settlement.attempts.is_empty();
        let is_said = is_over && !ends_without_words;
        over.push(job);
        match state {
            JobState::Pending => due.push(job),
            JobState::Dead => dead.push(job),
            _ => {}
        }
        rows.push((
            job,
            state.as_str(),
            written.spent,
            written.uncertain,
            written.not_before,
            written.reason,
            written.message,
            written.finished_at,
            i64::from(is_said),
            settlement.key.dispatch,
        ));
    }
    let sql = format!(
        "UPDATE job_rows
         SET state = verdicts.state,
             dispatch = verdicts.dispatch,
             worker = $2,
             steps_done = CASE WHEN verdicts.state = 'succeeded'
                               THEN 0 ELSE job_rows.steps_done END,
             attempts = job_rows.attempts + verdicts.spent,
             uncertain = verdicts.uncertain,
             not_before = verdicts.not_before,
             reason = verdicts.reason,
             finished_at = verdicts.finished_at,
             message = CASE WHEN verdicts.is_said = 1
                            THEN verdicts.message ELSE job_rows.message END
         FROM (
             SELECT CAST(value->>0 AS BIGINT) AS id,
                    CAST(value->>1 AS TEXT) AS state,
                    CAST(value->>2 AS BIGINT) AS spent,
                    CAST(value->>3 AS BIGINT) AS uncertain,
                    CAST(value->>4 AS BIGINT) AS not_before,
                    CAST(value->>5 AS TEXT) AS reason,
                    CAST(value->>6 AS TEXT) AS message,
                    CAST(value->>7 AS BIGINT) AS finished_at,
                    CAST(value->>8 AS BIGINT) AS is_said,
                    CAST(value->>9 AS BIGINT) AS dispatch
             FROM {each}
         ) AS verdicts
         WHERE job_rows.id = verdicts.id",
        each = Dialect::of(connection).each(),
    );
    let updated = sqlx::query(AssertSqlSafe(sql))
        .bind(batch(rows)?)
        .bind(worker)
        .execute(&mut *connection)
        .await
        .doing("settle jobs")?;
    state_tables::all_of(updated.rows_affected(), over.len())?;
    state_tables::leave_hand(connection, &over).await?;
    state_tables::become_due(connection, &due).await?;
    state_tables::become_dead(connection, &dead).await
}
