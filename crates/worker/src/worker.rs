//! A worker process: it attends campaigns, holds lanes, feeds the wire, handles, and stops.
//!
//! Two loops run beside the wire's handlers, the feeder and the keeper. All end with the stop
//! signal; the handlers then finish what they have begun, and what was queued goes back to the
//! ledger. The loops are driven to their end, never dropped halfway: one that stands in the middle
//! of a transaction holds the ledger's only writer.

use std::sync::Arc;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use repilot_domain::{Actor, Clock, WithCauses, WorkerId};
use repilot_ledger::{
    GroupCommit, GroupCommitError, Ledger, LedgerError, RefusedResult, Unsettled, WorkerRow,
};
use repilot_queue::{Dispatcher, Receiver, Wire, WireError};
use repilot_throttle::SharedBudgets;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::dispatch_loop::Feeder;
use crate::handler::Handler;
use crate::heartbeat::{Attendance, Keeper};
use crate::lease::LEASE;
use crate::lister::Lister;
use crate::ready::ReadyQueue;
use crate::sign_ins::SignIns;
use crate::{RetrySettings, TenantDirectory};

/// How a worker works.
#[derive(Debug, Clone, Copy)]
pub struct WorkerSettings {
    /// Calls under way at once, over all tenants.
    pub concurrency: usize,
    /// Attempts and backoff.
    pub retry: RetrySettings,
}

/// What connects a worker with others.
pub struct Links {
    /// The wire's sending side.
    pub wire: Wire,
    /// Its receiving side.
    pub receiver: Receiver,
    /// The budgets that all processes draw on; `None` where each tenant is one process's.
    pub budgets: Option<SharedBudgets>,
}

impl Links {
    /// None: a process by itself.
    #[must_use]
    pub fn none() -> Self {
        let (wire, receiver) = Wire::in_memory();
        Self {
            wire,
            receiver,
            budgets: None,
        }
    }
}

/// Jobs in hand for each call under way: while some are called, others are claimed and settled, and
/// the more of those there are, the more of them one transaction takes.
const IN_HAND_PER_CALL: usize = 32;

/// A worker that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The ledger failed at the start or at the end.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The ledger no longer takes what became of jobs.
    #[error(
        "results can no longer be saved, so the worker stopped; devices that were being called are looked at before any retry"
    )]
    Commit(#[source] GroupCommitError),
    /// The system gives no thread.
    #[error("cannot start a thread to write the ledger from")]
    Thread(#[source] std::io::Error),
    /// The wire ended by itself.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// A process that drains campaigns.
pub struct Worker {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    row: WorkerRow,
    tenants: Arc<dyn TenantDirectory>,
    settings: WorkerSettings,
    attendance: Attendance,
    links: Links,
}

impl Worker {
    /// A worker that is known as `row` says, for these tenants.
    #[must_use]
    pub const fn new(
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        row: WorkerRow,
        tenants: Arc<dyn TenantDirectory>,
        settings: WorkerSettings,
        attendance: Attendance,
        links: Links,
    ) -> Self {
        Self {
            ledger,
            clock,
            row,
            tenants,
            settings,
            attendance,
            links,
        }
    }

    /// Works until `stop`; then ends what is in flight and gives back the rest.
    pub async fn run(self, stop: CancellationToken) -> Result<(), WorkerError> {
        let Self {
            ledger,
            clock,
            row,
            tenants,
            settings,
            attendance,
            links,
        } = self;
        let id = row.id.clone();
        let wake = Arc::new(Notify::new());
        let (unsettled, untaken) = mpsc::unbounded_channel();
        // Whatever ends the work ends all of it.
        let ending = stop.child_token();
        let by = row.actor();
        let commit = GroupCommit::start(ledger.clone(), id.clone(), by, Arc::clone(&clock), LEASE)
            .map_err(WorkerError::Thread)?;
        let mut keeper = Keeper::new(
            ledger,
            commit.clone(),
            clock,
            row,
            tenants,
            attendance,
            &links,
        );
        let Links { wire, receiver, .. } = links;
        let told = Untaken::of(&keeper);
        let handler = Arc::new(Handler {
            ledger: keeper.ledger.clone(),
            lanes: Arc::clone(&keeper.lanes),
            lease: Arc::clone(&keeper.lease),
            commit: commit.clone(),
            retry: settings.retry,
            ready: ReadyQueue::new(),
            calls: Semaphore::new(settings.concurrency),
            clock: Arc::clone(&keeper.clock),
            stop: ending.clone(),
            wake: Arc::clone(&wake),
            unsettled,
        });
        let feeder = feeder(&keeper, &commit, wire, &ending, wake);
        let mut callers = JoinSet::new();
        for _ in 0..settings.concurrency {
            let handler = Arc::clone(&handler);
            callers.spawn(async move { handler.call().await });
        }
        let handle = {
            let handler = Arc::clone(&handler);
            move |delivery| Arc::clone(&handler).handle(delivery)
        };
        match keeper.keep().await {
            Err(error) if !error.is_passing() => return Err(error.into()),
            // The keeper's own loop tries again.
            Ok(()) | Err(_) => {}
        }
        let all_done = CancellationToken::new();
        // A task of its own: a wire looks for deliveries each time that it is woken, and the loops
        // beside it wake often.
        let receiving = tokio::spawn({
            let (name, ending) = (id.0.clone(), ending.clone());
            let concurrency = settings.concurrency * IN_HAND_PER_CALL;
            async move { receiver.run(&name, concurrency, handle, ending).await }
        });
        let handling = async {
            let ended = receiving.await;
            handler.ready.close();
            ending.cancel();
            // What the last handlers said; should it fail, they have told of it.
            let _ = commit.flush().await;
            all_done.cancel();
            match ended {
                Ok(ended) => ended.map_err(WorkerError::from),
                Err(_panicked) => Err(WorkerError::Wire(WireError::Closed)),
            }
        };
        let keeping = async {
            tokio::join!(
                SignIns::beside(&keeper).run(&ending),
                feeder.run(&ending),
                keeper.run(&ending)
            );
            // What is in flight ends, and its leases are renewed until it has.
            keeper.renew_until(&all_done).await;
        };
        let failing = told.hear(untaken, &ending, &all_done);
        let (ended, (), failed) = tokio::join!(handling, keeping, failing);
        let given_back = keeper.give_back().await.map_err(WorkerError::from);
        failed.and(ended).and(given_back)
    }
}

/// The loop that dispatches jobs of the tenants that a keeper attends to.
fn feeder(
    keeper: &Keeper,
    commit: &GroupCommit,
    wire: Wire,
    ending: &CancellationToken,
    wake: Arc<Notify>,
) -> Feeder {
    let (ledger, clock, id) = (&keeper.ledger, &keeper.clock, &keeper.row.id);
    let chance = StdRng::from_rng(&mut rand::rng());
    Feeder {
        ledger: ledger.clone(),
        clock: Arc::clone(clock),
        worker: id.clone(),
        by: keeper.row.actor(),
        tenants: Arc::clone(&keeper.tenants),
        lanes: Arc::clone(&keeper.lanes),
        lister: Lister::new(
            ledger.clone(),
            Arc::clone(clock),
            id.clone(),
            ending.clone(),
        ),
        health: wire.health(),
        dispatcher: Dispatcher::new(
            ledger.clone(),
            commit.clone(),
            wire,
            id.clone(),
            LEASE,
            chance,
        ),
        wake,
    }
}

/// Who tells the ledger of results that it refused.
struct Untaken {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    worker: WorkerId,
    by: Actor,
}

impl Untaken {
    fn of(keeper: &Keeper) -> Self {
        Self {
            ledger: keeper.ledger.clone(),
            clock: Arc::clone(&keeper.clock),
            worker: keeper.row.id.clone(),
            by: keeper.row.actor(),
        }
    }

    /// Tells of settlements that were not taken until `all_done`; one that failed ends the work.
    async fn hear(
        self,
        mut untaken: mpsc::UnboundedReceiver<Unsettled>,
        ending: &CancellationToken,
        all_done: &CancellationToken,
    ) -> Result<(), WorkerError> {
        let mut failed = Ok(());
        loop {
            let first = tokio::select! {
                biased;
                said = untaken.recv() => said,
                () = all_done.cancelled() => None,
            };
            let Some(first) = first else {
                return failed;
            };
            let mut said = vec![first];
            while said.len() < TOLD_AT_ONCE
                && let Ok(more) = untaken.try_recv()
            {
                said.push(more);
            }
            let mut refused = Vec::new();
            for Unsettled {
                key,
                called,
                failure,
            } in said
            {
                match failure {
                    None => refused.extend(called.map(|device| RefusedResult { key, device })),
                    Some(failure) => {
                        tracing::error!(
                            job.id = key.job.0,
                            campaign.id = key.campaign.0,
                            error = %WithCauses(&failure),
                            "the ledger does not take what became of a job; its device is looked at before it is called again"
                        );
                        ending.cancel();
                        failed = failed.and(Err(WorkerError::Commit(failure)));
                    }
                }
            }
            self.tell(&refused).await;
        }
    }

    /// Says why the ledger refused results, as far as it knows.
    async fn tell(&self, refused: &[RefusedResult]) {
        if refused.is_empty() {
            return;
        }
        let who = (&self.worker, &self.by);
        let recorded = self
            .ledger
            .record_unknown_results(who, refused, self.clock.now());
        let recorded = self.ledger.answered("record unknown results", recorded);
        let unknown = match recorded.await {
            Ok(unknown) => unknown,
            Err(error) => {
                tracing::error!(
                    error = %WithCauses(&error),
                    devices = %named(refused),
                    "the ledger refused what came of calls, and did not say why"
                );
                return;
            }
        };
        for result in refused.iter().filter(|result| !unknown.contains(result)) {
            tracing::warn!(
                job.id = result.key.job.0,
                campaign.id = result.key.campaign.0,
                device.id = %result.device,
                "a job's lease ran out while its device was being called; the device is looked at before it is called again"
            );
        }
        if !unknown.is_empty() {
            tracing::warn!(
                devices = %named(&unknown),
                "calls were made that the ledger no longer knows of, as after a failover to a standby that lagged; their devices are looked at first where their jobs are open, and the audit names them"
            );
        }
    }
}

/// Results that one transaction records at most.
const TOLD_AT_ONCE: usize = 256;

fn named(results: &[RefusedResult]) -> String {
    let devices: Vec<&str> = results
        .iter()
        .map(|result| result.device.as_str())
        .collect();
    devices.join(", ")
}
