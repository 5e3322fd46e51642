//! The keeper: renews what this process has promised, and takes up what others broke off.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use repilot_domain::{CampaignId, Clock, Timestamp, WithCauses};
use repilot_ledger::{GroupCommit, Ledger, LedgerError, WorkerRow};
use repilot_queue::WireHealth;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::lanes::Lanes;
use crate::lease::{LEASE, Lease, RENEW_EVERY};
use crate::sign_ins::Trouble;
use crate::{Links, TenantDirectory};

/// How often what others broke off is looked for.
const RESCUE_EVERY: Duration = Duration::from_secs(2);

/// How often lanes tell the ledger of themselves.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// How often devices are looked for that a reassignment left without a user.
const ALARM_EVERY: Duration = Duration::from_secs(5);

/// The keeper's step.
const TICK: Duration = Duration::from_millis(500);

/// Which campaigns a process moves on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attendance {
    /// Every one that is open.
    All,
    /// This one.
    Campaign(CampaignId),
}

pub(crate) struct Keeper {
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) row: WorkerRow,
    pub(crate) tenants: Arc<dyn TenantDirectory>,
    pub(crate) attendance: Attendance,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) lease: Arc<Lease>,
    wire: watch::Receiver<WireHealth>,
    /// What the sign-ins lack.
    pub(crate) trouble: Trouble,
    commit: GroupCommit,
    /// Nobody else can lose what this process has dispatched, and no ledger forgets that it took it.
    keeps_dispatched: bool,
    /// Those after which what may have been lost was dispatched again.
    outages: u64,
    due: Due,
}

impl Keeper {
    pub(crate) fn new(
        ledger: Ledger,
        commit: GroupCommit,
        clock: Arc<dyn Clock>,
        row: WorkerRow,
        tenants: Arc<dyn TenantDirectory>,
        attendance: Attendance,
        links: &Links,
    ) -> Self {
        Self {
            lanes: Arc::new(Lanes::new(links.budgets.clone(), Arc::clone(&clock))),
            keeps_dispatched: !links.wire.is_shared() && ledger.never_forgets(),
            ledger,
            commit,
            clock,
            row,
            tenants,
            attendance,
            lease: Arc::new(Lease::default()),
            wire: links.wire.health(),
            trouble: Trouble::default(),
            outages: 0,
            due: Due::default(),
        }
    }

    /// Keeps until `ending`.
    pub(crate) async fn run(&mut self, ending: &CancellationToken) {
        loop {
            tokio::select! {
                () = ending.cancelled() => return,
                () = tokio::time::sleep(TICK) => {}
            }
            if let Err(error) = self.keep().await {
                tracing::warn!(
                    error = %WithCauses(&error),
                    "the ledger did not renew what this worker holds; trying again"
                );
            }
        }
    }

    /// Does what is due.
    pub(crate) async fn keep(&mut self) -> Result<(), LedgerError> {
        let ledger = self.ledger.clone();
        if let Some(shared) = ledger.answered("tell the time", ledger.time()).await? {
            self.clock.agree(shared);
        }
        let now = self.clock.now();
        self.recall_lost().await?;
        if self.due.renew.is_due(now, RENEW_EVERY) {
            self.renew_leases(now).await?;
            let until = now.after(LEASE);
            match self.attendance {
                Attendance::All => {
                    let tenants = self.tenants.names();
                    let attended = ledger.lease_tenants(&tenants, until);
                    ledger.answered("attend campaigns", attended).await?;
                }
                Attendance::Campaign(campaign) => {
                    let attended = ledger.lease_campaign(campaign, until);
                    ledger.answered("attend a campaign", attended).await?;
                }
            }
            let mut row = self.row.clone();
            row.heartbeat_at = now;
            row.in_flight = self.lanes.in_flight();
            row.trouble = self.trouble();
            let announced = ledger.register(&row);
            ledger.answered("announce a worker", announced).await?;
            let tenants = ledger.tenants_with_work(now);
            let tenants = ledger.answered("find tenants with work", tenants).await?;
            let (directory, id) = (&*self.tenants, &self.row.id);
            self.lanes
                .hold_all(&self.ledger, directory, id, &tenants, now)
                .await?;
            self.due.renew.done(now);
        }
        // Only once its own leases are renewed, or it would rescue what it holds itself.
        if self.due.rescue.is_due(now, RESCUE_EVERY) {
            let by = self.row.actor();
            let rescued = ledger.rescue(&by, now);
            let rescued = ledger.answered("rescue jobs", rescued).await?;
            if rescued.running > 0 || rescued.queued > 0 {
                tracing::info!(
                    running = rescued.running,
                    queued = rescued.queued,
                    "took up jobs that a lost worker had left"
                );
            }
            self.due.rescue.done(now);
        }
        let released = ledger.release_after_others(now);
        let released = ledger.answered("let jobs go on that waited for others", released);
        if released.await? > 0 {
            tracing::info!("jobs go on that waited for another campaign's");
        }
        if self.due.alarm.is_due(now, ALARM_EVERY) {
            self.raise_alarm(now).await?;
            self.due.alarm.done(now);
        }
        if self.due.tell.is_due(now, TELL_EVERY) {
            let states = self.lanes.states(now);
            let saved = ledger.save_lane_states(&states);
            ledger.answered("save lane states", saved).await?;
            self.due.tell.done(now);
        }
        Ok(())
    }

    /// Records devices that a reassignment left without a user, for those who are notified.
    async fn raise_alarm(&self, now: Timestamp) -> Result<(), LedgerError> {
        let by = self.row.actor();
        let told = self.ledger.tell_of_devices_without_user(&by, now);
        let told = self
            .ledger
            .answered("look for devices without a user", told);
        if told.await? > 0 {
            tracing::warn!(
                "devices have no user now: `repilot status` says which campaign left them, and what gives them back"
            );
        }
        Ok(())
    }

    fn trouble(&self) -> String {
        let mut trouble = Vec::new();
        if let WireHealth::Down { since, why } = &*self.wire.borrow() {
            trouble.push(format!("since {since}: {why}"));
        }
        let of_sign_ins = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if !of_sign_ins.is_empty() {
            trouble.push(of_sign_ins.clone());
        }
        trouble.join("; ")
    }

    /// Renews every lease of this process.
    pub(crate) async fn renew_leases(&self, now: Timestamp) -> Result<(), LedgerError> {
        let until = now.after(LEASE);
        let (id, claimed) = (&self.row.id, self.commit.claimed());
        let renewed = async {
            if self.keeps_dispatched {
                self.ledger.renew_leases(id, &claimed, until).await
            } else {
                self.ledger.renew_claimed(id, &claimed, until).await
            }
        };
        self.ledger.answered("renew leases", renewed).await?;
        self.lease.renewed(now, until);
        Ok(())
    }

    /// Dispatches anew what a wire that was down may have lost, without waiting for its lease.
    async fn recall_lost(&mut self) -> Result<(), LedgerError> {
        let WireHealth::Up { outages } = *self.wire.borrow() else {
            return Ok(());
        };
        if outages > self.outages {
            let recalled = self.ledger.recall(&self.row.id);
            let recalled = self.ledger.answered("recall jobs", recalled).await?;
            tracing::info!(
                jobs = recalled,
                "the wire is back; what was on it is dispatched again"
            );
            self.outages = outages;
        }
        Ok(())
    }

    /// Renews leases, and does nothing else, until `handled`.
    pub(crate) async fn renew_until(&self, handled: &CancellationToken) {
        let mut renewals = tokio::time::interval(RENEW_EVERY);
        loop {
            tokio::select! {
                () = handled.cancelled() => return,
                _ = renewals.tick() => {
                    if let Err(error) = self.renew_leases(self.clock.now()).await {
                        tracing::warn!(
                            error = %WithCauses(&error),
                            "the ledger did not renew what is in flight; trying again"
                        );
                    }
                }
            }
        }
    }

    /// Gives everything back, so that others need not wait for leases to run out.
    pub(crate) async fn give_back(&self) -> Result<(), LedgerError> {
        let (ledger, id) = (&self.ledger, &self.row.id);
        let giving = async {
            ledger.recall(id).await?;
            let states = self.lanes.states(self.clock.now());
            ledger.save_lane_states(&states).await?;
            ledger.release_lanes(id).await?;
            if let Attendance::Campaign(campaign) = self.attendance {
                ledger.release_campaign(campaign).await?;
            }
            ledger.deregister(id).await
        };
        ledger.answered("give back what is left", giving).await?;
        // What ended just now is told of by no later look.
        self.raise_alarm(self.clock.now()).await
    }
}

/// When something was last done.
#[derive(Debug, Default)]
struct Last(Option<Timestamp>);

impl Last {
    fn is_due(&self, now: Timestamp, every: Duration) -> bool {
        // A clock that was set back does not stop the keeper.
        self.0
            .is_none_or(|last| now < last || now.since(last) >= every)
    }

    fn done(&mut self, now: Timestamp) {
        self.0 = Some(now);
    }
}

#[derive(Debug, Default)]
struct Due {
    renew: Last,
    rescue: Last,
    alarm: Last,
    tell: Last,
}
