//! What a person does to many jobs at once: those they picked, or all that a search finds.
//!
//! It goes chunk by chunk, so that nobody waits for long, and what a chunk changes is in the audit
//! by the same transaction. Of all that a search finds no more are changed than the person was told
//! of: not what was enqueued later, and not more than were counted. A job that has moved on since is
//! left as it is.

use std::collections::BTreeMap;

use repilot_domain::{
    Actor, AuditEvent, CampaignId, DeadReason, JobAct, JobId, JobQuery, JobState, PauseCause,
    Timestamp,
};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe};
use utoipa::ToSchema;

use super::count::{Counting, JobsMeant, way};
use super::fill::Walker;
use super::resolve::resolve;
use crate::campaigns::breaker;
use crate::campaigns::ending::end_if_done;
use crate::error::QueryContext as _;
use crate::jobs::between_steps::judge_anew;
use crate::jobs::counters::Deltas;
use crate::jobs::job::IS_ELSEWHERE;
use crate::jobs::state_tables::{self, Renewed};
use crate::storage::dialect::Dialect;
use crate::storage::locks;
use crate::storage::rows::{Columns, gathered};
use crate::{Ledger, LedgerError, audit, inventory};

/// Jobs that one transaction changes: over in some tens of milliseconds.
const CHUNK: usize = 2_000;

/// As many of the jobs that a person picked as the audit names.
const NAMED: usize = 20;

/// The jobs that something is done to.
#[derive(Debug, Clone)]
pub enum JobSelection {
    /// These.
    These(Vec<JobId>),
    /// All that a search finds, so far as they were counted.
    All {
        /// Within this campaign, or all.
        campaign: Option<CampaignId>,
        /// Which jobs.
        query: JobQuery,
        /// What was counted, and confirmed.
        meant: JobsMeant,
    },
}

/// What became of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ActedOn {
    /// Jobs that were changed.
    pub jobs: u64,
    /// Jobs that were meant and whose state did not allow it, or no longer.
    pub left: u64,
}

/// A job that is to be changed: id, campaign, state, reason.
type Meant = (i64, i64, JobState, String);

/// Who does what, and when.
#[derive(Clone, Copy)]
struct Order<'a> {
    act: JobAct,
    /// Whether dead letters whose devices other users have now stay as they are.
    spares: bool,
    by: &'a Actor,
    now: Timestamp,
    /// What the audit says of the selection.
    selection: &'a Value,
}

impl Ledger {
    /// Does something to jobs. Dead letters of a cancelled campaign are not requeued, nor those whose
    /// device another open campaign has still to do: two would call it at once.
    ///
    /// A requeued one whose last call may have taken effect unseen is looked at first; one that was
    /// found with another user begins with its first step: whoever requeues it lets it take the device
    /// from that user, and from nobody else. Any other goes on with the step at which it stopped.
    pub async fn act(
        &self,
        act: JobAct,
        selection: &JobSelection,
        by: &Actor,
        now: Timestamp,
    ) -> Result<ActedOn, LedgerError> {
        self.act_on(act, selection, false, by, now).await
    }

    /// Does the same, but leaves dead letters as they are whose devices other users have now, also one that
    /// became so a moment ago: what was asked before cannot know of it.
    pub async fn act_sparing_users(
        &self,
        act: JobAct,
        selection: &JobSelection,
        by: &Actor,
        now: Timestamp,
    ) -> Result<ActedOn, LedgerError> {
        self.act_on(act, selection, true, by, now).await
    }

    async fn act_on(
        &self,
        act: JobAct,
        selection: &JobSelection,
        spares: bool,
        by: &Actor,
        now: Timestamp,
    ) -> Result<ActedOn, LedgerError> {
        match selection {
            JobSelection::These(jobs) => {
                let named: Vec<i64> = jobs.iter().take(NAMED).map(|job| job.0).collect();
                let order = Order {
                    act,
                    spares,
                    by,
                    now,
                    selection: &json!({ "picked": jobs.len(), "ids": named }),
                };
                let mut jobs: Vec<i64> = jobs.iter().map(|job| job.0).collect();
                jobs.sort_unstable();
                jobs.dedup();
                let mut acted_on = ActedOn::default();
                for chunk in jobs.chunks(CHUNK) {
                    let changed = self.change(order, chunk, chunk.len()).await?;
                    acted_on.jobs += changed;
                    acted_on.left += chunk.len() as u64 - changed;
                }
                Ok(acted_on)
            }
            JobSelection::All {
                campaign,
                query,
                meant,
            } => {
                let order = Order {
                    act,
                    spares,
                    by,
                    now,
                    selection: &json!({ "query": query.to_string() }),
                };
                self.act_on_all(order, *campaign, query, *meant).await
            }
        }
    }

    async fn act_on_all(
        &self,
        order: Order<'_>,
        campaign: Option<CampaignId>,
        query: &JobQuery,
        meant: JobsMeant,
    ) -> Result<ActedOn, LedgerError> {
        let (mut few, mut walker) = {
            let mut reader = self.reader().await?;
            let resolved = resolve(&mut reader, campaign, query).await?;
            match way(&mut reader, &resolved).await? {
                Counting::Few(few) => (few, None),
                Counting::Walk(walks, terms) => (Vec::new(), Some(Walker::by_number(walks, terms))),
            }
        };
        let most = usize::try_from(meant.jobs).unwrap_or(usize::MAX);
        let mut acted_on = ActedOn::default();
        let mut seen = 0;
        while seen < most {
            let (mut jobs, more) = match &mut walker {
                None => (std::mem::take(&mut few), false),
                Some(walker) => {
                    let mut reader = self.reader().await?;
                    let next = walker.next(&mut reader).await?;
                    let jobs = next.found.into_iter().map(|key| key.job).collect();
                    (jobs, next.end.is_some_and(|end| end.job < meant.up_to.0))
                }
            };
            jobs.retain(|job| *job <= meant.up_to.0);
            jobs.truncate(most - seen);
            seen += jobs.len();
            for chunk in jobs.chunks(CHUNK) {
                acted_on.jobs += self.change(order, chunk, chunk.len()).await?;
            }
            if !more {
                break;
            }
        }
        acted_on.left = meant.jobs - acted_on.jobs;
        Ok(acted_on)
    }

    /// Changes up to `most` of these jobs, if their states allow it, in one transaction.
    async fn change(
        &self,
        order: Order<'_>,
        jobs: &[i64],
        most: usize,
    ) -> Result<u64, LedgerError> {
        let mut transaction = self.begin().await?;
        if order.act == JobAct::Requeue {
            locks::tenants_of_jobs(&mut transaction, jobs).await?;
        }
        locks::campaigns_of(&mut transaction, jobs.iter().map(|job| JobId(*job))).await?;
        let mut meant = allowed(&mut transaction, order, jobs).await?;
        meant.truncate(most);
        if meant.is_empty() {
            return Ok(0);
        }
        update(&mut transaction, order, &meant).await?;
        let mut deltas = Deltas::default();
        let mut by_campaign: BTreeMap<CampaignId, u64> = BTreeMap::new();
        for (_, campaign, state, reason) in &meant {
            let campaign = CampaignId(*campaign);
            deltas.moved(campaign, *state, order.act.event(), 1)?;
            if *state == JobState::Dead {
                deltas.add(campaign, JobState::Dead.as_str(), reason, -1);
            }
            if order.act == JobAct::Restore {
                deltas.add(campaign, JobState::Dead.as_str(), reason, 1);
            }
            *by_campaign.entry(campaign).or_default() += 1;
        }
        deltas.write(&mut transaction).await?;
        for (campaign, jobs) in by_campaign {
            match order.act {
                JobAct::Requeue => reopen(&mut transaction, campaign, order).await?,
                JobAct::Discard | JobAct::Restore => {}
                JobAct::Cancel | JobAct::Skip => {
                    end_if_done(&mut transaction, campaign, order.by, order.now).await?;
                }
            }
            let mut detail = json!({ "jobs": jobs });
            if let (Value::Object(detail), Value::Object(selection)) =
                (&mut detail, order.selection)
            {
                detail.extend(selection.clone());
            }
            audit::record(
                &mut transaction,
                order.now,
                order.by,
                Some(campaign),
                event(order.act),
                &detail,
            )
            .await?;
        }
        self.commit(transaction, "act on jobs").await?;
        Ok(meant.len() as u64)
    }
}

const fn event(act: JobAct) -> AuditEvent {
    match act {
        JobAct::Requeue => AuditEvent::Requeued,
        JobAct::Discard => AuditEvent::Discarded,
        JobAct::Restore => AuditEvent::Restored,
        JobAct::Cancel => AuditEvent::JobsCancelled,
        JobAct::Skip => AuditEvent::JobsSkipped,
    }
}

/// Those of these jobs whose state, and whose campaign, allows it.
async fn allowed(
    connection: &mut AnyConnection,
    order: Order<'_>,
    jobs: &[i64],
) -> Result<Vec<Meant>, LedgerError> {
    let dialect = Dialect::of(connection);
    let states: Vec<String> = JobState::sources_of(order.act.event())
        .iter()
        .map(|state| format!("'{state}'"))
        .collect();
    let also = match order.act {
        JobAct::Requeue => {
            let spared = DeadReason::ReassignedMeanwhile;
            let spared = if order.spares {
                format!("AND jobs.reason <> '{spared}'")
            } else {
                String::new()
            };
            // Nor of one that was forgotten: what is left of those goes in a moment.
            format!(
                "AND jobs.campaign_id NOT IN (
                     SELECT id FROM campaigns WHERE status = 'cancelled' OR pruned_at IS NOT NULL
                 )
                 AND NOT {IS_ELSEWHERE}
                 {spared}"
            )
        }
        // What was set aside before it was called has no reason to be dead of.
        JobAct::Restore => {
            let reasons: Vec<String> = DeadReason::ALL
                .iter()
                .map(|reason| format!("'{reason}'"))
                .collect();
            format!("AND jobs.reason IN ({})", reasons.join(", "))
        }
        JobAct::Discard | JobAct::Cancel | JobAct::Skip => String::new(),
    };
    let sql = format!(
        "SELECT {gathered}
         FROM {each} AS meant
         -- In this order: those that are meant are few, the jobs are many.
         CROSS JOIN jobs
         WHERE jobs.id = meant.id
           AND jobs.state IN ({states})
           {also}",
        gathered = dialect.gathered("jobs.id, jobs.campaign_id, jobs.state, jobs.reason"),
        each = dialect.each_id(),
        states = states.join(", ")
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(dialect.numbers(jobs.iter().copied()));
    gathered(query, connection, "look for the jobs meant").await
}

async fn update(
    connection: &mut AnyConnection,
    order: Order<'_>,
    jobs: &[Meant],
) -> Result<(), LedgerError> {
    let changes = match order.act {
        JobAct::Requeue => {
            "state = 'pending', attempts = 0, not_before = $2, finished_at = NULL,
             uncertain = CASE WHEN reason = 'reassigned-meanwhile' THEN 0 ELSE uncertain END,
             steps_done = CASE WHEN reason = 'reassigned-meanwhile' THEN 0 ELSE steps_done END,
             reason = '', message = ''"
        }
        // It ended when it died.
        JobAct::Discard => "state = 'skipped', finished_at = COALESCE(finished_at, $2)",
        JobAct::Restore => "state = 'dead', finished_at = COALESCE(finished_at, $2)",
        JobAct::Cancel => "state = 'cancelled', finished_at = $2, worker = ''",
        JobAct::Skip => "state = 'skipped', finished_at = $2, worker = ''",
    };
    leave_places(connection, jobs).await?;
    let sql = format!(
        "UPDATE job_rows
         SET {changes}
         WHERE id {}",
        Dialect::of(connection).is_named()
    );
    let numbers: Vec<i64> = jobs.iter().map(|(id, ..)| *id).collect();
    let now = order.now.as_millis();
    state_tables::change(connection, &sql, &numbers, "act on jobs", |query| {
        query.bind(now)
    })
    .await?;
    match order.act {
        JobAct::Requeue => {
            let is_taken = DeadReason::ReassignedMeanwhile.as_str();
            let accepted = jobs.iter().filter(|(.., reason)| reason == is_taken);
            let accepted: Vec<i64> = accepted.map(|(id, ..)| *id).collect();
            inventory::go_round_again(connection, &numbers, &accepted).await?;
            judge_anew(connection, &numbers).await?;
            state_tables::become_due(connection, &numbers).await
        }
        JobAct::Restore => state_tables::become_dead(connection, &numbers).await,
        JobAct::Discard | JobAct::Cancel | JobAct::Skip => Ok(()),
    }
}

/// Jobs are no longer where they waited or lay.
async fn leave_places(connection: &mut AnyConnection, jobs: &[Meant]) -> Result<(), LedgerError> {
    let in_state = |state| {
        let jobs = jobs.iter();
        jobs.filter(move |(_, _, is, _)| *is == state)
    };
    let queued: Vec<i64> = in_state(JobState::Queued).map(|(id, ..)| *id).collect();
    if !queued.is_empty() {
        let dialect = Dialect::of(connection);
        let named = format!("id {}", dialect.is_named());
        let queued = dialect.numbers(queued);
        let queued =
            state_tables::in_hand(connection, &named, Renewed::Too, |query| query.bind(queued));
        let queued = queued.await?;
        state_tables::give_back(connection, &queued).await?;
    }
    let mut due: BTreeMap<CampaignId, Vec<i64>> = BTreeMap::new();
    for (id, campaign, ..) in in_state(JobState::Pending).chain(in_state(JobState::Queued)) {
        due.entry(CampaignId(*campaign)).or_default().push(*id);
    }
    for (campaign, jobs) in due {
        state_tables::leave_due(connection, campaign, &jobs).await?;
    }
    let dead = in_state(JobState::Dead)
        .map(|(id, campaign, _, reason)| (*id, CampaignId(*campaign), reason.as_str()));
    state_tables::leave_dead(connection, dead).await
}

/// A campaign that has jobs to be done again has not ended. Where it had, its breaker counts anew, and
/// a pause by the old trip is over: nothing was left that it could hold back.
async fn reopen(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    order: Order<'_>,
) -> Result<(), LedgerError> {
    let row = sqlx::query("SELECT ended_at, status, pause_cause FROM campaigns WHERE id = $1")
        .bind(campaign.0)
        .fetch_one(&mut *connection)
        .await
        .doing("reopen a campaign")?;
    let columns = Columns::of("campaigns", &row);
    if columns.time_if_any("ended_at")?.is_none() {
        return Ok(());
    }
    let is_tripped = columns.get::<String>("status")? == "paused"
        && columns.word_if_any("pause_cause")? == Some(PauseCause::Breaker);
    sqlx::query("UPDATE campaigns SET ended_at = NULL WHERE id = $1")
        .bind(campaign.0)
        .execute(&mut *connection)
        .await
        .doing("reopen a campaign")?;
    breaker::arm(connection, campaign).await?;
    if !is_tripped {
        return Ok(());
    }
    sqlx::query(
        "UPDATE campaigns
         SET status = 'active', status_reason = '', pause_cause = ''
         WHERE id = $1",
    )
    .bind(campaign.0)
    .execute(&mut *connection)
    .await
    .doing("reopen a campaign")?;
    let detail = json!({ "because": "jobs were sent round again after it had ended" });
    let (by, event) = (order.by, AuditEvent::Resumed);
    audit::record(connection, order.now, by, Some(campaign), event, &detail).await
}
