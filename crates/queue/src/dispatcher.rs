//! From the ledger onto the wire.

use std::collections::HashMap;
use std::time::Duration;

use rand::rngs::StdRng;
use repilot_domain::{CampaignId, TenantName, Timestamp, WorkerId};
use repilot_ledger::{
    DispatchRoom, DispatchToken, GroupCommit, GroupCommitError, Ledger, LedgerError,
};

use crate::{Wire, WireError};

/// A dispatch that failed.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The ledger did not take it.
    #[error(transparent)]
    Commit(#[from] GroupCommitError),
    /// The wire failed; what was queued on it is rescued when its lease runs out.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// Puts due jobs on the wire, in a worker's name.
pub struct Dispatcher {
    ledger: Ledger,
    commit: GroupCommit,
    wire: Wire,
    worker: WorkerId,
    lease: Duration,
    /// Source of the dispatches' tokens.
    chance: StdRng,
    turn: usize,
    sighted_only: bool,
    rated: HashMap<CampaignId, usize>,
    survey: Option<Survey>,
}

/// What the ledger knew of a wire that several processes share.
struct Survey {
    at: Timestamp,
    tenants: HashMap<TenantName, Queued>,
}

/// What the ledger knew of a tenant's jobs there, and what has been added since.
#[derive(Debug, Clone, Copy, Default)]
struct Queued {
    jobs: usize,
    /// What this process had claimed of the tenant's jobs by then.
    claimed_then: Option<u64>,
}

/// How far a process's handlers are with a tenant's jobs.
#[derive(Debug, Clone, Copy, Default)]
pub struct TakenUp {
    /// Jobs of which a handler waits for leave.
    pub awaiting: usize,
    /// Jobs that were claimed since the process began.
    pub claimed: u64,
}

/// The most jobs that a transaction dispatches: what workers claim and settle waits for it.
const AT_ONCE: usize = 1_024;

/// How long what the ledger knew is good for. What others have taken from the wire since is dispatched
/// as much later, well before a lane runs dry.
const SURVEY_EVERY: Duration = Duration::from_millis(100);

impl Dispatcher {
    /// A dispatcher whose jobs are the worker's for `lease`, unless renewed. No two may have the same
    /// `chance`, from which the tokens of dispatches come.
    #[must_use]
    pub fn new(
        ledger: Ledger,
        commit: GroupCommit,
        wire: Wire,
        worker: WorkerId,
        lease: Duration,
        chance: StdRng,
    ) -> Self {
        Self {
            ledger,
            commit,
            wire,
            worker,
            lease,
            chance,
            turn: 0,
            rated: HashMap::new(),
            sighted_only: false,
            survey: None,
        }
    }

    /// Learns what other processes have put on the wire and taken from it, where there are any;
    /// called before each round of [`ahead`](Self::ahead) and [`dispatch`](Self::dispatch).
    pub async fn survey(&mut self, now: Timestamp) -> Result<(), DispatchError> {
        let is_recent = |survey: &Survey| survey.at <= now && now.since(survey.at) < SURVEY_EVERY;
        if !self.wire.is_shared() || self.survey.as_ref().is_some_and(is_recent) {
            return Ok(());
        }
        let queued = self.ledger.queued_by_tenant();
        let queued = self.ledger.answered("look at the wire", queued).await?;
        let claimed_then = None;
        let queued = queued
            .into_iter()
            .map(|(tenant, jobs)| (tenant, Queued { jobs, claimed_then }));
        self.survey = Some(Survey {
            at: now,
            tenants: queued.collect(),
        });
        Ok(())
    }

    /// Says how many jobs of each campaign with a ceiling of its own may be on the wire; of one that
    /// is not named here none is dispatched.
    pub fn allow(&mut self, rated: HashMap<CampaignId, usize>) {
        self.rated = rated;
    }

    /// Whether jobs whose devices were seen too long ago stay where they are.
    pub const fn hold_unseen(&mut self, hold: bool) {
        self.sighted_only = hold;
    }

    /// How many of a tenant's jobs are dispatched and not claimed, as far as is known, and with how
    /// far this process's own handlers are.
    #[must_use]
    pub fn ahead(&mut self, tenant: &TenantName, own: TakenUp) -> usize {
        if let Some(waiting) = self.wire.waiting(tenant) {
            return waiting + own.awaiting;
        }
        let Some(survey) = &mut self.survey else {
            return own.awaiting;
        };
        // The ledger counts a job until it is claimed, whoever has it.
        let Some(queued) = survey.tenants.get_mut(tenant) else {
            return 0;
        };
        let then = *queued.claimed_then.get_or_insert(own.claimed);
        let since = usize::try_from(own.claimed.saturating_sub(then)).unwrap_or(usize::MAX);
        queued.jobs.saturating_sub(since)
    }

    /// The most that one of so many tenants should have [`ahead`](Self::ahead).
    #[must_use]
    pub fn share(&self, tenants: usize) -> usize {
        self.wire.share(tenants)
    }

    /// Puts up to `limit` due jobs of a tenant on the wire, and no more than it carries; how many it
    /// were.
    pub async fn dispatch(
        &mut self,
        tenant: &TenantName,
        limit: usize,
        now: Timestamp,
    ) -> Result<usize, DispatchError> {
        // Before the ledger is written to: it would take back what a wire that is down refuses.
        let limit = limit.min(self.wire.room().await?);
        let mut count = 0;
        while count < limit {
            let wanted = AT_ONCE.min(limit - count);
            let dispatched = self.dispatch_some(tenant, wanted, now).await?;
            count += dispatched;
            if dispatched < wanted {
                break;
            }
        }
        Ok(count)
    }

    async fn dispatch_some(
        &mut self,
        tenant: &TenantName,
        limit: usize,
        now: Timestamp,
    ) -> Result<usize, DispatchError> {
        self.turn = self.turn.wrapping_add(1);
        let room = DispatchRoom {
            jobs: limit,
            turn: self.turn,
            rated: self.rated.clone(),
            sighted_only: self.sighted_only,
        };
        let lease_until = now.after(self.lease);
        let token = DispatchToken::random(&mut self.chance);
        let dispatched = self
            .commit
            .dispatch(tenant, (&self.worker, token), room, now, lease_until)
            .await?;
        let count = dispatched.len();
        if let Err(error) = self.wire.push(tenant, &dispatched).await {
            // Nobody knows what has arrived: a claim drops what has, under its old number.
            let recalled = self.ledger.recall(&self.worker);
            self.ledger.answered("recall jobs", recalled).await?;
            return Err(error.into());
        }
        if let Some(survey) = &mut self.survey {
            survey.tenants.entry(tenant.clone()).or_default().jobs += count;
        }
        Ok(count)
    }
}
