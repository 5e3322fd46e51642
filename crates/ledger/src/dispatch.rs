//! Dispatch: due jobs of attended, active campaigns get a new dispatch number and go on the wire.

use std::cmp::Reverse;
use std::collections::HashMap;

use repilot_domain::{
    CampaignId, CanaryPhase, JobEvent, JobId, JobState, Rate, TenantName, Timestamp, WorkerId,
};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::counters::Deltas;
use crate::dialect::Dialect;
use crate::error::QueryContext as _;
use crate::rows::{Columns, batch, gathered};
use crate::{Ledger, LedgerError, controls, locks};

/// A job that is to go on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatched {
    /// The job.
    pub job: JobId,
    /// The number that its claim must name.
    pub dispatch: i64,
    /// Its campaign.
    pub campaign: CampaignId,
    /// It is not to be called from then on: its campaign's window closes, or its deadline passes.
    pub until: Option<Timestamp>,
    /// Its campaign's own ceiling.
    pub rate: Option<Rate>,
}

/// What there is room for.
#[derive(Debug, Clone, Default)]
pub struct DispatchRoom {
    /// So many jobs of the tenant.
    pub jobs: usize,
    /// Changes from call to call, so that what does not divide evenly goes round.
    pub turn: usize,
    /// So many of each campaign that has a ceiling of its own, on the wire at once; none of one that
    /// is not here.
    pub rated: HashMap<CampaignId, usize>,
}

impl From<usize> for DispatchRoom {
    fn from(jobs: usize) -> Self {
        Self {
            jobs,
            ..Self::default()
        }
    }
}

impl Ledger {
    /// Tenants with an open, attended and active campaign that may run now.
    pub async fn tenants_with_work(&self, now: Timestamp) -> Result<Vec<TenantName>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT DISTINCT tenant FROM campaigns
             WHERE ended_at IS NULL
               AND status = 'active'
               AND attended_until > $1
               AND runs_from <= $1
               AND runs_until > $1
               AND canary_phase <> 'choosing'
             ORDER BY tenant",
        )
        .bind(now.as_millis())
        .fetch_all(&mut *reader)
        .await
        .doing("look for work")?;
        rows.iter()
            .map(|row| Columns::of("campaigns", row).word("tenant"))
            .collect()
    }

    /// How many jobs of each tenant are dispatched and not claimed, from the counters.
    pub async fn queued_by_tenant(&self) -> Result<HashMap<TenantName, usize>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT campaigns.tenant, CAST(SUM(counters.value) AS BIGINT) AS queued
             FROM counters
             JOIN campaigns ON campaigns.id = counters.campaign_id
             WHERE counters.name = 'queued'
               AND campaigns.ended_at IS NULL
             GROUP BY campaigns.tenant",
        )
        .fetch_all(&mut *reader)
        .await
        .doing("count queued jobs")?;
        rows.iter()
            .map(|row| {
                let columns = Columns::of("counters", row);
                let queued: i64 = columns.get("queued")?;
                Ok((
                    columns.word("tenant")?,
                    usize::try_from(queued).unwrap_or(0),
                ))
            })
            .collect()
    }

    /// Queues as many due jobs of a tenant as there is room for: those of its campaigns of the highest
    /// priority first, shared fairly among equals.
    pub async fn dispatch(
        &self,
        tenant: &TenantName,
        worker: &WorkerId,
        room: &DispatchRoom,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<Dispatched>, LedgerError> {
        let mut transaction = self.begin().await?;
        let rows = locks::campaign_rows_where(&mut transaction, READY, DISPATCHABLE, |query| {
            query.bind(tenant.as_str()).bind(now.as_millis())
        })
        .await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut campaigns = rows
            .iter()
            .map(Ready::read)
            .collect::<Result<Vec<_>, _>>()?;
        let first = room.turn % campaigns.len();
        campaigns.rotate_left(first);
        campaigns.sort_by_key(|campaign| Reverse(campaign.priority));
        for campaign in campaigns
            .iter_mut()
            .filter(|campaign| campaign.rate.is_some())
        {
            let most = room.rated.get(&campaign.id).copied().unwrap_or(0);
            let queued = queued_of(&mut transaction, campaign.id).await?;
            campaign.room = most.saturating_sub(queued);
        }
        let mut round = Round {
            worker,
            now,
            lease_until,
            left: room.jobs,
            dispatched: Vec::with_capacity(room.jobs),
            deltas: Deltas::default(),
        };
        for equals in campaigns.chunk_by_mut(|a, b| a.priority == b.priority) {
            round.share(&mut transaction, equals).await?;
        }
        let Round {
            dispatched, deltas, ..
        } = round;
        deltas.write(&mut transaction).await?;
        self.commit(transaction, "dispatch jobs").await?;
        Ok(dispatched)
    }

    /// When the next pending job of an attended, active campaign of the tenant is due.
    pub async fn next_due(
        &self,
        tenant: &TenantName,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, LedgerError> {
        let mut reader = self.reader().await?;
        let sql = format!("SELECT {READY} FROM campaigns WHERE {DISPATCHABLE} ORDER BY id");
        let campaigns = sqlx::query(AssertSqlSafe(sql))
            .bind(tenant.as_str())
            .bind(now.as_millis())
            .fetch_all(&mut *reader)
            .await
            .doing("look for campaigns")?;
        let mut earliest: Option<i64> = None;
        for campaign in &campaigns {
            let campaign = Ready::read(campaign)?;
            let sql = if campaign.canary_is_running {
                "SELECT MIN(jobs.not_before) AS due
                 FROM canary_jobs
                 CROSS JOIN jobs
                 WHERE canary_jobs.campaign_id = $1
                   AND jobs.id = canary_jobs.job_id
                   AND jobs.state = 'pending'"
            } else {
                "SELECT MIN(not_before) AS due FROM due_jobs WHERE campaign_id = $1"
            };
            let row = sqlx::query(sql)
                .bind(campaign.id.0)
                .fetch_one(&mut *reader)
                .await
                .doing("look for due jobs")?;
            let due: Option<i64> = row.try_get("due").doing("look for due jobs")?;
            earliest = match (earliest, due) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        Ok(earliest.map(Timestamp::from_millis))
    }

    /// Since when the job of each open campaign has been due that has been due longest.
    pub async fn oldest_due(
        &self,
        now: Timestamp,
    ) -> Result<Vec<(CampaignId, Timestamp)>, LedgerError> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT id, due FROM (
                 SELECT id,
                        (SELECT MIN(not_before) FROM due_jobs
                         WHERE due_jobs.campaign_id = campaigns.id) AS due
                 FROM campaigns
                 WHERE ended_at IS NULL
             ) AS waiting
             WHERE due <= $1
             ORDER BY id",
        )
        .bind(now.as_millis())
        .fetch_all(&mut *reader)
        .await
        .doing("look for what has been due longest")?;
        rows.iter()
            .map(|row| {
                let columns = Columns::of("campaigns", row);
                Ok((CampaignId(columns.get("id")?), columns.time("due")?))
            })
            .collect()
    }
}

/// The campaigns of a tenant that may go on; takes the tenant and the time.
const DISPATCHABLE: &str = "tenant = $1
           AND ended_at IS NULL
           AND status = 'active'
           AND attended_until > $2
           AND runs_from <= $2
           AND runs_until > $2
           AND canary_phase <> 'choosing'";

/// What is read of those.
const READY: &str = "id, priority, canary_phase, rate, runs_until";

/// A campaign that may go on.
struct Ready {
    id: CampaignId,
    priority: i64,
    canary_is_running: bool,
    rate: Option<Rate>,
    until: Option<Timestamp>,
    /// How many of its jobs may go out.
    room: usize,
}

impl Ready {
    fn read(row: &AnyRow) -> Result<Self, LedgerError> {
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
    fn due(&self, dialect: Dialect) -> String {
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

/// One dispatch, and what it came to so far.
struct Round<'a> {
    worker: &'a WorkerId,
    now: Timestamp,
    lease_until: Timestamp,
    left: usize,
    dispatched: Vec<Dispatched>,
    deltas: Deltas,
}

impl Round<'_> {
    /// A first turn gives each campaign its share; a second gives away what some did not need.
    async fn share(
        &mut self,
        connection: &mut AnyConnection,
        equals: &mut [Ready],
    ) -> Result<(), LedgerError> {
        let turns = if equals.len() == 1 { 1 } else { 2 };
        for turn in 0..turns {
            let count = equals.len();
            for (index, campaign) in equals.iter_mut().enumerate() {
                let share = if turn == 0 {
                    self.left.div_ceil(count - index)
                } else {
                    self.left
                };
                let share = share.min(campaign.room);
                if share > 0 {
                    self.queue(connection, campaign, share).await?;
                }
            }
        }
        Ok(())
    }

    async fn queue(
        &mut self,
        connection: &mut AnyConnection,
        campaign: &mut Ready,
        share: usize,
    ) -> Result<(), LedgerError> {
        let due = if Dialect::of(connection).gathers_updates() {
            self.take(connection, campaign, share).await?
        } else {
            let due = self.due(connection, campaign, share).await?;
            self.mark_queued(connection, &due).await?;
            due
        };
        if due.is_empty() {
            return Ok(());
        }
        start_campaign(connection, campaign.id, self.now).await?;
        let event = JobEvent::Dispatch;
        self.deltas
            .moved(campaign.id, JobState::Pending, event, due.len() as u64)?;
        self.left -= due.len();
        campaign.room -= due.len();
        let queued = due.into_iter().map(|(id, dispatch)| Dispatched {
            job: JobId(id),
            dispatch,
            campaign: campaign.id,
            until: campaign.until,
            rate: campaign.rate,
        });
        self.dispatched.extend(queued);
        Ok(())
    }

    /// Queues due jobs, and gathers them with the number of their dispatch.
    async fn take(
        &self,
        connection: &mut AnyConnection,
        campaign: &Ready,
        share: usize,
    ) -> Result<Vec<(i64, i64)>, LedgerError> {
        let dialect = Dialect::of(connection);
        // Their ids as an array: each is found by its number, however many there may seem to be.
        let sql = format!(
            "WITH queued AS (
                 UPDATE jobs
                 SET state = 'queued', dispatch = dispatch + 1, worker = $4, lease_until = $5
                 WHERE id = ANY (ARRAY(SELECT id FROM ({due}) AS due))
                   AND {state} = 'pending'
                 RETURNING id, dispatch
             )
             SELECT {gathering} FROM queued",
            due = campaign.due(dialect),
            state = dialect.of_found("state"),
            gathering = dialect.gathered("id, dispatch"),
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(campaign.id.0)
            .bind(self.now.as_millis())
            .bind(i64::try_from(share).unwrap_or(i64::MAX))
            .bind(&self.worker.0)
            .bind(self.lease_until.as_millis());
        gathered(query, connection, "dispatch jobs").await
    }

    /// Some of a campaign's due jobs, with the number of their next dispatch.
    async fn due(
        &self,
        connection: &mut AnyConnection,
        campaign: &Ready,
        share: usize,
    ) -> Result<Vec<(i64, i64)>, LedgerError> {
        let dialect = Dialect::of(connection);
        let gathering = dialect.gathered("id, dispatch");
        let sql = format!("SELECT {gathering} FROM ({}) AS due", campaign.due(dialect));
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(campaign.id.0)
            .bind(self.now.as_millis())
            .bind(i64::try_from(share).unwrap_or(i64::MAX));
        gathered(query, connection, "look for due jobs").await
    }

    async fn mark_queued(
        &self,
        connection: &mut AnyConnection,
        due: &[(i64, i64)],
    ) -> Result<(), LedgerError> {
        if due.is_empty() {
            return Ok(());
        }
        let dialect = Dialect::of(connection);
        let sql = format!(
            "UPDATE jobs
             SET state = 'queued', dispatch = dispatch + 1, worker = $2, lease_until = $3
             WHERE {state} = 'pending'
               AND id IN (SELECT id FROM {each} AS due)",
            state = dialect.of_found("state"),
            each = dialect.each_id()
        );
        let queued = sqlx::query(AssertSqlSafe(sql))
            .bind(batch(due.iter().map(|(id, _)| *id))?)
            .bind(&self.worker.0)
            .bind(self.lease_until.as_millis())
            .execute(connection)
            .await
            .doing("dispatch jobs")?;
        if queued.rows_affected() == due.len() as u64 {
            Ok(())
        } else {
            Err(LedgerError::Contended)
        }
    }
}

/// How many jobs of a campaign are on the wire.
async fn queued_of(
    connection: &mut AnyConnection,
    campaign: CampaignId,
) -> Result<usize, LedgerError> {
    let queued: i64 = sqlx::query(
        "SELECT CAST(COALESCE(SUM(value), 0) AS BIGINT) AS queued FROM counters
         WHERE campaign_id = $1 AND name = 'queued'",
    )
    .bind(campaign.0)
    .fetch_one(connection)
    .await
    .and_then(|row| row.try_get("queued"))
    .doing("count queued jobs")?;
    Ok(usize::try_from(queued).unwrap_or(0))
}

/// Its first jobs go out.
async fn start_campaign(
    connection: &mut AnyConnection,
    campaign: CampaignId,
    now: Timestamp,
) -> Result<(), LedgerError> {
    sqlx::query("UPDATE campaigns SET started_at = $2 WHERE id = $1 AND started_at IS NULL")
        .bind(campaign.0)
        .bind(now.as_millis())
        .execute(connection)
        .await
        .doing("start a campaign")?;
    Ok(())
}
