//! What is asked of the committing task, and what it answers.

use std::collections::{HashMap, HashSet};

use repilot_domain::JobId;
use tokio::sync::{mpsc, oneshot};

use super::batch::Committed;
use super::{GroupCommitError, Unsettled};
use crate::claimed::Claim;
use crate::{Advance, ClaimedJob, QueuedJob, Settlement};

/// What is asked of the committing task.
pub(super) enum Command {
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
    pub(super) const fn jobs(&self) -> usize {
        match self {
            Self::Claim { queued, .. } | Self::Recall { queued, .. } => queued.len(),
            Self::Settle { .. } | Self::Advance { .. } | Self::Post { .. } => 1,
            Self::Flush { .. } => 0,
        }
    }

    /// The claim whose end it is.
    pub(super) fn says(&self) -> Option<Claim> {
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

/// Tells everybody what became of a batch.
pub(super) fn answer(
    batch: impl Iterator<Item = Command>,
    result: Result<Committed, GroupCommitError>,
) {
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
