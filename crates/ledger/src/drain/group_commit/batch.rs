//! One transaction for many jobs, tried again while the database is busy, full or unreadable.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use repilot_domain::{Actor, CampaignId, Clock, WithCauses, WorkerId};
use sqlx::AnyConnection;
use tokio::time::Instant;

use super::GroupCommitError;
use super::command::{Command, Committed};
use crate::drain::settle::{self, Trust};
use crate::drain::{advance, claim, stopped};
use crate::jobs::counters::Deltas;
use crate::jobs::recall;
use crate::storage::transaction::Writing;
use crate::{Advance, ClaimKey, Ledger, LedgerError, Seen, Settlement, inventory};

/// How long a batch is tried again while the database is busy, full or unreadable.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two tries of a batch.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// A batch's commands by their kind.
#[derive(Default)]
struct Batch<'a> {
    claims: Vec<ClaimKey>,
    settlements: Vec<&'a Settlement>,
    advances: Vec<&'a Advance>,
    seen: Vec<&'a Seen>,
    recalls: Vec<ClaimKey>,
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
                Command::See { seen, .. } => batch.seen.push(seen.as_ref()),
                Command::Flush { .. } => {}
                Command::Recall { queued, .. } => batch.recalls.extend(queued),
            }
        }
        batch
    }

    /// The campaigns of its jobs.
    fn campaigns(&self) -> BTreeSet<CampaignId> {
        let settled = self.settlements.iter().map(|said| said.key.campaign);
        let advanced = self.advances.iter().map(|said| said.key.campaign);
        let seen = self.seen.iter().map(|seen| seen.key.campaign);
        let queued = self.claims.iter().chain(&self.recalls);
        let queued = queued.map(|queued| queued.campaign);
        settled.chain(advanced).chain(seen).chain(queued).collect()
    }
}

/// Commits a batch, and tries again while that can help.
pub(super) async fn commit_patiently(
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
) -> Result<(Writing, Committed), LedgerError> {
    let mut transaction = ledger.begin().await?;
    let written = write_into(&mut transaction, worker, clock, lease, batch, trust).await;
    match written {
        Ok(committed) => Ok((transaction, committed)),
        Err(error) => {
            transaction.take_back().await;
            Err(error)
        }
    }
}

async fn write_into(
    connection: &mut AnyConnection,
    worker: &(WorkerId, Actor),
    clock: &dyn Clock,
    lease: Duration,
    batch: &Batch<'_>,
    trust: Trust,
) -> Result<Committed, LedgerError> {
    let (worker, by) = (&worker.0.0, &worker.1);
    settle::record_trusted(connection, worker, &batch.settlements, trust).await?;
    let mut halted = stopped::of(connection, batch.campaigns()).await?;
    // After the wait for the database, so that no lease is given that has run out already.
    let now = clock.now();
    let lease_until = now.after(lease);
    let mut deltas = Deltas::default();
    let settled = settle::settle(
        connection,
        (worker, by),
        &batch.settlements,
        trust,
        now,
        &mut deltas,
    )
    .await?;
    let seen = inventory::keep_seen(connection, worker, &batch.seen).await?;
    let stepped = advance::advance(connection, worker, &batch.advances, now, &mut deltas).await?;
    recall::recall(connection, &batch.recalls, &mut deltas).await?;
    let claimed = claim::claim(connection, worker, &batch.claims, lease_until, &mut deltas).await?;
    let (mut taken, just_halted) = settled
        .finish(connection, (worker, by), deltas, now)
        .await?;
    taken.extend(stepped);
    halted.extend(just_halted);
    Ok(Committed {
        claimed,
        taken,
        seen,
        halted,
    })
}
