//! Where jobs stand while they wait, are in hand, or are dead.
//!
//! `job_rows` keeps what a job is, and its state while nobody has it. One that is dispatched stays
//! `pending` there: who has it, and how far that is, stands in `jobs_in_hand` until it is back or
//! over, so that a drain writes each job's wide row once. `due_jobs` are those that are pending and
//! that nobody has; `dead_jobs` are the dead letters. Whoever changes a job's state keeps these along
//! in the same transaction, which has locked its campaign. Whoever reads asks the view `jobs`, which
//! is all of it in one.

use std::collections::{BTreeMap, HashSet};

use repilot_domain::{CampaignId, JobId, JobState, Timestamp};
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row as _};

use crate::error::QueryContext as _;
use crate::jobs::due_cursor::Place;
use crate::jobs::key_runs::KeyRuns;
use crate::storage::dialect::Dialect;
use crate::storage::rows::{batch, by_dispatch, gathered, numbers_of, pairs};
use crate::{ClaimKey, DispatchToken, LedgerError};

/// A job in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InHand {
    pub(crate) job: JobId,
    pub(crate) campaign: CampaignId,
    /// Under this number.
    pub(crate) dispatch: i64,
}

/// What becomes of those whose lease is being renewed just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewed {
    /// They are waited for.
    Too,
    /// They are left out: their owner lives.
    Not,
}

/// Who takes due jobs in hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hand<'a> {
    pub(crate) worker: &'a str,
    /// What their claims must show.
    pub(crate) token: DispatchToken,
    pub(crate) lease_until: Timestamp,
}

/// A job that is due: its number, the number of its next dispatch, and when it is due.
pub(crate) type Due = (i64, i64, i64);

/// Runs a statement over jobs by their numbers, which are its first parameter; `bind` adds the
/// others. It befalls all of them, or somebody came first.
pub(crate) async fn change(
    connection: &mut AnyConnection,
    sql: &str,
    jobs: &[i64],
    doing: &'static str,
    bind: impl FnOnce(Query<'_, Any, AnyArguments>) -> Query<'_, Any, AnyArguments>,
) -> Result<(), LedgerError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let named = Dialect::of(connection).numbers(jobs.iter().copied());
    change_all(connection, sql, named, jobs.len(), doing, bind).await
}

/// The same of jobs that are told by their runs, as PostgreSQL takes them.
pub(crate) async fn change_runs(
    connection: &mut AnyConnection,
    sql: &str,
    named: &KeyRuns,
    doing: &'static str,
    bind: impl FnOnce(Query<'_, Any, AnyArguments>) -> Query<'_, Any, AnyArguments>,
) -> Result<(), LedgerError> {
    let parameter = named.parameter.clone();
    change_all(connection, sql, parameter, named.count, doing, bind).await
}

async fn change_all(
    connection: &mut AnyConnection,
    sql: &str,
    named: String,
    count: usize,
    doing: &'static str,
    bind: impl FnOnce(Query<'_, Any, AnyArguments>) -> Query<'_, Any, AnyArguments>,
) -> Result<(), LedgerError> {
    let query = bind(sqlx::query(AssertSqlSafe(sql)).bind(named));
    let done = query.execute(connection).await.doing(doing)?;
    all_of(done.rows_affected(), count)
}

/// A change befell as many jobs as it was meant for, or somebody came first.
pub(crate) fn all_of(changed: u64, meant: usize) -> Result<(), LedgerError> {
    if changed == meant as u64 {
        Ok(())
    } else {
        Err(LedgerError::Contended)
    }
}

/// The jobs in hand for which a condition holds; nobody else changes them until this transaction
/// ends.
pub(crate) async fn in_hand(
    connection: &mut AnyConnection,
    condition: &str,
    renewed: Renewed,
    bind: impl FnOnce(Query<'_, Any, AnyArguments>) -> Query<'_, Any, AnyArguments>,
) -> Result<Vec<InHand>, LedgerError> {
    let dialect = Dialect::of(connection);
    let sql = format!(
        "SELECT {gathered} FROM (
             SELECT id, campaign_id, dispatch FROM jobs_in_hand
             WHERE {condition}
             {locking}
         ) AS held",
        gathered = dialect.gathered("id, campaign_id, dispatch"),
        locking = match renewed {
            Renewed::Too => dialect.locking(),
            Renewed::Not => dialect.locking_free_ones(),
        },
    );
    let query = bind(sqlx::query(AssertSqlSafe(sql)));
    let held: Vec<(i64, i64, i64)> = gathered(query, connection, "look for jobs in hand").await?;
    let held = held.into_iter().map(|(job, campaign, dispatch)| InHand {
        job: JobId(job),
        campaign: CampaignId(campaign),
        dispatch,
    });
    Ok(held.collect())
}

/// The jobs of a campaign that are due up to a place, which are so many, are due no longer.
pub(crate) async fn leave_due_until(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    last: Place,
    count: usize,
) -> Result<(), LedgerError> {
    let left = sqlx::query(
        "DELETE FROM due_jobs
         WHERE campaign_id = $1
           AND (not_before, id) <= ($2, $3)",
    )
    .bind(campaign.0)
    .bind(last.0)
    .bind(last.1)
    .execute(connection)
    .await
    .doing("take due jobs")?;
    all_of(left.rows_affected(), count)
}

/// Takes the jobs of a campaign in hand that are due first after a place, at most so many by now: what [`leave_due_until`] and [`enter_hand`] do, in the one statement
/// that PostgreSQL can do it in.
pub(crate) async fn take_the_first(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    after: Place,
    (now, most): (Timestamp, usize),
    hand: Hand<'_>,
) -> Result<Vec<Due>, LedgerError> {
    const WHAT: &str = "take due jobs";
    let row = sqlx::query(
        "WITH taken AS (
             -- Found in order, and deleted where they lie, without a second look for each.
             DELETE FROM due_jobs
             WHERE ctid = ANY (ARRAY(
                 SELECT ctid FROM due_jobs
                 WHERE campaign_id = $1
                   AND not_before <= $2
                   AND (not_before, id) > ($3, $4)
                 ORDER BY not_before, id
                 LIMIT $5
             ))
             RETURNING id, dispatch + 1 AS dispatch, not_before
         ), in_hand AS (
             INSERT INTO jobs_in_hand (
                 id, campaign_id, dispatch, state, worker, lease_until, token
             )
             SELECT id, $1, dispatch, 'queued', $6, $7, $8 FROM taken
         )
         SELECT CAST(array_agg(id) AS TEXT),
                CAST(array_agg(dispatch) AS TEXT),
                CAST(array_agg(not_before) AS TEXT)
         FROM taken",
    )
    .bind(campaign.0)
    .bind(now.as_millis())
    .bind(after.0)
    .bind(after.1)
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .bind(hand.worker)
    .bind(hand.lease_until.as_millis())
    .bind(hand.token.as_number())
    .fetch_one(connection)
    .await
    .doing(WHAT)?;
    let numbers = |column| row.try_get(column).doing(WHAT).and_then(numbers_of);
    let (jobs, dispatches, times) = (numbers(0)?, numbers(1)?, numbers(2)?);
    let dispatches = dispatches.into_iter().zip(times);
    let due = jobs.into_iter().zip(dispatches);
    let mut due: Vec<Due> = due
        .map(|(job, (dispatch, not_before))| (job, dispatch, not_before))
        .collect();
    // Deleted as they lie.
    due.sort_unstable_by_key(|(job, _, not_before)| (*not_before, *job));
    Ok(due)
}

/// Has PostgreSQL walk past the jobs of a campaign that are due no longer: what it finds dead it marks
/// in the index, and whoever pages through the pending jobs by number passes it at once.
pub(crate) async fn pass_what_left(
    connection: &mut AnyConnection,
    campaign: CampaignId,
) -> Result<(), LedgerError> {
    sqlx::query("SELECT MIN(id) FROM due_jobs WHERE campaign_id = $1")
        .bind(campaign.0)
        .execute(connection)
        .await
        .doing("look for due jobs")?;
    Ok(())
}

/// Jobs of a campaign that were due are queued for a worker, each under its next number.
pub(crate) async fn enter_hand(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    due: &[Due],
    hand: Hand<'_>,
) -> Result<(), LedgerError> {
    let sql = format!(
        "INSERT INTO jobs_in_hand (id, campaign_id, dispatch, state, worker, lease_until, token)
         SELECT id, $2, $3, 'queued', $4, $5, $6 FROM {} AS due",
        Dialect::of(connection).each_id()
    );
    let due = due
        .iter()
        .map(|(job, dispatch, _)| (JobId(*job), *dispatch));
    for (dispatch, jobs) in by_dispatch(due) {
        change(connection, &sql, &jobs, "dispatch jobs", |query| {
            let query = query.bind(campaign.0).bind(dispatch);
            let query = query.bind(hand.worker.to_owned());
            let query = query.bind(hand.lease_until.as_millis());
            query.bind(hand.token.as_number())
        })
        .await?;
    }
    Ok(())
}

/// Puts jobs that are queued back among those that are due, as if they had never left.
pub(crate) async fn give_back(
    connection: &mut AnyConnection,
    held: &[InHand],
) -> Result<(), LedgerError> {
    if held.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE job_rows
         SET dispatch = held.dispatch, worker = ''
         FROM {} AS held
         WHERE job_rows.id = held.id",
        Dialect::of(connection).each_pair()
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(pairs(held.iter().map(|held| (held.job, held.dispatch)))?)
        .execute(&mut *connection)
        .await
        .doing("give jobs back")?;
    let jobs: Vec<i64> = held.iter().map(|held| held.job.0).collect();
    leave_hand(connection, &jobs).await?;
    become_due(connection, &jobs).await
}

/// Jobs are in hand no more.
pub(crate) async fn leave_hand(
    connection: &mut AnyConnection,
    jobs: &[i64],
) -> Result<(), LedgerError> {
    let sql = format!(
        "DELETE FROM jobs_in_hand WHERE id {}",
        Dialect::of(connection).is_named()
    );
    change(connection, &sql, jobs, "give jobs back", |query| query).await
}

/// Jobs whose rows are pending, and that nobody has, are due at the time that their rows say.
pub(crate) async fn become_due(
    connection: &mut AnyConnection,
    jobs: &[i64],
) -> Result<(), LedgerError> {
    let sql = format!(
        "INSERT INTO due_jobs (campaign_id, not_before, id, dispatch)
         SELECT campaign_id, not_before, id, dispatch FROM job_rows
         WHERE id {}",
        Dialect::of(connection).is_named()
    );
    change(connection, &sql, jobs, "make jobs due", |query| query).await
}

/// Jobs of a campaign are no longer due.
pub(crate) async fn leave_due(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    jobs: &[i64],
) -> Result<(), LedgerError> {
    let sql = format!(
        "DELETE FROM due_jobs WHERE {}",
        Dialect::of(connection).named_rows("due_jobs", "campaign_id = $2")
    );
    change(connection, &sql, jobs, "take due jobs", |query| {
        query.bind(campaign.0)
    })
    .await
}

/// Jobs whose rows are dead are dead letters.
pub(crate) async fn become_dead(
    connection: &mut AnyConnection,
    jobs: &[i64],
) -> Result<(), LedgerError> {
    let sql = format!(
        "INSERT INTO dead_jobs (campaign_id, reason, id)
         SELECT campaign_id, reason, id FROM job_rows
         WHERE id {}",
        Dialect::of(connection).is_named()
    );
    change(connection, &sql, jobs, "bury jobs", |query| query).await
}

/// Jobs, each with its campaign and its reason, are dead letters no longer.
pub(crate) async fn leave_dead<'a>(
    connection: &mut AnyConnection,
    dead: impl IntoIterator<Item = (i64, CampaignId, &'a str)>,
) -> Result<(), LedgerError> {
    let mut by_place: BTreeMap<(CampaignId, &str), Vec<i64>> = BTreeMap::new();
    for (job, campaign, reason) in dead {
        by_place.entry((campaign, reason)).or_default().push(job);
    }
    let of_reason = "campaign_id = $2 AND reason = $3";
    let sql = format!(
        "DELETE FROM dead_jobs WHERE {}",
        Dialect::of(connection).named_rows("dead_jobs", of_reason)
    );
    for ((campaign, reason), jobs) in by_place {
        change(connection, &sql, &jobs, "take dead letters", |query| {
            query.bind(campaign.0).bind(reason.to_owned())
        })
        .await?;
    }
    Ok(())
}

/// Those of the keys that a worker names which hold in this state: begins behind the columns of `held`
/// that are asked for. Takes [`keys`] first.
pub(crate) fn held_of(dialect: Dialect, state: JobState) -> String {
    format!(
        "FROM {each} AS said
         -- In this order: what was said is little.
         CROSS JOIN jobs_in_hand AS held
         WHERE held.id = said.id
           AND held.dispatch = said.dispatch
           AND held.token = said.token
           AND held.state = '{state}'",
        each = dialect.each_key()
    )
}

/// Which claims of a worker hold, of those that it names.
pub(crate) async fn held_keys(
    connection: &mut AnyConnection,
    worker: &str,
    named: impl IntoIterator<Item = ClaimKey>,
) -> Result<HashSet<ClaimKey>, LedgerError> {
    let dialect = Dialect::of(connection);
    let sql = format!(
        "SELECT {gathered} {held} AND held.worker = $2",
        gathered = dialect.gathered("held.id, held.campaign_id, held.dispatch, held.token"),
        held = held_of(dialect, JobState::Running)
    );
    let query = sqlx::query(AssertSqlSafe(sql))
        .bind(keys(named)?)
        .bind(worker);
    let held: Vec<(i64, i64, i64, i64)> = gathered(query, connection, "look for claims").await?;
    let held = held
        .into_iter()
        .map(|(job, campaign, dispatch, token)| ClaimKey {
            job: JobId(job),
            dispatch,
            campaign: CampaignId(campaign),
            token: DispatchToken::from_number(token),
        });
    Ok(held.collect())
}

/// Keys as the one parameter of a statement, which `Dialect::each_key` reads.
pub(crate) fn keys(keys: impl IntoIterator<Item = ClaimKey>) -> Result<String, LedgerError> {
    batch(
        keys.into_iter()
            .map(|key| (key.job.0, key.dispatch, key.token)),
    )
}
