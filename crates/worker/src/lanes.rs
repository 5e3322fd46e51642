//! The tenants whose lanes this process holds.
//!
//! Where the budget lives in one process, two processes that called one tenant would overrun it.
//! So a lane is held by a lease in the ledger; it is begun with what the ledger knows of the
//! tenant's recent calls, and it is not used a moment longer than the lease.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use repilot_domain::{CampaignId, Clock, LaneKind, TenantName, Timestamp, WithCauses, WorkerId};
use repilot_graph::{Call, GraphClient, GraphError};
use repilot_ledger::{Gate, LaneState, Ledger, LedgerError, RatedCampaign, RecentCall};
use repilot_throttle::{
    Answer, CallHistory, GateCause, GateState, Lane, LaneSeed, LaneSettings, LaneSnapshot,
    SeededCall, SharedBudgets,
};

use crate::TenantDirectory;
use crate::ceilings::Ceilings;
use crate::lease::LEASE;
use crate::outage::Outage;
use crate::strangers::Strangers;

/// A tenant and how it is called.
#[derive(Clone)]
pub struct Tenant {
    /// Its name in the settings.
    pub name: TenantName,
    /// Its client.
    pub client: GraphClient,
    /// What it grants, as far as the settings know.
    pub writes: LaneSettings,
    /// The same for reads.
    pub reads: LaneSettings,
    /// Which Graph and which tenant id the name stands for: a listing of another is not its own.
    pub source: String,
    /// Which reading of the settings it is of: another one replaces it.
    pub revision: u64,
}

/// A tenant whose lane is held.
pub struct TenantLanes {
    pub(crate) tenant: Tenant,
    /// The budget of writes.
    pub writes: Lane,
    /// The budget of reads.
    pub reads: Lane,
    pub(crate) outage: Outage,
    pub(crate) strangers: Strangers,
    /// Of those of its campaigns that have one.
    pub(crate) ceilings: Arc<Ceilings>,
    /// Handlers that wait for leave.
    pub(crate) awaiting: AtomicUsize,
    /// Jobs that handlers have claimed.
    pub(crate) claimed: AtomicU64,
    held_until: AtomicI64,
    /// The ledger knows already that nothing happens here.
    told_quiet: AtomicBool,
}

/// Where a throttle names no time, calls of the other budget wait for as long.
const OTHER_BUDGET_WAITS: Duration = Duration::from_secs(1);

impl TenantLanes {
    /// What an answer tells the lanes: a throttle of one budget closes the other's gate, too.
    pub(crate) fn heard<T>(
        &self,
        kind: LaneKind,
        Call { record, result }: &Call<T>,
        now: Timestamp,
    ) -> Answer {
        let is_out = matches!(
            result,
            Err(GraphError::Unreachable | GraphError::NoToken { .. })
        );
        if !is_out {
            self.outage.reached();
        }
        match result {
            // A refusal of one device went through the throttle as a success does.
            Ok(_) | Err(GraphError::NotFound | GraphError::Rejected) => Answer::Accepted,
            Err(GraphError::Throttled { retry_after }) => {
                let other = match kind {
                    LaneKind::Writes => &self.reads,
                    LaneKind::Reads => &self.writes,
                };
                other.hold(retry_after.unwrap_or(OTHER_BUDGET_WAITS));
                Answer::Throttled {
                    retry_after: *retry_after,
                }
            }
            Err(error @ (GraphError::Unreachable | GraphError::NoToken { .. })) => {
                let why = match &record.message {
                    Some(message) => format!("{error}: {message}"),
                    None => error.to_string(),
                };
                if let Some(hold) = self.outage.unreachable(&why, now) {
                    tracing::warn!(
                        tenant = %self.tenant.name,
                        hold_seconds = hold.as_secs(),
                        why,
                        "no call gets out; holding the tenant's lane"
                    );
                }
                Answer::NotSent
            }
            Err(
                GraphError::Unauthorized
                | GraphError::Systemic(_)
                | GraphError::Transient { .. }
                | GraphError::Ambiguous { .. }
                | GraphError::Foreign(_)
                | GraphError::Unreadable
                | GraphError::NoCollection(_)
                | GraphError::LinkForgotten,
            ) => Answer::Failed,
        }
    }

    /// How many calls may leave, whatever the budget grants, while Graph does not answer.
    pub(crate) fn cap(&self, now: Timestamp) -> usize {
        self.outage.cap(now).min(self.strangers.cap(now))
    }

    /// The same lanes for the tenant as other settings have it.
    fn under(&self, tenant: &Tenant, held_until: i64) -> Self {
        Self {
            writes: self.writes.clone(),
            reads: self.reads.clone(),
            tenant: tenant.clone(),
            outage: Outage::default(),
            strangers: Strangers::default(),
            ceilings: Arc::clone(&self.ceilings),
            awaiting: AtomicUsize::new(0),
            claimed: AtomicU64::new(0),
            held_until: AtomicI64::new(held_until),
            told_quiet: AtomicBool::new(false),
        }
    }

    /// Whether no write leaves just now.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.writes.snapshot().gate, GateState::Closed { .. })
    }

    fn is_held(&self, now: Timestamp) -> bool {
        self.held_until.load(Ordering::Relaxed) > now.as_millis()
    }
}

/// What a lane that was learnt in another process is worth: after so long, nothing.
const LEARNT_IS_WORTH: Duration = Duration::from_mins(10);

/// The lanes of a process.
pub struct Lanes {
    held: RwLock<HashMap<TenantName, Arc<TenantLanes>>>,
    /// Tenants that this process leaves to others.
    left: RwLock<HashSet<TenantName>>,
    /// The budgets that all processes draw on, where there are any: then nobody holds a lane, and
    /// every process has it.
    budgets: Option<SharedBudgets>,
    clock: Arc<dyn Clock>,
}

/// A lane that is shared is not lost.
const FOR_EVER: i64 = i64::MAX;

impl Lanes {
    pub(crate) fn new(budgets: Option<SharedBudgets>, clock: Arc<dyn Clock>) -> Self {
        Self {
            held: RwLock::default(),
            left: RwLock::default(),
            budgets,
            clock,
        }
    }

    /// A tenant's lanes, if they are held.
    #[must_use]
    pub fn get(&self, tenant: &TenantName, now: Timestamp) -> Option<Arc<TenantLanes>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let lanes = held.get(tenant)?;
        lanes.is_held(now).then(|| Arc::clone(lanes))
    }

    /// Whether this process takes part in calling a tenant, or leaves it to others.
    pub(crate) fn take_part(&self, tenant: &TenantName, takes_part: bool) {
        let mut left = self.left.write().unwrap_or_else(PoisonError::into_inner);
        if takes_part {
            left.remove(tenant);
        } else {
            left.insert(tenant.clone());
            // Should others hold lanes of their own, they get this one when its lease runs out.
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            held.remove(tenant);
        }
    }

    fn is_left(&self, tenant: &TenantName) -> bool {
        let left = self.left.read().unwrap_or_else(PoisonError::into_inner);
        left.contains(tenant)
    }

    fn all(&self) -> Vec<Arc<TenantLanes>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.values().map(Arc::clone).collect()
    }

    /// Takes or renews the lanes of these tenants, as far as the directory has them and nobody else
    /// holds them; how many it holds.
    pub(crate) async fn hold_all(
        &self,
        ledger: &Ledger,
        directory: &dyn TenantDirectory,
        worker: &WorkerId,
        tenants: &[TenantName],
        now: Timestamp,
    ) -> Result<usize, LedgerError> {
        let mut held = 0;
        let mut failed = None;
        for name in tenants {
            if self.is_left(name) {
                continue;
            }
            let Some(tenant) = directory.tenant(name) else {
                continue;
            };
            let until = now.after(LEASE);
            let lane = self.hold(ledger, &tenant, worker, now, until);
            match ledger.answered("hold a lane", lane).await {
                Ok(None) => held += 1,
                Ok(Some(other)) => {
                    tracing::debug!(tenant = %name, worker = %other, "another worker holds the tenant's lane");
                }
                // The ledger is away, for every tenant.
                Err(error) if error.is_passing() => return Err(error),
                // What is wrong with one tenant keeps no other from its lane.
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(held), Err)
    }

    /// Takes or renews a tenant's lanes; who else holds them, if somebody does.
    async fn hold(
        &self,
        ledger: &Ledger,
        tenant: &Tenant,
        worker: &WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<WorkerId>, LedgerError> {
        let held_until = if self.budgets.is_some() {
            FOR_EVER
        } else {
            let hold = ledger.hold_lane(&tenant.name, worker, now, until).await?;
            if hold.owner != *worker {
                let mut map = self.held.write().unwrap_or_else(PoisonError::into_inner);
                map.remove(&tenant.name);
                return Ok(Some(hold.owner));
            }
            until.as_millis()
        };
        let known = {
            let map = self.held.read().unwrap_or_else(PoisonError::into_inner);
            map.get(&tenant.name).map(Arc::clone)
        };
        // One that lapsed may have been another's in the meantime, and its quota with it.
        if let Some(known) = known.filter(|lanes| lanes.is_held(now)) {
            known.held_until.store(held_until, Ordering::Relaxed);
            if known.tenant.revision != tenant.revision {
                let mut map = self.held.write().unwrap_or_else(PoisonError::into_inner);
                map.insert(
                    tenant.name.clone(),
                    Arc::new(known.under(tenant, held_until)),
                );
            }
            return Ok(None);
        }
        let budgets = self.budgets.as_ref();
        let writes = history(ledger, tenant, Arc::clone(&self.clock));
        let writes = begin(ledger, budgets, tenant, LaneKind::Writes, Some(writes), now);
        let begun = Arc::new(TenantLanes {
            writes: writes.await?,
            // The pages of a listing are on no record.
            reads: begin(ledger, budgets, tenant, LaneKind::Reads, None, now).await?,
            tenant: tenant.clone(),
            outage: Outage::default(),
            strangers: Strangers::default(),
            ceilings: Arc::default(),
            awaiting: AtomicUsize::new(0),
            claimed: AtomicU64::new(0),
            held_until: AtomicI64::new(held_until),
            told_quiet: AtomicBool::new(false),
        });
        let mut map = self.held.write().unwrap_or_else(PoisonError::into_inner);
        match map.get(&tenant.name) {
            // Keeper and feeder came at the same time: calls may have left by the first already.
            Some(first) if first.is_held(now) => {}
            _ => {
                map.insert(tenant.name.clone(), begun);
            }
        }
        Ok(None)
    }

    /// Knows from now on the ceilings of these campaigns, as far as their tenants' lanes are held.
    pub(crate) async fn learn_ceilings(
        &self,
        ledger: &Ledger,
        rated: &[RatedCampaign],
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        for lanes in self.all().iter().filter(|lanes| lanes.is_held(now)) {
            let of_tenant: Vec<&RatedCampaign> = rated
                .iter()
                .filter(|campaign| campaign.tenant == lanes.tenant.name)
                .collect();
            let budgets = self.budgets.as_ref();
            let learnt = lanes
                .ceilings
                .learn(ledger, budgets, &of_tenant, &self.clock);
            learnt.await?;
        }
        Ok(())
    }

    /// How many calls of each campaign that has a ceiling could leave within that time.
    pub(crate) fn ceilings(&self, within: Duration) -> HashMap<CampaignId, usize> {
        let lanes = self.all();
        let forecasts = lanes
            .iter()
            .flat_map(|lanes| lanes.ceilings.forecasts(within));
        forecasts.collect()
    }

    /// Calls under way.
    pub(crate) fn in_flight(&self) -> i64 {
        let lanes = self.all();
        let calls = lanes.iter().map(|lanes| {
            let (writes, reads) = (lanes.writes.snapshot(), lanes.reads.snapshot());
            i64::from(writes.in_flight) + i64::from(reads.in_flight)
        });
        calls.sum()
    }

    /// What every lane says of itself, for the ledger; one where nothing happens says so once.
    pub(crate) fn states(&self, now: Timestamp) -> Vec<LaneState> {
        let mut states = Vec::new();
        for lanes in self.all() {
            let name = &lanes.tenant.name;
            let mut writes = state(name, LaneKind::Writes, &lanes.writes.snapshot(), now);
            if let Some(until) = lanes.outage.held_until(now) {
                writes.gate = Gate::Unreachable;
                writes.gate_until = Some(until);
                writes.gate_reason = lanes.outage.why();
            }
            if let Some((until, over)) = lanes.strangers.held(now) {
                writes.gate = Gate::Unreachable;
                writes.gate_until = Some(until);
                writes.gate_reason = over;
            }
            let reads = state(name, LaneKind::Reads, &lanes.reads.snapshot(), now);
            let quiet = [&writes, &reads]
                .iter()
                .all(|state| state.used == 0 && state.gate == Gate::Open);
            if lanes.told_quiet.swap(quiet, Ordering::Relaxed) && quiet {
                continue;
            }
            states.push(writes);
            states.push(reads);
        }
        states
    }
}

/// A tenant's lane of reads that knows what the ledger knows, for a listing.
pub async fn reads_lane(
    ledger: &Ledger,
    budgets: Option<&SharedBudgets>,
    tenant: &Tenant,
    now: Timestamp,
) -> Result<Lane, LedgerError> {
    begin(ledger, budgets, tenant, LaneKind::Reads, None, now).await
}

/// What the ledger knows of a tenant's writes, whenever it is asked: each is claimed there before
/// it leaves.
fn history(ledger: &Ledger, tenant: &Tenant, clock: Arc<dyn Clock>) -> CallHistory {
    let (ledger, name, window) = (ledger.clone(), tenant.name.clone(), tenant.writes.window);
    Arc::new(move || {
        let (ledger, name, now) = (ledger.clone(), name.clone(), clock.now());
        Box::pin(async move {
            let since = now.before(window);
            let calls = ledger.recent_calls(&name, LaneKind::Writes, since, now);
            match calls.await {
                Ok(calls) => Some(seeded(&calls, now)),
                Err(error) => {
                    tracing::warn!(
                        tenant = %name,
                        error = %WithCauses(&error),
                        "the ledger did not say which calls left lately"
                    );
                    None
                }
            }
        })
    })
}

fn seeded(calls: &[RecentCall], now: Timestamp) -> Vec<SeededCall> {
    let seeded = |call: &RecentCall| SeededCall {
        answered_ago: now.since(call.ended_at),
        throttled: call.throttled,
    };
    calls.iter().map(seeded).collect()
}

/// A lane that knows what the ledger knows.
async fn begin(
    ledger: &Ledger,
    budgets: Option<&SharedBudgets>,
    tenant: &Tenant,
    kind: LaneKind,
    history: Option<CallHistory>,
    now: Timestamp,
) -> Result<Lane, LedgerError> {
    let settings = match kind {
        LaneKind::Writes => tenant.writes,
        LaneKind::Reads => tenant.reads,
    };
    let since = now.before(settings.window);
    let recent = ledger.recent_calls(&tenant.name, kind, since, now).await?;
    let states = ledger.lane_states().await?;
    let left = states
        .iter()
        .find(|state| state.tenant == tenant.name && state.kind == kind)
        .filter(|state| now.since(state.updated_at) < LEARNT_IS_WORTH);
    let learnt = left.and_then(|state| state.learnt_limit);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a limit that this program wrote"
    )]
    let learnt_limit = learnt.map(|limit| limit as u32);
    let closed_until = left
        .filter(|state| state.gate == Gate::Closed)
        .and_then(|state| state.gate_until);
    let seed = LaneSeed {
        recent: seeded(&recent, now),
        learnt_limit,
        gate_closed_for: closed_until
            .map(|until| until.since(now))
            .filter(|remaining| !remaining.is_zero()),
    };
    let rng = Box::new(StdRng::from_rng(&mut rand::rng()));
    Ok(match budgets {
        Some(budgets) => {
            let name = format!("{}:{}", tenant.name, kind.as_str());
            Lane::shared(budgets, &name, settings, seed, history, rng)
        }
        None => Lane::new(settings, &seed, rng),
    })
}

fn state(tenant: &TenantName, kind: LaneKind, lane: &LaneSnapshot, now: Timestamp) -> LaneState {
    let (gate, gate_until, gate_reason) = match lane.gate {
        GateState::Open => (Gate::Open, None, ""),
        GateState::Reopening => (Gate::Reopening, None, "calls leave gently after a throttle"),
        GateState::Closed { remaining, cause } => {
            let reason = match cause {
                GateCause::RetryAfter => "Graph asked to wait",
                GateCause::Backoff => "Graph named no time to wait; backoff",
                GateCause::OtherBudget => "Graph throttled the tenant's other calls",
            };
            (Gate::Closed, Some(now.after(remaining)), reason)
        }
    };
    let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    LaneState {
        tenant: tenant.clone(),
        kind,
        configured_limit: i64::from(lane.configured_limit),
        learnt_limit: lane.learnt_limit.map(f64::from),
        window_ms: i64::try_from(lane.window.as_millis()).unwrap_or(i64::MAX),
        used: i64::from(lane.used),
        in_flight: i64::from(lane.in_flight),
        gate,
        gate_until,
        gate_reason: gate_reason.to_owned(),
        calls: whole(lane.calls),
        throttled: whole(lane.throttled),
        throttle_events: whole(lane.throttle_events),
        rate_per_second: lane.rate_per_second,
        updated_at: now,
    }
}
