//! Group commit: what many calls claim and settle goes into one transaction.
//!
//! One task owns the write side, on a thread of its own: a transaction is a dozen statements, and
//! among a thousand handlers each of them would wait for its turn again. While one transaction
//! commits, the next batch gathers; nobody waits for a timer unless many come at once. A failing disk
//! does not lose an answer: the batch is tried again for [`PATIENCE`], then everybody is told. Their
//! leases then run out, and the devices are looked at before anybody acts again. Races accepted: a
//! settlement may arrive after its lease ran out; the fence refuses it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use repilot_domain::{
    Actor, CampaignId, Clock, JobId, TenantName, Timestamp, WithCauses, WorkerId,
};
use sqlx::{Any, Transaction};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::claimed::{Claim, Claimed};
use crate::counters::Deltas;
use crate::halts::{Halts, Moment};
use crate::settle::Trust;
use crate::{
    Advance, ClaimedJob, DispatchRoom, Dispatched, Ledger, LedgerError, QueuedJob, Settlement,
    advance, claim, halts, rescue, settle,
};

/// How long a batch is tried again while the database is busy, full or unreadable.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two tries of a batch.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Jobs a transaction, or a few more: enough to make the commit cheap, few enough to be over in some 10 ms.
const BATCH: usize = 1_024;

/// After a batch of so many jobs more are coming: a moment's patience makes the next one large.
const BUSY: usize = 64;

/// That moment: far below what a job is in hand for.
const GATHER: Duration = Duration::from_millis(2);

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
    /// The job.
    pub job: JobId,
    /// Its campaign, as the claim named it.
    pub campaign: CampaignId,
    /// What failed; nothing did where the claim no longer held and the word was refused.
    pub failure: Option<GroupCommitError>,
}

enum Command {
    Claim {
        queued: Vec<QueuedJob>,
        reply: oneshot::Sender<Result<Vec<ClaimedJob>, GroupCommitError>>,
    },
    Settle {
        settlement: Box<Settlement>,
        reply: oneshot::Sender<Result<bool, GroupCommitError>>,
    },
    Advance {
        advance: Box<Advance>,
        reply: oneshot::Sender<Result<bool, GroupCommitError>>,
    },
    Post {
        settlement: Box<Settlement>,
        unsettled: mpsc::UnboundedSender<Unsettled>,
    },
    Recall {
        queued: Vec<QueuedJob>,
        reply: oneshot::Sender<Result<(), GroupCommitError>>,
    },
    Flush {
        reply: oneshot::Sender<Result<(), GroupCommitError>>,
    },
}

impl Command {
    /// How many jobs it is about.
    const fn jobs(&self) -> usize {
        match self {
            Self::Claim { queued, .. } | Self::Recall { queued, .. } => queued.len(),
            Self::Settle { .. } | Self::Advance { .. } | Self::Post { .. } => 1,
            Self::Flush { .. } => 0,
        }
    }

    /// The claim whose end it is.
    fn says(&self) -> Option<Claim> {
        match self {
            Self::Settle { settlement, .. } | Self::Post { settlement, .. } => {
                Some((settlement.job, settlement.dispatch))
            }
            Self::Claim { .. }
            | Self::Advance { .. }
            | Self::Recall { .. }
            | Self::Flush { .. } => None,
        }
    }
}

/// A handle on the committing task; cheap to clone. Task and thread end with the last handle.
#[derive(Clone)]
pub struct GroupCommit {
    sender: mpsc::Sender<Command>,
    halts: Arc<Halts>,
    claimed: Arc<Claimed>,
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
        let halts = Arc::new(Halts::default());
        let claimed = Arc::new(Claimed::default());
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
                let known = (Arc::clone(&halts), Arc::clone(&claimed));
                let by = (worker, by);
                move || {
                    let (halts, claimed) = known;
                    runtime.block_on(run(ledger, by, clock, lease, receiver, (&halts, &claimed)));
                }
            })?;
        Ok(Self {
            sender,
            halts,
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
        worker: &WorkerId,
        room: DispatchRoom,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<Dispatched>, GroupCommitError> {
        let (ledger, tenant, worker) = (self.ledger.clone(), tenant.clone(), worker.clone());
        let dispatching = self.runtime.spawn(async move {
            let dispatching = ledger.dispatch(&tenant, &worker, &room, now, lease_until);
            ledger.answered("dispatch jobs", dispatching).await
        });
        match dispatching.await {
            Ok(dispatched) => dispatched.map_err(|error| GroupCommitError::Ledger(Arc::new(error))),
            Err(_ended) => Err(GroupCommitError::Closed),
        }
    }

    /// Claims a queued job under its dispatch number; `None` when it is no longer to be had.
    pub async fn claim(&self, queued: QueuedJob) -> Result<Option<ClaimedJob>, GroupCommitError> {
        Ok(self.claim_all(vec![queued]).await?.pop())
    }

    /// The same of several; those that are still to be had.
    pub async fn claim_all(
        &self,
        queued: Vec<QueuedJob>,
    ) -> Result<Vec<ClaimedJob>, GroupCommitError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Claim { queued, reply }, answer).await
    }

    /// Now, among what this process commits: noted before a claim, for [`GroupCommit::has_stopped`].
    #[must_use]
    pub fn moment(&self) -> Moment {
        self.halts.now()
    }

    /// Whether a campaign is known to have stopped since a claim that was granted was asked for: then
    /// its job is not to be called any more.
    #[must_use]
    pub fn has_stopped(&self, campaign: CampaignId, since: Moment) -> bool {
        self.halts.has_stopped_since(campaign, since)
    }

    /// What was claimed and not settled yet, for [`Ledger::renew_leases`].
    #[must_use]
    pub fn claimed(&self) -> Vec<Claim> {
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

    /// Hands a claimed job's settlement over, and waits for no more than room: a caller that has
    /// nothing else to do with the job is free for the next. `unsettled` hears of it if it is not
    /// taken; [`GroupCommit::flush`] waits until it is known.
    pub async fn post(
        &self,
        settlement: Settlement,
        unsettled: &mpsc::UnboundedSender<Unsettled>,
    ) -> Result<(), GroupCommitError> {
        let command = Command::Post {
            settlement: Box::new(settlement),
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
    pub async fn recall(&self, queued: Vec<QueuedJob>) -> Result<(), GroupCommitError> {
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
    (halts, claimed): (&Halts, &Claimed),
) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut before = 0;
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
            halts.note(&committed.halted);
        }
        let granted = result.iter().flat_map(|committed| &committed.claimed);
        claimed.note(
            granted.map(|job| (job.id, job.dispatch)),
            batch.iter().filter_map(Command::says),
        );
        answer(batch.drain(..), result);
    }
}

/// A batch's commands by their kind.
#[derive(Default)]
struct Batch<'a> {
    claims: Vec<QueuedJob>,
    settlements: Vec<&'a Settlement>,
    advances: Vec<&'a Advance>,
    recalls: Vec<QueuedJob>,
}

impl<'a> Batch<'a> {
    fn of(commands: &'a [Command]) -> Self {
        let mut batch = Self::default();
        for command in commands {
            match command {
                Command::Claim { queued, .. } => batch.claims.extend(queued),
                Command::Advance { advance, .. } => batch.advances.push(advance.as_ref()),
                Command::Settle { settlement, .. } | Command::Post { settlement, .. } => {
                    batch.settlements.push(settlement.as_ref());
                }
                Command::Flush { .. } => {}
                Command::Recall { queued, .. } => batch.recalls.extend(queued),
            }
        }
        batch
    }

    /// The campaigns of its jobs.
    fn campaigns(&self) -> BTreeSet<CampaignId> {
        let settled = self.settlements.iter().map(|said| said.campaign);
        let advanced = self.advances.iter().map(|said| said.campaign);
        let queued = self.claims.iter().chain(&self.recalls);
        let queued = queued.map(|queued| queued.campaign);
        settled.chain(advanced).chain(queued).collect()
    }
}

/// What a batch came to.
struct Committed {
    /// The claims that held.
    claimed: Vec<ClaimedJob>,
    /// The jobs whose settlement or step was taken.
    taken: Vec<JobId>,
    /// The campaigns that stopped over it, or had before.
    halted: Vec<CampaignId>,
}

async fn commit_patiently(
    ledger: &Ledger,
    worker: &(WorkerId, Actor),
    clock: &dyn Clock,
    lease: Duration,
    batch: &[Command],
) -> Result<Committed, GroupCommitError> {
    let begun = Instant::now();
    let mut warned = false;
    let mut trust = Trust::Plain;
    loop {
        let committing = commit(ledger, worker, clock, lease, batch, trust);
        let error = match committing.await {
            Ok(committed) => return Ok(committed),
            // A claim no longer held: now it is looked at which.
            Err(LedgerError::Contended) if trust == Trust::Plain => {
                trust = Trust::Nothing;
                continue;
            }
            Err(error) => error,
        };
        if !error.is_passing() || begun.elapsed() >= PATIENCE {
            return Err(GroupCommitError::Ledger(Arc::new(error)));
        }
        if !std::mem::replace(&mut warned, true) {
            tracing::warn!(
                error = %WithCauses(&error),
                jobs = batch.iter().map(Command::jobs).sum::<usize>(),
                "the ledger does not take a batch; trying again"
            );
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

async fn commit(
    ledger: &Ledger,
    worker: &(WorkerId, Actor),
    clock: &dyn Clock,
    lease: Duration,
    batch: &[Command],
    trust: Trust,
) -> Result<Committed, LedgerError> {
    let batch = Batch::of(batch);
    let written = write(ledger, worker, clock, lease, &batch, trust);
    let (transaction, committed) = ledger.answered("write a batch", written).await?;
    ledger.commit(transaction, "commit a batch").await?;
    Ok(committed)
}

/// Writes a batch into a transaction that is not committed yet.
async fn write(
    ledger: &Ledger,
    worker: &(WorkerId, Actor),
    clock: &dyn Clock,
    lease: Duration,
    batch: &Batch<'_>,
    trust: Trust,
) -> Result<(Transaction<'static, Any>, Committed), LedgerError> {
    let (worker, by) = (&worker.0.0, &worker.1);
    let mut transaction = ledger.begin().await?;
    settle::record_trusted(&mut transaction, worker, &batch.settlements, trust).await?;
    let mut halted = halts::of(&mut transaction, batch.campaigns()).await?;
    // After the wait for the database, so that no lease is given that has run out already.
    let now = clock.now();
    let lease_until = now.after(lease);
    let mut deltas = Deltas::default();
    let settled = settle::settle(
        &mut transaction,
        (worker, by),
        &batch.settlements,
        trust,
        now,
        &mut deltas,
    )
    .await?;
    let stepped =
        advance::advance(&mut transaction, worker, &batch.advances, now, &mut deltas).await?;
    rescue::recall(&mut transaction, &batch.recalls, &mut deltas).await?;
    let claimed = claim::claim(
        &mut transaction,
        worker,
        &batch.claims,
        lease_until,
        &mut deltas,
    )
    .await?;
    let (mut taken, just_halted) = settled
        .finish(&mut transaction, (worker, by), deltas, now)
        .await?;
    taken.extend(stepped);
    halted.extend(just_halted);
    let committed = Committed {
        claimed,
        taken,
        halted,
    };
    Ok((transaction, committed))
}

fn answer(batch: impl Iterator<Item = Command>, result: Result<Committed, GroupCommitError>) {
    let mut result = result.map(|committed| {
        let claimed = committed.claimed.into_iter().map(|job| (job.id, job));
        let claimed: HashMap<JobId, ClaimedJob> = claimed.collect();
        let settled: HashSet<JobId> = committed.taken.into_iter().collect();
        (claimed, settled)
    });
    for command in batch {
        // Whoever stopped waiting has no use for the answer.
        match (command, &mut result) {
            (Command::Claim { queued, reply }, Ok((claimed, _))) => {
                let held = queued
                    .iter()
                    .filter_map(|queued| claimed.remove(&queued.job));
                let _ = reply.send(Ok(held.collect()));
            }
            (Command::Settle { settlement, reply }, Ok((_, settled))) => {
                let _ = reply.send(Ok(settled.contains(&settlement.job)));
            }
            (Command::Advance { advance, reply }, Ok((_, settled))) => {
                let _ = reply.send(Ok(settled.contains(&advance.job)));
            }
            (Command::Post { settlement, .. }, Ok((_, settled)))
                if settled.contains(&settlement.job) => {}
            (
                Command::Post {
                    settlement,
                    unsettled,
                },
                result,
            ) => {
                let _ = unsettled.send(Unsettled {
                    job: settlement.job,
                    campaign: settlement.campaign,
                    failure: result.as_ref().err().cloned(),
                });
            }
            (Command::Recall { reply, .. } | Command::Flush { reply }, Ok(_)) => {
                let _ = reply.send(Ok(()));
            }
            (Command::Recall { reply, .. } | Command::Flush { reply }, Err(error)) => {
                let _ = reply.send(Err(error.clone()));
            }
            (Command::Claim { reply, .. }, Err(error)) => {
                let _ = reply.send(Err(error.clone()));
            }
            (Command::Settle { reply, .. } | Command::Advance { reply, .. }, Err(error)) => {
                let _ = reply.send(Err(error.clone()));
            }
        }
    }
}
