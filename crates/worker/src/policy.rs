//! What becomes of a job after an answer: one pure function a step, and nothing else decides it.
//!
//! | answer | act | look |
//! |---|---|---|
//! | done / no user | succeeded | succeeded, if somebody was assigned before |
//! | same user | | act again, while attempts are left |
//! | another user | | dead: `reassigned-meanwhile` |
//! | throttled | again, unspent | again, unspent |
//! | token refused | again at once, unspent | the same |
//! | the tenant refuses | campaign paused, job returned unspent | the same |
//! | unknown device | dead: `not-found` | the same |
//! | refused | dead: `rejected` | the same |
//! | passing fault | again with backoff, spent | the same |
//! | ambiguous | a look, spent | cannot be: a look changes nothing |
//! | unreachable | again with backoff, unspent: nothing was sent | the same |

use std::time::Duration;

use rand::Rng;
use repilot_domain::{AttemptOutcome, DeadReason};
use repilot_graph::GraphError;
use repilot_ledger::WaitReason;

use crate::RetrySettings;

/// What becomes of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is done.
    Succeed,
    /// The same user is still assigned: act, in this same turn.
    Act,
    /// It goes back to the ledger.
    Retry {
        /// How long it waits.
        delay: Duration,
        /// Whether the attempt counts against the limit.
        spent: bool,
        /// Whether the device is looked at before anything else.
        uncertain: bool,
        /// Why it waits.
        reason: WaitReason,
        /// Pause its campaign, with this reason.
        pause: Option<String>,
    },
    /// It is given up.
    Bury(DeadReason),
}

impl Decision {
    /// What the ledger records of the attempt that led here.
    #[must_use]
    pub fn outcome(&self) -> AttemptOutcome {
        match self {
            Self::Succeed => AttemptOutcome::Succeeded,
            Self::Act => AttemptOutcome::Retried,
            Self::Bury(_) => AttemptOutcome::Buried,
            Self::Retry { reason, .. } => match reason {
                WaitReason::Throttled => AttemptOutcome::Throttled,
                WaitReason::Backoff => AttemptOutcome::Retried,
                WaitReason::Uncertain => AttemptOutcome::Ambiguous,
                WaitReason::Returned => AttemptOutcome::Returned,
            },
        }
    }
}

/// Looks may spend as many attempts again as calls may: whether an ambiguous call took effect is
/// worth knowing even of a job that will not be called again.
const LOOK_ATTEMPTS_FACTOR: u32 = 2;

/// Decides after the action was called.
#[must_use]
pub fn after_act(
    answer: &Result<(), GraphError>,
    attempts_spent: u32,
    settings: &RetrySettings,
    rng: &mut dyn Rng,
) -> Decision {
    let error = match answer {
        Ok(()) => return Decision::Succeed,
        Err(error) => error,
    };
    after_error(error, false, attempts_spent, settings.attempts, settings, rng)
}

/// Decides after a look at a device whose last call may have taken effect unseen.
///
/// `previous_user` was assigned when the plan was made. Where nobody was, a device without a user
/// says nothing (at some tenants no device shows one): acting again is harmless.
#[must_use]
pub fn after_look(
    answer: &Result<String, GraphError>,
    previous_user: &str,
    attempts_spent: u32,
    settings: &RetrySettings,
    rng: &mut dyn Rng,
) -> Decision {
    let user = match answer {
        Ok(user) => user.trim(),
        Err(error) => {
            let limit = settings.attempts.saturating_mul(LOOK_ATTEMPTS_FACTOR);
            return after_error(error, true, attempts_spent, limit, settings, rng);
        }
    };
    let previous_user = previous_user.trim();
    if user.is_empty() && !previous_user.is_empty() {
        return Decision::Succeed;
    }
    if user.to_lowercase() != previous_user.to_lowercase() {
        return Decision::Bury(DeadReason::ReassignedMeanwhile);
    }
    if attempts_spent >= settings.attempts {
        return Decision::Bury(DeadReason::AttemptsSpent);
    }
    Decision::Act
}

fn after_error(
    error: &GraphError,
    uncertain: bool,
    attempts_spent: u32,
    limit: u32,
    settings: &RetrySettings,
    rng: &mut dyn Rng,
) -> Decision {
    let again = |delay, spent, reason| Decision::Retry {
        delay,
        spent,
        uncertain,
        reason,
        pause: None,
    };
    match error {
        // The lane's gate says when; the job itself is due at once.
        GraphError::Throttled { .. } => again(Duration::ZERO, false, WaitReason::Throttled),
        // The client has dropped the token; the next call fetches another, and if that is refused,
        // too, the answer is systemic.
        GraphError::Unauthorized => again(Duration::ZERO, false, WaitReason::Backoff),
        GraphError::Systemic(reason) => Decision::Retry {
            delay: Duration::ZERO,
            spent: false,
            uncertain,
            reason: WaitReason::Returned,
            pause: Some(reason.to_string()),
        },
        GraphError::NotFound => Decision::Bury(DeadReason::NotFound),
        GraphError::Rejected => Decision::Bury(DeadReason::Rejected),
        GraphError::Ambiguous => Decision::Retry {
            delay: settings
                .delay(attempts_spent, None, rng)
                .max(settings.look_after),
            spent: true,
            uncertain: true,
            reason: WaitReason::Uncertain,
            pause: None,
        },
        GraphError::Unreachable => {
            let delay = settings.delay(attempts_spent, None, rng);
            again(delay, false, WaitReason::Backoff)
        }
        GraphError::Transient { .. } | GraphError::Unreadable
            if attempts_spent.saturating_add(1) >= limit =>
        {
            Decision::Bury(DeadReason::AttemptsSpent)
        }
        GraphError::Transient { retry_after } => {
            let delay = settings.delay(attempts_spent, *retry_after, rng);
            again(delay, true, WaitReason::Backoff)
        }
        GraphError::Unreadable => {
            let delay = settings.delay(attempts_spent, None, rng);
            again(delay, true, WaitReason::Backoff)
        }
    }
}
