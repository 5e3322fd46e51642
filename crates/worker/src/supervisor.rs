//! A worker process: it attends campaigns, holds lanes, dispatches, renews, rescues and stops.
//!
//! Three loops run beside the wire's handlers. The *dispatcher* keeps on the wire what the lanes can
//! take in the next moments, and no more. The *keeper* renews what this process has promised (its
//! campaigns, lanes and leases) and takes up what others broke off. Both end with the stop signal;
//! the handlers then finish what they have begun, and what was queued goes back to the ledger.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use repilot_domain::{CampaignId, Clock, TenantName, Timestamp};
use repilot_ledger::{GroupCommit, GroupCommitError, Ledger, LedgerError, WorkerRow};
use repilot_queue::{Dispatcher, Wire, WireError};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::RetrySettings;
use crate::handler::Handler;
use crate::lanes::{Lanes, Tenant};

/// How long what this process holds stays its own without being renewed: what a killed process
/// leaves behind runs again after as long.
const LEASE: Duration = Duration::from_secs(10);

/// Three chances to renew a lease.
const RENEW_EVERY: Duration = Duration::from_secs(3);

/// How often what others broke off is looked for.
const RESCUE_EVERY: Duration = Duration::from_secs(2);

/// How often lanes tell the ledger of themselves.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// The keeper's step.
const KEEPER_TICK: Duration = Duration::from_millis(500);

/// What a lane grants within this time is dispatched: long enough that no permit waits for a job.
const HORIZON: Duration = Duration::from_millis(500);

/// How often the dispatcher looks, when nobody wakes it.
const DISPATCH_TICK: Duration = Duration::from_millis(100);

/// How often new campaigns and tenants are looked for.
const DISCOVER_EVERY: Duration = Duration::from_millis(500);

/// The most that is on the wire for a tenant, whatever its lane grants.
const WIRE_MAX: usize = 1_024;

/// Below this much on the wire more is put on it.
const WIRE_LOW: usize = 512;

/// Which campaigns a process moves on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attendance {
    /// Every one that is open.
    All,
    /// This one.
    Campaign(CampaignId),
}

/// How a worker works.
#[derive(Debug, Clone, Copy)]
pub struct WorkerSettings {
    /// Jobs in hand at once.
    pub concurrency: usize,
    /// Attempts and backoff.
    pub retry: RetrySettings,
}

/// A worker that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The ledger failed at the start.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The ledger no longer takes what became of jobs.
    #[error(
        "the ledger no longer takes what became of jobs; nothing is lost, the devices in question are looked at before they are called again"
    )]
    Commit(#[source] GroupCommitError),
    /// The wire ended by itself.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// A process that drains campaigns.
pub struct Worker {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    row: WorkerRow,
    tenants: HashMap<TenantName, Tenant>,
    settings: WorkerSettings,
    attendance: Attendance,
    lanes: Arc<Lanes>,
}

impl Worker {
    /// A worker that is known as `row` says, for these tenants.
    #[must_use]
    pub fn new(
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        row: WorkerRow,
        tenants: Vec<Tenant>,
        settings: WorkerSettings,
        attendance: Attendance,
    ) -> Self {
        let tenants = tenants
            .into_iter()
            .map(|tenant| (tenant.name.clone(), tenant))
            .collect();
        Self {
            ledger,
            clock,
            row,
            tenants,
            settings,
            attendance,
            lanes: Arc::new(Lanes::default()),
        }
    }

    /// Its lanes, for whoever shows them.
    #[must_use]
    pub fn lanes(&self) -> Arc<Lanes> {
        Arc::clone(&self.lanes)
    }

    /// Works until `stop`; then ends what is in flight and gives back the rest.
    pub async fn run(self, stop: CancellationToken) -> Result<(), WorkerError> {
        let id = self.row.id.clone();
        let (wire, receiver) = Wire::in_memory();
        let wake = Arc::new(Notify::new());
        let (failed, mut failures) = mpsc::unbounded_channel();
        // Whatever ends the work ends all of it.
        let ending = stop.child_token();
        let commit = GroupCommit::start(
            self.ledger.clone(),
            id.clone(),
            Arc::clone(&self.clock),
            LEASE,
        );
        let handler = Arc::new(Handler {
            lanes: Arc::clone(&self.lanes),
            commit,
            retry: self.settings.retry,
            clock: Arc::clone(&self.clock),
            stop: ending.clone(),
            wake: Arc::clone(&wake),
            failed,
        });
        let handle = move |delivery| {
            let handler = Arc::clone(&handler);
            async move { handler.handle(delivery).await }
        };
        self.keep(self.clock.now(), &mut Due::default()).await?;
        let concurrency = self.settings.concurrency;
        let mut handlers = std::pin::pin!(receiver.run(&id.0, concurrency, handle, ending.clone()));
        let dispatcher = Dispatcher::new(self.ledger.clone(), wire, id.clone(), LEASE);
        let dispatching = self.dispatch(dispatcher, &wake, &ending);
        let keeping = self.keep_on(&ending);
        let mut loops = std::pin::pin!(async { tokio::join!(dispatching, keeping) });
        let mut outcome = Ok(());
        let mut handlers_done = false;
        tokio::select! {
            _ = &mut loops => {}
            ended = &mut handlers => {
                handlers_done = true;
                outcome = ended.map_err(WorkerError::from);
            }
            Some(error) = failures.recv() => outcome = Err(WorkerError::Commit(error)),
        }
        ending.cancel();
        if !handlers_done {
            // What is in flight ends, and its leases are renewed until it has.
            let ended = self.finish(&mut handlers).await;
            outcome = outcome.and(ended);
        }
        let given_back = self.give_back().await.map_err(WorkerError::from);
        outcome.and(given_back)
    }

    async fn finish(
        &self,
        handlers: &mut (impl Future<Output = Result<(), WireError>> + Unpin),
    ) -> Result<(), WorkerError> {
        let mut renewals = tokio::time::interval(RENEW_EVERY);
        loop {
            tokio::select! {
                ended = &mut *handlers => return ended.map_err(WorkerError::from),
                _ = renewals.tick() => {
                    let until = self.clock.now().after(LEASE);
                    warn_of(self.ledger.renew_leases(&self.row.id, until).await, "renew leases");
                }
            }
        }
    }

    async fn give_back(&self) -> Result<(), LedgerError> {
        let id = &self.row.id;
        self.ledger.recall(id).await?;
        let states = self.lanes.states(self.clock.now());
        self.ledger.save_lane_states(&states).await?;
        self.ledger.release_lanes(id).await?;
        if let Attendance::Campaign(campaign) = self.attendance {
            self.ledger.leave(campaign).await?;
        }
        self.ledger.retire(id).await
    }

    async fn keep_on(&self, ending: &CancellationToken) {
        let mut due = Due::default();
        loop {
            tokio::select! {
                () = ending.cancelled() => return,
                () = tokio::time::sleep(KEEPER_TICK) => {}
            }
            warn_of(
                self.keep(self.clock.now(), &mut due).await,
                "keep what this worker holds",
            );
        }
    }

    /// Does what is due of keeping.
    async fn keep(&self, now: Timestamp, due: &mut Due) -> Result<(), LedgerError> {
        if due.renew.is_due(now, RENEW_EVERY) {
            let until = now.after(LEASE);
            let campaign = match self.attendance {
                Attendance::All => None,
                Attendance::Campaign(campaign) => Some(campaign),
            };
            self.ledger.attend(campaign, until).await?;
            self.ledger.renew_leases(&self.row.id, until).await?;
            let mut row = self.row.clone();
            row.heartbeat_at = now;
            row.in_flight = self
                .lanes
                .states(now)
                .iter()
                .map(|state| state.in_flight)
                .sum();
            self.ledger.announce(&row).await?;
            self.hold_lanes(now, until).await?;
        }
        if due.rescue.is_due(now, RESCUE_EVERY) {
            let rescued = self.ledger.rescue(now).await?;
            if rescued.running > 0 || rescued.queued > 0 {
                tracing::info!(
                    running = rescued.running,
                    queued = rescued.queued,
                    "took up jobs that a lost worker had left"
                );
            }
        }
        if due.tell.is_due(now, TELL_EVERY) {
            self.ledger
                .save_lane_states(&self.lanes.states(now))
                .await?;
        }
        Ok(())
    }

    async fn hold_lanes(&self, now: Timestamp, until: Timestamp) -> Result<(), LedgerError> {
        for name in self.ledger.tenants_with_work(now).await? {
            let Some(tenant) = self.tenants.get(&name) else {
                continue;
            };
            let id = &self.row.id;
            let other = self
                .lanes
                .hold(&self.ledger, tenant, id, now, until)
                .await?;
            if let Some(other) = other {
                tracing::debug!(tenant = %name, worker = %other, "another worker holds the tenant's lane");
            }
        }
        Ok(())
    }

    async fn dispatch(
        &self,
        mut dispatcher: Dispatcher,
        wake: &Notify,
        ending: &CancellationToken,
    ) {
        let mut tenants: Vec<TenantName> = Vec::new();
        let mut idle_until: HashMap<TenantName, Timestamp> = HashMap::new();
        let mut discovered_at: Option<Timestamp> = None;
        while !ending.is_cancelled() {
            let now = self.clock.now();
            if discovered_at.is_none_or(|at| now.since(at) >= DISCOVER_EVERY || now < at) {
                match self.ledger.tenants_with_work(now).await {
                    Ok(found) => tenants = found,
                    Err(error) => warn_of(Err::<(), _>(error), "look for work"),
                }
                discovered_at = Some(now);
                if self.hold_new(&tenants, now).await {
                    continue;
                }
            }
            for tenant in &tenants {
                if idle_until.get(tenant).is_some_and(|until| now < *until) {
                    continue;
                }
                let room = self.room(tenant, dispatcher.waiting(tenant), now);
                if room == 0 {
                    continue;
                }
                match dispatcher.dispatch(tenant, room, now).await {
                    Ok(count) if count < room => {
                        let until = self.idle_until(tenant, now).await;
                        idle_until.insert(tenant.clone(), until);
                    }
                    Ok(_) => {
                        idle_until.remove(tenant);
                    }
                    Err(error) => {
                        tracing::warn!(
                            tenant = %tenant,
                            error = &error as &dyn std::error::Error,
                            "cannot dispatch; trying again"
                        );
                        idle_until.insert(tenant.clone(), now.after(DISCOVER_EVERY));
                    }
                }
            }
            tokio::select! {
                () = ending.cancelled() => {}
                () = wake.notified() => {}
                () = tokio::time::sleep(DISPATCH_TICK) => {}
            }
        }
    }

    /// Takes lanes of tenants that have just got work, without waiting for the keeper.
    async fn hold_new(&self, tenants: &[TenantName], now: Timestamp) -> bool {
        let mut taken = false;
        for name in tenants {
            let Some(tenant) = self.tenants.get(name) else {
                continue;
            };
            if self.lanes.get(name, now).is_some() {
                continue;
            }
            let held = self
                .lanes
                .hold(&self.ledger, tenant, &self.row.id, now, now.after(LEASE));
            match held.await {
                Ok(None) => taken = true,
                Ok(Some(_)) => {}
                Err(error) => warn_of(Err::<(), _>(error), "hold a lane"),
            }
        }
        taken
    }

    /// How many more of a tenant's jobs its lane takes in the next moments.
    fn room(&self, tenant: &TenantName, waiting: usize, now: Timestamp) -> usize {
        let Some(lanes) = self.lanes.get(tenant, now) else {
            return 0;
        };
        let forecast = usize::try_from(lanes.writes.forecast(HORIZON)).unwrap_or(usize::MAX);
        let ahead = waiting + lanes.awaiting.load(Ordering::Relaxed);
        let wanted = forecast.min(lanes.outage.cap(now)).min(WIRE_MAX);
        if wanted == WIRE_MAX && ahead >= WIRE_LOW {
            return 0;
        }
        wanted.saturating_sub(ahead)
    }

    /// When it is worth looking again for jobs of a tenant that had none due.
    async fn idle_until(&self, tenant: &TenantName, now: Timestamp) -> Timestamp {
        let latest = now.after(DISCOVER_EVERY);
        match self.ledger.next_due(tenant, now).await {
            Ok(Some(due)) => due.min(latest),
            Ok(None) | Err(_) => latest,
        }
    }
}

/// When something was last done.
#[derive(Debug, Default)]
struct Last(Option<Timestamp>);

impl Last {
    fn is_due(&mut self, now: Timestamp, every: Duration) -> bool {
        // A clock that was set back does not stop the keeper.
        let due = self
            .0
            .is_none_or(|last| now < last || now.since(last) >= every);
        if due {
            self.0 = Some(now);
        }
        due
    }
}

#[derive(Debug, Default)]
struct Due {
    renew: Last,
    rescue: Last,
    tell: Last,
}

fn warn_of<T>(result: Result<T, LedgerError>, what: &'static str) {
    if let Err(error) = result {
        tracing::warn!(
            what,
            error = &error as &dyn std::error::Error,
            "the ledger failed; trying again"
        );
    }
}
