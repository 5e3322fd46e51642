//! What is asked of the committing task, and what it answers.

use repilot_domain::{CampaignId, DeviceId};
use tokio::sync::{mpsc, oneshot};

use super::{GroupCommitError, Unsettled};
use crate::{Advance, ClaimKey, ClaimedJob, Seen, Settlement};

/// What is asked of the committing task.
pub(super) enum Command {
    Claim {
        queued: Vec<ClaimKey>,
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
    See {
        seen: Box<Seen>,
        reply: oneshot::Sender<Result<bool, GroupCommitError>>,
    },
    Post {
        settlement: Box<Settlement>,
        device: DeviceId,
        unsettled: mpsc::UnboundedSender<Unsettled>,
    },
    Recall {
        queued: Vec<ClaimKey>,
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
            Self::Settle { .. } | Self::Advance { .. } | Self::See { .. } | Self::Post { .. } => 1,
            Self::Flush { .. } => 0,
        }
    }

    /// The claim whose end it is.
    pub(super) fn says(&self) -> Option<ClaimKey> {
        match self {
            Self::Settle { settlement, .. } | Self::Post { settlement, .. } => Some(settlement.key),
            Self::Claim { .. }
            | Self::Advance { .. }
            | Self::See { .. }
            | Self::Recall { .. }
            | Self::Flush { .. } => None,
        }
    }
}

/// What a batch came to, by claim: in order, where a search costs less than a table of all.
struct Outcome {
    claimed: Vec<(ClaimKey, Option<ClaimedJob>)>,
    taken: Vec<ClaimKey>,
    seen: Vec<ClaimKey>,
}

impl Outcome {
    fn of(committed: Committed) -> Self {
        let claimed = committed.claimed.into_iter();
        let mut claimed: Vec<_> = claimed.map(|job| (job.key, Some(job))).collect();
        claimed.sort_unstable_by_key(|(key, _)| *key);
        let mut taken = committed.taken;
        taken.sort_unstable();
        let seen = committed.seen;
        Self {
            claimed,
            taken,
            seen,
        }
    }

    /// The claim of a job, if it held, for the first who asks.
    fn claim(&mut self, key: ClaimKey) -> Option<ClaimedJob> {
        let place = self.claimed.binary_search_by_key(&key, |(key, _)| *key);
        self.claimed[place.ok()?].1.take()
    }

    fn has_taken(&self, key: ClaimKey) -> bool {
        self.taken.binary_search(&key).is_ok()
    }
}

/// Tells everybody what became of a batch.
pub(super) fn answer(
    batch: impl Iterator<Item = Command>,
    result: Result<Committed, GroupCommitError>,
) {
    let mut result = result.map(Outcome::of);
    for command in batch {
        // Whoever stopped waiting has no use for the answer.
        match (command, &mut result) {
            (Command::Claim { queued, reply }, Ok(outcome)) => {
                let held = queued.iter().filter_map(|queued| outcome.claim(*queued));
                let _ = reply.send(Ok(held.collect()));
            }
            (Command::Settle { settlement, reply }, Ok(outcome)) => {
                let _ = reply.send(Ok(outcome.has_taken(settlement.key)));
            }
            (Command::Advance { advance, reply }, Ok(outcome)) => {
                let _ = reply.send(Ok(outcome.has_taken(advance.key)));
            }
            (Command::See { seen, reply }, Ok(outcome)) => {
                let _ = reply.send(Ok(outcome.seen.contains(&seen.key)));
            }
            (Command::Post { settlement, .. }, Ok(outcome))
                if outcome.has_taken(settlement.key) => {}
            (
                Command::Post {
                    settlement,
                    device,
                    unsettled,
                },
                result,
            ) => {
                let _ = unsettled.send(Unsettled {
                    key: settlement.key,
                    called: (!settlement.attempts.is_empty()).then_some(device),
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
            (
                Command::Settle { reply, .. }
                | Command::Advance { reply, .. }
                | Command::See { reply, .. },
                Err(error),
            ) => {
                let _ = reply.send(Err(error.clone()));
            }
        }
    }
}

/// What a batch came to.
pub(super) struct Committed {
    /// The claims that held.
    pub(super) claimed: Vec<ClaimedJob>,
    /// The claims of which a settlement or a step was taken.
    pub(super) taken: Vec<ClaimKey>,
    /// The claims for which it was kept who has their devices.
    pub(super) seen: Vec<ClaimKey>,
    /// The campaigns that stopped over it, or had before.
    pub(super) halted: Vec<CampaignId>,
}
