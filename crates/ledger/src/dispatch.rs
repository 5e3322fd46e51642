//! Dispatch: due jobs of attended, active campaigns get a new dispatch number and go on the wire.

use std::cmp::Reverse;
use std::collections::HashMap;

use repilot_domain::{
    CampaignId, JobEvent, JobId, JobState, Rate, TenantName, Timestamp, WorkerId,
};
use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::counters::Deltas;
use crate::dialect::{Dialect, tell};
use crate::due_floor::{Floors, Place, START};
use crate::error::QueryContext as _;
use crate::places::Due;
use crate::ready::{DISPATCHABLE, READY, Ready};
use crate::rows::gathered;
use crate::{Ledger, LedgerError, QueuedJob, locks, places};

/// A job that is to go on the wire, where it takes little room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatched {
    /// The job.
    #[serde(rename = "j")]
    pub job: JobId,
    /// The number that its claim must name.
    #[serde(rename = "d")]
    pub dispatch: i64,
    /// Its campaign.
    #[serde(rename = "c")]
    pub campaign: CampaignId,
    /// It is not to be called from then on: its campaign's window closes, or its deadline passes.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Its campaign's own ceiling, which a call of it needs leave of, too.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
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

impl Dispatched {
    /// What a claim of it names.
    #[must_use]
    pub const fn queued(&self) -> QueuedJob {
        QueuedJob {
            campaign: self.campaign,
            job: self.job,
            dispatch: self.dispatch,
        }
    }
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
            transaction.take_back().await;
            return Ok(Vec::new());
        }
        let in_order = self.dialect().along_an_index();
        tell(&mut transaction, in_order, "dispatch jobs").await?;
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
            floors: self.due_floors(),
            reached: Vec::new(),
            left: room.jobs,
            dispatched: Vec::with_capacity(room.jobs),
            deltas: Deltas::default(),
        };
        for equals in campaigns.chunk_by_mut(|a, b| a.priority == b.priority) {
            round.share(&mut transaction, equals).await?;
        }
        let Round {
            dispatched,
            deltas,
            reached,
            ..
        } = round;
        deltas.write(&mut transaction).await?;
        self.commit(transaction, "dispatch jobs").await?;
        for (campaign, place) in reached {
            self.due_floors().reached(campaign, place);
        }
        Ok(dispatched)
    }
}

/// One dispatch, and what it came to so far.
struct Round<'a> {
    worker: &'a WorkerId,
    now: Timestamp,
    lease_until: Timestamp,
    floors: &'a Floors,
    reached: Vec<(CampaignId, Place)>,
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
        let (due, floor) = self.due(connection, campaign, share).await?;
        let Some(last) = due.iter().map(|(job, _, at)| (*at, *job)).max() else {
            return Ok(());
        };
        let worker = &self.worker.0;
        if campaign.takes_the_first() {
            places::leave_due_between(connection, campaign.id, (floor, last), due.len()).await?;
            if Dialect::of(connection) == Dialect::Postgres {
                if floor == START {
                    places::pass_what_left(connection, campaign.id).await?;
                }
                self.reached.push((campaign.id, last));
            }
        } else {
            let jobs: Vec<i64> = due.iter().map(|(job, ..)| *job).collect();
            places::leave_due(connection, campaign.id, &jobs).await?;
        }
        places::enter_hand(connection, campaign.id, &due, worker, self.lease_until).await?;
        start_campaign(connection, campaign.id, self.now).await?;
        let event = JobEvent::Dispatch;
        self.deltas
            .moved(campaign.id, JobState::Pending, event, due.len() as u64)?;
        self.left -= due.len();
        campaign.room -= due.len();
        let queued = due.into_iter().map(|(id, dispatch, _)| Dispatched {
            job: JobId(id),
            dispatch,
            campaign: campaign.id,
            until: campaign.until,
            rate: campaign.rate,
        });
        self.dispatched.extend(queued);
        Ok(())
    }

    /// Some of a campaign's due jobs; where they go out in their order, all that follow on this place.
    async fn due(
        &self,
        connection: &mut AnyConnection,
        campaign: &Ready,
        share: usize,
    ) -> Result<(Vec<Due>, Place), LedgerError> {
        let floor = if campaign.takes_the_first() {
            self.floors.of(campaign.id)
        } else {
            START
        };
        let due = self.due_after(connection, campaign, share, floor).await?;
        if due.len() == share || floor == START {
            return Ok((due, floor));
        }
        let due = self.due_after(connection, campaign, share, START).await?;
        Ok((due, START))
    }

    async fn due_after(
        &self,
        connection: &mut AnyConnection,
        campaign: &Ready,
        share: usize,
        floor: Place,
    ) -> Result<Vec<Due>, LedgerError> {
        let dialect = Dialect::of(connection);
        let gathering = dialect.gathered("id, dispatch, not_before");
        let sql = format!("SELECT {gathering} FROM ({}) AS due", campaign.due());
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(campaign.id.0)
            .bind(self.now.as_millis())
            .bind(i64::try_from(share).unwrap_or(i64::MAX));
        let query = if campaign.takes_the_first() {
            query.bind(floor.0).bind(floor.1)
        } else {
            query
        };
        gathered(query, connection, "look for due jobs").await
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
