//! The feeder: keeps on the wire what the lanes can take in the next moments, and no more.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use repilot_domain::{Actor, Clock, TenantName, Timestamp, WithCauses, WorkerId};
use repilot_ledger::Ledger;
use repilot_queue::{DispatchError, Dispatcher, TakenUp, WireHealth};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::TenantDirectory;
use crate::lanes::Lanes;
use crate::lister::{Lister, Remedy};

/// What a lane grants within this time is dispatched: long enough that no permit waits for a job.
const HORIZON: Duration = Duration::from_millis(500);

/// How often the feeder looks, when nobody wakes it.
const TICK: Duration = Duration::from_millis(100);

/// How long it lets deliveries gather that are done: little beside what it keeps on the wire, and a
/// look for each of thousands a second would cost more than to feed them.
const GATHER: Duration = Duration::from_millis(2);

/// How often new campaigns and tenants are looked for.
const DISCOVER_EVERY: Duration = Duration::from_millis(500);

pub(crate) struct Feeder {
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) worker: WorkerId,
    /// Who the audit says it was.
    pub(crate) by: Actor,
    pub(crate) tenants: Arc<dyn TenantDirectory>,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) lister: Lister,
    pub(crate) health: watch::Receiver<WireHealth>,
    /// Told when a delivery is done: the lane may take more.
    pub(crate) wake: Arc<Notify>,
}

impl Feeder {
    /// Feeds until `ending`.
    pub(crate) async fn run(mut self, ending: &CancellationToken) {
        let mut tenants: Vec<TenantName> = Vec::new();
        let mut idle_until: HashMap<TenantName, Timestamp> = HashMap::new();
        let mut discovered_at: Option<Timestamp> = None;
        while !ending.is_cancelled() {
            let now = self.clock.now();
            if discovered_at.is_none_or(|at| now.since(at) >= DISCOVER_EVERY || now < at) {
                self.turn_schedules(now).await;
                let asked = self.ledger.tenants_with_work(now);
                match self.ledger.answered("find tenants with work", asked).await {
                    Ok(found) => tenants = found,
                    Err(error) => tracing::warn!(
                        error = %WithCauses(&error),
                        "the ledger did not say which tenants have work; trying again"
                    ),
                }
                discovered_at = Some(now);
                let held = self.hold_new(&tenants, now).await;
                self.learn_ceilings(now).await;
                if held {
                    continue;
                }
                self.list_ahead(&tenants, now).await;
            }
            // Whoever receives from it says so.
            if matches!(*self.health.borrow(), WireHealth::Down { .. }) {
                tokio::time::sleep(TICK).await;
                continue;
            }
            if let Err(error) = self.dispatcher.survey(now).await {
                tracing::warn!(
                    error = %WithCauses(&error),
                    "the ledger did not say what is on the wire; trying again"
                );
            }
            self.dispatcher.allow(self.lanes.ceilings(HORIZON));
            let share = self.dispatcher.share(tenants.len());
            for tenant in &tenants {
                // Nobody is idle for longer than this, unless the clock was set back.
                let latest = now.after(DISCOVER_EVERY);
                let idle = |until: &Timestamp| now < *until && *until <= latest;
                if !idle_until.get(tenant).is_some_and(idle) {
                    self.feed(tenant, share, now, &mut idle_until).await;
                }
            }
            tokio::select! {
                () = ending.cancelled() => {}
                () = self.wake.notified() => tokio::time::sleep(GATHER).await,
                () = tokio::time::sleep(TICK) => {}
            }
        }
        self.lister.finish().await;
    }

    async fn feed(
        &mut self,
        tenant: &TenantName,
        share: usize,
        now: Timestamp,
        idle_until: &mut HashMap<TenantName, Timestamp>,
    ) {
        let room = self.room(tenant, share, now);
        if room == 0 {
            return;
        }
        match self.dispatch(tenant, room, now).await {
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
                    error = %WithCauses(&error),
                    "cannot dispatch; trying again"
                );
                idle_until.insert(tenant.clone(), now.after(DISCOVER_EVERY));
            }
        }
    }

    /// Puts due jobs of a tenant on the wire: first those whose devices were seen a short while ago. The
    /// others wait for a listing or, where that costs more than it saves, are looked at one by one.
    async fn dispatch(
        &mut self,
        tenant: &TenantName,
        room: usize,
        now: Timestamp,
    ) -> Result<usize, DispatchError> {
        self.dispatcher.hold_unseen(true);
        let count = self.dispatcher.dispatch(tenant, room, now).await?;
        let Some(lanes) = self.lanes.get(tenant, now).filter(|_| count < room) else {
            return Ok(count);
        };
        let remedy = self.lister.remedy(&lanes, now).await?;
        if remedy != Remedy::Looks {
            return Ok(count);
        }
        self.dispatcher.hold_unseen(false);
        let more = self.dispatcher.dispatch(tenant, room - count, now).await?;
        Ok(count + more)
    }

    /// Has tenants listed whose devices will soon have been seen too long ago.
    async fn list_ahead(&mut self, tenants: &[TenantName], now: Timestamp) {
        for tenant in tenants {
            let Some(lanes) = self.lanes.get(tenant, now) else {
                continue;
            };
            if let Err(error) = self.lister.list_ahead(&lanes, now).await {
                tracing::warn!(
                    tenant = %tenant,
                    error = %WithCauses(&error),
                    "the ledger did not say which devices are to be seen; trying again"
                );
            }
        }
    }

    /// Windows open and close, and deadlines pass.
    async fn turn_schedules(&self, now: Timestamp) {
        let turned = self.ledger.turn_schedules(&self.by, now);
        match self.ledger.answered("turn schedules", turned).await {
            Ok(over) => {
                for campaign in over {
                    tracing::warn!(
                        campaign.id = campaign.0,
                        "a campaign's deadline passed; it is paused"
                    );
                }
            }
            Err(error) => tracing::warn!(
                error = %WithCauses(&error),
                "the ledger did not turn the campaigns' schedules; trying again"
            ),
        }
    }

    async fn learn_ceilings(&self, now: Timestamp) {
        let learnt = async {
            let rated = self.ledger.rated_campaigns(now).await?;
            self.lanes.learn_ceilings(&self.ledger, &rated, now).await
        };
        if let Err(error) = self.ledger.answered("look for ceilings", learnt).await {
            tracing::warn!(
                error = %WithCauses(&error),
                "the ledger did not say which campaigns have a ceiling; trying again"
            );
        }
    }

    /// Takes lanes of tenants that have just got work, without waiting for the keeper; whether it
    /// got any.
    async fn hold_new(&self, tenants: &[TenantName], now: Timestamp) -> bool {
        let new = |name: &&TenantName| self.lanes.get(name, now).is_none();
        let new: Vec<TenantName> = tenants.iter().filter(new).cloned().collect();
        let (directory, id) = (&*self.tenants, &self.worker);
        let held = self.lanes.hold_all(&self.ledger, directory, id, &new, now);
        match held.await {
            Ok(held) => held > 0,
            Err(error) => {
                tracing::warn!(
                    error = %WithCauses(&error),
                    "the ledger did not give the lanes of tenants; trying again"
                );
                false
            }
        }
    }

    /// How many more of a tenant's jobs go on the wire: none until half of what its lane takes in
    /// the next moments has left, so that one transaction dispatches many.
    fn room(&mut self, tenant: &TenantName, share: usize, now: Timestamp) -> usize {
        let Some(lanes) = self.lanes.get(tenant, now) else {
            return 0;
        };
        let forecast = usize::try_from(lanes.writes.forecast(HORIZON)).unwrap_or(usize::MAX);
        let wanted = forecast.min(lanes.cap(now)).min(share);
        let own = TakenUp {
            awaiting: lanes.awaiting.load(Ordering::Relaxed),
            claimed: lanes.claimed.load(Ordering::Relaxed),
        };
        let ahead = self.dispatcher.ahead(tenant, own);
        if ahead > wanted / 2 {
            return 0;
        }
        wanted - ahead
    }

    /// When it is worth looking again for jobs of a tenant that had none due.
    async fn idle_until(&self, tenant: &TenantName, now: Timestamp) -> Timestamp {
        let latest = now.after(DISCOVER_EVERY);
        let asked = self.ledger.next_due(tenant, now);
        match self.ledger.answered("look for what is due", asked).await {
            Ok(Some(due)) => due.min(latest),
            Ok(None) | Err(_) => latest,
        }
    }
}
