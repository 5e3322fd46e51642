//! Dispatch: due jobs of attended, active campaigns get a new dispatch number and go on the wire.

use std::cmp::Reverse;
use std::collections::HashMap;

use repilot_domain::{
    CampaignId, JobEvent, JobId, JobState, Rate, TenantName, Timestamp, WorkerId,
};
use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::drain::dispatchable::{READY, Ready, dispatchable};
use crate::error::QueryContext as _;
use crate::jobs::counters::Deltas;
use crate::jobs::due_cursor::{DueCursors, Place, START};
use crate::jobs::state_tables::{self, Due, Hand};
use crate::storage::dialect::{Dialect, tell};
use crate::storage::locks;
use crate::storage::rows::gathered;
use crate::{ClaimKey, DispatchToken, Ledger, LedgerError, SightingRule};

/// A job that is to go on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OnTheWire", into = "OnTheWire")]
pub struct Dispatched {
    /// What its claim must name.
    pub key: ClaimKey,
    /// It is not to be called from then on: its campaign's window closes, or its deadline passes.
    pub until: Option<Timestamp>,
    /// Its campaign's own ceiling, which a call of it needs leave of, too.
    pub rate: Option<Rate>,
    /// How its device is to be seen before it is called; none where nothing is asked.
    pub sighting: Option<SightingRule>,
    /// Whether its device is looked at and nothing is called: its campaign was paused or cancelled while
    /// a call of it may have taken effect.
    pub looks_only: bool,
}

/// The same in little room. What older programs send has no token.
#[derive(Serialize, Deserialize)]
struct OnTheWire {
    #[serde(rename = "j")]
    job: JobId,
    #[serde(rename = "d")]
    dispatch: i64,
    #[serde(rename = "c")]
    campaign: CampaignId,
    #[serde(rename = "t", default)]
    token: DispatchToken,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    rate: Option<Rate>,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    sighting: Option<SightingRule>,
    #[serde(rename = "l", default, skip_serializing_if = "std::ops::Not::not")]
    looks_only: bool,
}

impl From<OnTheWire> for Dispatched {
    fn from(sent: OnTheWire) -> Self {
        Self {
            key: ClaimKey {
                job: sent.job,
                dispatch: sent.dispatch,
                campaign: sent.campaign,
                token: sent.token,
            },
            until: sent.until,
            rate: sent.rate,
            sighting: sent.sighting,
            looks_only: sent.looks_only,
        }
    }
}

impl From<Dispatched> for OnTheWire {
    fn from(dispatched: Dispatched) -> Self {
        let Dispatched {
            key,
            until,
            rate,
            sighting,
            looks_only,
        } = dispatched;
        Self {
            job: key.job,
            dispatch: key.dispatch,
            campaign: key.campaign,
            token: key.token,
            until,
            rate,
            sighting,
            looks_only,
        }
    }
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
    /// None of those whose devices were seen too long ago: a listing is to show them first.
    pub sighted_only: bool,
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
    /// priority first, shared fairly among equals. Their claims must show `token`, which is new with
    /// each call.
    pub async fn dispatch(
        &self,
        tenant: &TenantName,
        (worker, token): (&WorkerId, DispatchToken),
        room: &DispatchRoom,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<Dispatched>, LedgerError> {
        let mut round = Round {
            worker,
            token,
            now,
            lease_until,
            floors: self.due_floors(),
            reached: Vec::new(),
            left: room.jobs,
            dispatched: Vec::with_capacity(room.jobs),
            deltas: Deltas::default(),
        };
        let mut transaction = self.begin().await?;
        let gone_round = round.go(&mut transaction, tenant, room).await;
        let Round {
            dispatched,
            reached,
            ..
        } = round;
        if gone_round.is_err() || dispatched.is_empty() {
            transaction.take_back().await;
            return gone_round.map(|()| dispatched);
        }
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
    token: DispatchToken,
    now: Timestamp,
    lease_until: Timestamp,
    floors: &'a DueCursors,
    reached: Vec<(CampaignId, Place)>,
    left: usize,
    dispatched: Vec<Dispatched>,
    deltas: Deltas,
}

impl Round<'_> {
    /// Takes in hand what there is room for, and counts it.
    async fn go(
        &mut self,
        connection: &mut AnyConnection,
        tenant: &TenantName,
        room: &DispatchRoom,
    ) -> Result<(), LedgerError> {
        let rows = locks::campaign_rows_where(connection, READY, &dispatchable(), |query| {
            query.bind(tenant.as_str()).bind(self.now.as_millis())
        })
        .await?;
        if rows.is_empty() {
            return Ok(());
        }
        let mut campaigns = rows
            .iter()
            .map(Ready::read)
            .collect::<Result<Vec<_>, _>>()?;
        if room.sighted_only {
            let now = self.now;
            campaigns.retain(|campaign| {
                let is_stale = campaign.sighting.is_some_and(|rule| rule.is_stale(now));
                campaign.looks_only || !is_stale
            });
            if campaigns.is_empty() {
                return Ok(());
            }
        }
        let in_order = Dialect::of(connection).along_an_index();
        tell(connection, in_order, "dispatch jobs").await?;
        let first = room.turn % campaigns.len();
        campaigns.rotate_left(first);
        campaigns.sort_by_key(|campaign| Reverse(campaign.priority));
        for campaign in campaigns
            .iter_mut()
            .filter(|campaign| campaign.rate.is_some())
        {
            let most = room.rated.get(&campaign.id).copied().unwrap_or(0);
            let queued = queued_of(connection, campaign.id).await?;
            campaign.room = most.saturating_sub(queued);
        }
        for equals in campaigns.chunk_by_mut(|a, b| a.priority == b.priority) {
            self.share(connection, equals).await?;
        }
        std::mem::take(&mut self.deltas).write(connection).await
    }

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
        let due = match Dialect::of(connection) {
            Dialect::Postgres if campaign.takes_the_first() => {
                self.take_the_first(connection, campaign, share).await?
            }
            Dialect::Sqlite | Dialect::Postgres => self.take(connection, campaign, share).await?,
        };
        if due.is_empty() {
            return Ok(());
        }
        if !campaign.looks_only {
            start_campaign(connection, campaign.id, self.now).await?;
        }
        let event = JobEvent::Dispatch;
        self.deltas
            .moved(campaign.id, JobState::Pending, event, due.len() as u64)?;
        self.left -= due.len();
        campaign.room -= due.len();
        let queued = due.into_iter().map(|(id, dispatch, _)| Dispatched {
            key: ClaimKey {
                job: JobId(id),
                dispatch,
                campaign: campaign.id,
                token: self.token,
            },
            until: campaign.until,
            rate: campaign.rate,
            sighting: campaign.sighting,
            looks_only: campaign.looks_only,
        });
        self.dispatched.extend(queued);
        Ok(())
    }

    /// Who takes jobs in hand, and for how long.
    fn hand(&self) -> Hand<'_> {
        Hand {
            worker: &self.worker.0,
            token: self.token,
            lease_until: self.lease_until,
        }
    }

    /// Takes some of a campaign's due jobs in hand.
    async fn take(
        &self,
        connection: &mut AnyConnection,
        campaign: &Ready,
        share: usize,
    ) -> Result<Vec<Due>, LedgerError> {
        let gathering = Dialect::of(connection).gathered("id, dispatch, not_before");
        let sql = format!("SELECT {gathering} FROM ({}) AS due", campaign.due());
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(campaign.id.0)
            .bind(self.now.as_millis())
            .bind(i64::try_from(share).unwrap_or(i64::MAX));
        let due: Vec<Due> = gathered(query, connection, "look for due jobs").await?;
        if campaign.takes_the_first() {
            if let Some(last) = due.iter().map(place).max() {
                state_tables::leave_due_until(connection, campaign.id, last, due.len()).await?;
            }
        } else {
            let jobs: Vec<i64> = due.iter().map(|(job, ..)| *job).collect();
            state_tables::leave_due(connection, campaign.id, &jobs).await?;
        }
        state_tables::enter_hand(connection, campaign.id, &due, self.hand()).await?;
        Ok(due)
    }

    /// Takes those in hand that have been due longest, in PostgreSQL: all that follow on the place where
    /// this process left off, and what was put back before it where they are too few.
    async fn take_the_first(
        &mut self,
        connection: &mut AnyConnection,
        campaign: &Ready,
        share: usize,
    ) -> Result<Vec<Due>, LedgerError> {
        let hand = self.hand();
        let mut floor = self.floors.of(campaign.id);
        let (id, now) = (campaign.id, self.now);
        let mut due =
            state_tables::take_the_first(connection, id, floor, (now, share), hand).await?;
        let mut reached = due.last().map(place);
        if due.len() < share && floor != START {
            floor = START;
            let more = share - due.len();
            let before =
                state_tables::take_the_first(connection, id, floor, (now, more), hand).await?;
            // There may be more of them behind the last.
            reached = before.last().map(place).or(reached);
            due.splice(..0, before);
        }
        if let Some(place) = reached {
            if floor == START {
                state_tables::pass_what_left(connection, id).await?;
            }
            self.reached.push((id, place));
        }
        Ok(due)
    }
}

fn place(due: &Due) -> Place {
    (due.2, due.0)
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
