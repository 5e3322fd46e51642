//! What becomes of a job after an answer: one pure function a step, and nothing else decides it.
//!
//! | answer | call of a step | look |
//! |---|---|---|
//! | done | the step is done | |
//! | the user who shall be assigned | | the job is done |
//! | no user | | to unassign: done, if somebody was assigned before; to assign: call |
//! | the user from before | | call, while attempts are left |
//! | another user | | dead: `reassigned-meanwhile`, with who it is |
//! | no user, where no device of the tenant shows one | | call |
//! | throttled | again, unspent | again, unspent |
//! | token refused | again at once, unspent | the same |
//! | the tenant refuses | campaign paused, job returned unspent | the same |
//! | unknown device | dead: `not-found` | the same |
//! | refused | dead: `rejected` | the same |
//! | passing fault | again with backoff, spent | the same |
//! | ambiguous (a server's fault, an answer that was lost) | a look, spent | cannot be: a look changes nothing |
//! | none of Graph's | a look, unspent | again with backoff, unspent |
//! | none of Graph's, time and again | campaign paused, job returned unspent, to be looked at | the same |
//! | unreachable | again with backoff, unspent: nothing was sent | the same |
//!
//! What was lost may arrive late. From an ambiguous answer on a look precedes each further call of the
//! step, and a job that is given up says that it is uncertain.

use std::time::Duration;

use rand::Rng;
use repilot_domain::{AttemptOutcome, DeadReason, PauseCause, Step, is_same_user};
use repilot_graph::{GraphError, SystemicReason};
use repilot_ledger::{Pause, WaitReason};

use crate::RetrySettings;

mod sighting;

pub(crate) use sighting::seen_of;
pub use sighting::{Precaution, precaution};

/// What becomes of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The step is done.
    Succeed,
    /// The device is found as the whole job shall leave it.
    Complete,
    /// The device is as it was before the step: act, in this same turn.
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
        /// Pause its campaign.
        pause: Option<Pause>,
    },
    /// It is given up.
    Bury {
        /// Why.
        reason: DeadReason,
        /// Whether a call may have taken effect unseen: looked at first, should it be requeued.
        uncertain: bool,
    },
}

impl Decision {
    /// What the ledger records of the attempt that led here.
    #[must_use]
    pub fn outcome(&self) -> AttemptOutcome {
        match self {
            Self::Succeed | Self::Complete => AttemptOutcome::Succeeded,
            Self::Act => AttemptOutcome::Retried,
            Self::Bury { .. } => AttemptOutcome::Buried,
            Self::Retry { reason, .. } => match reason {
                WaitReason::Throttled => AttemptOutcome::Throttled,
                WaitReason::Backoff | WaitReason::LookedAt => AttemptOutcome::Retried,
                WaitReason::Uncertain => AttemptOutcome::Ambiguous,
                WaitReason::Returned => AttemptOutcome::Returned,
            },
        }
    }
}

/// Looks may spend as many attempts again as calls may: whether an ambiguous call took effect is
/// worth knowing even of a job that will not be called again.
const LOOK_ATTEMPTS_FACTOR: u32 = 2;

/// What is not known of a device when its job is called.
#[derive(Debug, Clone, Copy, Default)]
pub struct Uncertainty {
    /// It was looked at before this call, and is before each further one.
    pub look_first: bool,
    /// An earlier call was lost: it may still arrive, whatever came of this one.
    pub lost: bool,
}

/// Decides after the action was called.
///
/// The job stays uncertain until its step is done; one that is given up says so if a call was lost.
#[must_use]
pub fn after_act(
    answer: &Result<(), GraphError>,
    doubt: Uncertainty,
    attempts_spent: u32,
    settings: &RetrySettings,
    rng: &mut dyn Rng,
) -> Decision {
    let error = match answer {
        Ok(()) => return Decision::Succeed,
        Err(error) => error,
    };
    let unheard = |delay, pause| Decision::Retry {
        delay,
        spent: false,
        uncertain: true,
        reason: WaitReason::Uncertain,
        pause,
    };
    match error {
        // Whoever answered in Graph's place may have passed the call on.
        GraphError::Foreign(_) => {
            let delay = settings.delay(attempts_spent, None, rng);
            return unheard(delay.max(settings.look_after), None);
        }
        GraphError::Systemic(reason @ SystemicReason::NotGraph(_)) => {
            return unheard(Duration::ZERO, Some(self::pause(reason)));
        }
        _ => {}
    }
    after_error(
        error,
        doubt,
        attempts_spent,
        settings.attempts,
        settings,
        rng,
    )
}

/// Who may be found on a device, as far as its job knows.
#[derive(Debug, Clone, Copy)]
pub struct Users<'a> {
    /// Who was assigned when the plan was made; empty where nobody was.
    pub previous: &'a str,
    /// Who shall be assigned; empty where nobody shall.
    pub new: &'a str,
    /// No device of the tenant shows a user: that none is shown says nothing.
    pub is_blind: bool,
}

/// A look that came to nothing.
const UNSEEN: Uncertainty = Uncertainty {
    look_first: true,
    lost: true,
};

/// Decides after a look at a device whose last call may have taken effect unseen, or which somebody
/// else may have come to first; and after a listing that showed its device.
///
/// Where nobody was assigned before, a device without a user says nothing of an unassignment (at
/// some tenants no device shows a user): acting again is harmless. To assign anew is harmless, too,
/// and so the user from before, whom Graph may show for a while, is no other user.
#[must_use]
pub fn after_look(
    answer: &Result<String, GraphError>,
    step: Step,
    users: Users<'_>,
    doubt: Uncertainty,
    attempts_spent: u32,
    settings: &RetrySettings,
    rng: &mut dyn Rng,
) -> Decision {
    let user = match answer {
        Ok(user) => user.trim(),
        Err(error) => {
            let limit = settings.attempts.saturating_mul(LOOK_ATTEMPTS_FACTOR);
            // A look before the first call leaves nothing unknown.
            let doubt = if doubt.look_first { UNSEEN } else { doubt };
            return after_error(error, doubt, attempts_spent, limit, settings, rng);
        }
    };
    if !user.is_empty() && is_same_user(user, users.new) {
        return Decision::Complete;
    }
    let is_as_before = is_same_user(user, users.previous) || users.is_blind && user.is_empty();
    match step {
        Step::Unassign if user.is_empty() && !is_as_before => return Decision::Succeed,
        Step::Assign if user.is_empty() => {}
        Step::Unassign | Step::Assign if !is_as_before => {
            return bury(DeadReason::ReassignedMeanwhile, false);
        }
        Step::Unassign | Step::Assign => {}
    }
    if attempts_spent >= settings.attempts {
        return bury(DeadReason::AttemptsSpent, doubt.lost);
    }
    Decision::Act
}

/// A sign-in that is lost pauses until there is another; all else until a person has mended it.
fn pause(reason: &SystemicReason) -> Pause {
    let cause = match reason {
        SystemicReason::SignInAgain { .. } => PauseCause::SignIn,
        SystemicReason::Forbidden(_)
        | SystemicReason::MultiAdminApproval
        | SystemicReason::TokenRefused
        | SystemicReason::IdentityRefused(_)
        | SystemicReason::NotGraph(_)
        | SystemicReason::CredentialRefused(_) => PauseCause::Tenant,
    };
    Pause {
        cause,
        reason: reason.to_string(),
    }
}

const fn bury(reason: DeadReason, uncertain: bool) -> Decision {
    Decision::Bury { reason, uncertain }
}

fn after_error(
    error: &GraphError,
    doubt: Uncertainty,
    attempts_spent: u32,
    limit: u32,
    settings: &RetrySettings,
    rng: &mut dyn Rng,
) -> Decision {
    let again = |delay, spent, reason| Decision::Retry {
        delay,
        spent,
        uncertain: doubt.look_first,
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
            uncertain: doubt.look_first,
            reason: WaitReason::Returned,
            pause: Some(pause(reason)),
        },
        GraphError::NotFound => bury(DeadReason::NotFound, doubt.lost),
        GraphError::Rejected => bury(DeadReason::Rejected, doubt.lost),
        GraphError::Ambiguous { retry_after } => Decision::Retry {
            delay: settings
                .delay(attempts_spent, *retry_after, rng)
                .max(settings.look_after),
            spent: true,
            uncertain: true,
            reason: WaitReason::Uncertain,
            pause: None,
        },
        GraphError::Unreachable | GraphError::Foreign(_) => {
            let delay = settings.delay(attempts_spent, None, rng);
            again(delay, false, WaitReason::Backoff)
        }
        GraphError::NoToken { retry_after } => {
            let delay = settings.delay(attempts_spent, *retry_after, rng);
            again(delay, false, WaitReason::Backoff)
        }
        // The last two are answers to a listing.
        GraphError::Transient { .. }
        | GraphError::Unreadable
        | GraphError::NoCollection(_)
        | GraphError::LinkForgotten
            if attempts_spent.saturating_add(1) >= limit =>
        {
            bury(DeadReason::AttemptsSpent, doubt.lost)
        }
        GraphError::Transient { retry_after } => {
            let delay = settings.delay(attempts_spent, *retry_after, rng);
            again(delay, true, WaitReason::Backoff)
        }
        GraphError::Unreadable | GraphError::NoCollection(_) | GraphError::LinkForgotten => {
            let delay = settings.delay(attempts_spent, None, rng);
            again(delay, true, WaitReason::Backoff)
        }
    }
}

#[cfg(test)]
mod tests;
