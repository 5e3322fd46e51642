//! Group commit: what many calls claim and settle goes into one transaction.
//!
//! One task writes them, on a thread of its own: a transaction is a dozen statements, and among a
//! thousand handlers each of them would wait for its turn again. Dispatch, which locks the same
//! campaigns, runs there, too. While one transaction commits, the next batch gathers; nobody waits for
//! a timer unless many come at once. A failing disk does not lose an answer: the batch is tried again
//! for half a minute, then everybody is told. Their leases then run out, and the devices are looked at
//! before anybody acts again. Races accepted: a settlement may arrive after its lease ran out; the
//! fence refuses it.

mod batch;
mod command;

use std::sync::Arc;
use std::time::Duration;

use batch::commit_patiently;
use command::{Command, answer};
use repilot_domain::{Actor, CampaignId, Clock, DeviceId, TenantName, Timestamp, WorkerId};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::drain::held_claims::HeldClaims;
use crate::drain::stopped::{BatchNumber, StoppedCampaigns};
use crate::{
    Advance, ClaimKey, ClaimedJob, DispatchRoom, DispatchToken, Dispatched, Ledger, LedgerError,
    Seen, Settlement,
};

/// Jobs a transaction, or a few more: enough to make the commit cheap, few enough to be over in some
/// 10 ms.
const BATCH: usize = 1_024;

/// After a batch of so many jobs more are coming: a moment's patience makes the next one large.
const BUSY: usize = 64;

/// That moment, in which dispatch has its turn: far below what a job is in hand for.
const GATHER: Duration = Duration::from_millis(5);

/// A batch that could not be committed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GroupCommitError {
    /// The ledger refused, for longer than patience lasts where that was an answer.
    #[error("the ledger did not take it")]
    Ledger(#[source] Arc<LedgerError>),
    /// The committing task is gone.
    #[error("the ledger is closed")]
    Closed,
}

/// A settlement that nobody waited for and that was not taken.
#[derive(Debug)]
pub struct Unsettled {
    /// The claim that it was said of.
    pub key: ClaimKey,
    /// The device, where it was called.
    pub called: Option<DeviceId>,
    /// What failed; nothing did where the claim no longer held and the word was refused.
    pub failure: Option<GroupCommitError>,
}

/// A handle on the committing task; cheap to clone. Task and thread end with the last handle.
#[derive(Clone)]
pub struct GroupCommit {
    sender: mpsc::Sender<Command>,
    stopped: Arc<StoppedCampaigns>,
    claimed: Arc<HeldClaims>,
    /// The thread's runtime, and the ledger on it.
    runtime: Handle,
    ledger: Ledger,
}

impl GroupCommit {
    /// Starts the task, which claims and settles in the worker's name; `by` is the worker to the audit.
    pub fn start(
        ledger: Ledger,
        worker: WorkerId,
        by: Actor,
        clock: Arc<dyn Clock>,
        lease: Duration,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(BATCH * 2);
        let stopped = Arc::new(StoppedCampaigns::default());
        let claimed = Arc::new(HeldClaims::default());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let ledger = {
            let _within = runtime.enter();
            ledger.of_own_runtime().map_err(std::io::Error::other)?
        };
        let handle = runtime.handle().clone();
        std::thread::Builder::new()
            .name("group-commit".to_owned())
            .spawn({
                let ledger = ledger.clone();
                let known = (Arc::clone(&stopped), Arc::clone(&claimed));
                let by = (worker, by);
                move || {
                    let (stopped, claimed) = known;
                    runtime.block_on(run(
                        ledger,
                        by,
                        clock,
                        lease,
                        receiver,
                        (&stopped, &claimed),
                    ));
                }
            })?;
        Ok(Self {
            sender,
            stopped,
            claimed,
            runtime: handle,
            ledger,
        })
    }

    /// [`Ledger::dispatch`], on the thread that writes: the campaign stays locked no longer than its
    /// statements take, and not until a thread that calls looks for the answer to each.
    pub async fn dispatch(
        &self,
        tenant: &TenantName,
        (worker, token): (&WorkerId, DispatchToken),
        room: DispatchRoom,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<Dispatched>, GroupCommitError> {
        let (ledger, tenant, worker) = (self.ledger.clone(), tenant.clone(), worker.clone());
        let dispatching = self.runtime.spawn(async move {
            let dispatching = ledger.dispatch(&tenant, (&worker, token), &room, now, lease_until);
            ledger.answered("dispatch jobs", dispatching).await
        });
        match dispatching.await {
            Ok(dispatched) => dispatched.map_err(|error| GroupCommitError::Ledger(Arc::new(error))),
            Err(_ended) => Err(GroupCommitError::Closed),
        }
    }

    /// Claims a queued job under its key; `None` when it is no longer to be had.
    pub async fn claim(&self, queued: ClaimKey) -> Result<Option<ClaimedJob>, GroupCommitError> {
        Ok(self.claim_all(vec![queued]).await?.pop())
    }

    /// The same of several; those that are still to be had.
    pub async fn claim_all(
        &self,
        queued: Vec<ClaimKey>,
    ) -> Result<Vec<ClaimedJob>, GroupCommitError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Claim { queued, reply }, answer).await
    }

    /// Now, among what this process commits: noted before a claim, for [`GroupCommit::has_stopped`].
    #[must_use]
    pub fn moment(&self) -> BatchNumber {
        self.stopped.now()
    }

    /// Whether a campaign is known to have stopped since a claim that was granted was asked for: then
    /// its job is not to be called any more.
    #[must_use]
    pub fn has_stopped(&self, campaign: CampaignId, since: BatchNumber) -> bool {
        self.stopped.has_stopped_since(campaign, since)
    }

    /// What was claimed and not settled yet, for [`Ledger::renew_leases`].
    #[must_use]
    pub fn claimed(&self) -> Vec<ClaimKey> {
        self.claimed.all()
    }

    /// Settles a claimed job; `false` when the claim no longer held and the word was refused.
    pub async fn settle(&self, settlement: Settlement) -> Result<bool, GroupCommitError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Settle {
            settlement: Box::new(settlement),
            reply,
        };
        self.send(command, answer).await
    }

    /// Keeps that a step of a claimed job is done, before its next is called; `false` when the claim
    /// no longer held: then the next is not to be called.
    pub async fn advance(&self, advance: Advance) -> Result<bool, GroupCommitError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Advance {
            advance: Box::new(advance),
            reply,
        };
        self.send(command, answer).await
    }

    /// Keeps who has a claimed job's device, before it is called; `false` when the claim no longer
    /// held: then it is not to be called.
    pub async fn see(&self, seen: Seen) -> Result<bool, GroupCommitError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::See {
            seen: Box::new(seen),
            reply,
        };
        self.send(command, answer).await
    }

    /// Hands a claimed job's settlement over, and waits for no more than room: a caller that has
    /// nothing else to do with the job is free for the next. `unsettled` hears of it and of the device if it is not
    /// taken; [`GroupCommit::flush`] waits until it is known.
    pub async fn post(
        &self,
        settlement: Settlement,
        device: DeviceId,
        unsettled: &mpsc::UnboundedSender<Unsettled>,
    ) -> Result<(), GroupCommitError> {
        let command = Command::Post {
            settlement: Box::new(settlement),
            device,
            unsettled: unsettled.clone(),
        };
        let sent = self.sender.send(command).await;
        sent.map_err(|_closed| GroupCommitError::Closed)
    }

    /// Waits until all is committed, or told to have failed, that was handed over before.
    pub async fn flush(&self) -> Result<(), GroupCommitError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Flush { reply }, answer).await
    }

    /// Puts queued jobs back: their turn came, but their lane had closed.
    pub async fn recall(&self, queued: Vec<ClaimKey>) -> Result<(), GroupCommitError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Recall { queued, reply }, answer).await
    }

    async fn send<T>(
        &self,
        command: Command,
        answer: oneshot::Receiver<Result<T, GroupCommitError>>,
    ) -> Result<T, GroupCommitError> {
        if self.sender.send(command).await.is_err() {
            return Err(GroupCommitError::Closed);
        }
        answer.await.unwrap_or(Err(GroupCommitError::Closed))
    }
}

async fn run(
    ledger: Ledger,
    worker: (WorkerId, Actor),
    clock: Arc<dyn Clock>,
    lease: Duration,
    mut receiver: mpsc::Receiver<Command>,
    (stopped, claimed): (&StoppedCampaigns, &HeldClaims),
) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut before = 0;
    ledger.prepare_to_write().await;
    while let Some(first) = receiver.recv().await {
        let mut jobs = first.jobs();
        batch.push(first);
        let mut gather = |batch: &mut Vec<Command>| {
            while jobs < BATCH
                && let Ok(command) = receiver.try_recv()
            {
                jobs += command.jobs();
                batch.push(command);
            }
            jobs
        };
        if gather(&mut batch) < BATCH && before >= BUSY {
            tokio::time::sleep(GATHER).await;
        }
        before = gather(&mut batch);
        let result = commit_patiently(&ledger, &worker, clock.as_ref(), lease, &batch).await;
        if let Ok(committed) = &result {
            // Before anybody is told: who waited for its word gives its slot to the next.
            stopped.note(&committed.halted);
        }
        let granted = result.iter().flat_map(|committed| &committed.claimed);
        claimed.note(
            granted.map(|job| job.key),
            batch.iter().filter_map(Command::says),
        );
        answer(batch.drain(..), result);
    }
}
