//! What a worker says of a job that it has claimed.

use repilot_domain::{DeadReason, JobEvent, JobState, PauseCause, Timestamp};

use crate::{ClaimKey, LedgerError, NewAttempt};

/// Why a job that was called waits for its next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitReason {
    /// The tenant was throttled.
    Throttled,
    /// A passing fault.
    Backoff,
    /// Nobody knows whether the call took effect: the device is looked at next.
    Uncertain,
    /// The tenant refuses as a whole: returned unspent.
    Returned,
    /// A call may have taken effect, its device was looked at since and was as before, and its next call
    /// could not follow.
    LookedAt,
}

impl WaitReason {
    /// The word for it in the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Backoff => "backoff",
            Self::Uncertain => "uncertain",
            Self::Returned => "returned",
            Self::LookedAt => "looked-at",
        }
    }
}

/// A pause of a campaign, by what came of one of its jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// What paused it.
    pub cause: PauseCause,
    /// Why, in words.
    pub reason: String,
}

/// What becomes of a claimed job.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// Done.
    Succeeded,
    /// To be called again, not before then.
    Retry {
        /// The earliest moment of the next call.
        not_before: Timestamp,
        /// Whether this attempt counts against the limit.
        spent: bool,
        /// Whether the device must be looked at first.
        uncertain: bool,
        /// Why it waits.
        reason: WaitReason,
        /// The last answer, in words.
        message: String,
        /// Pause the campaign in the same transaction.
        pause: Option<Pause>,
    },
    /// Given up.
    Dead {
        /// Why.
        reason: DeadReason,
        /// Whether a call may have taken effect unseen: looked at first, should it be requeued.
        uncertain: bool,
        /// The last answer, in words.
        message: String,
    },
}

/// What a worker says of a job that it has claimed.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The claim that it is said of.
    pub key: ClaimKey,
    /// What becomes of it.
    pub verdict: Verdict,
    /// What was asked of Graph for it, in order.
    pub attempts: Vec<NewAttempt>,
}

/// What stands in `uncertain` of a job whose device was looked at since its last call: a lost call may
/// still arrive.
pub(crate) const LOOKED_AT: i64 = 2;

/// The columns that a verdict writes.
pub(crate) struct Written<'a> {
    pub(crate) spent: i64,
    pub(crate) uncertain: i64,
    pub(crate) not_before: i64,
    pub(crate) reason: &'a str,
    pub(crate) message: &'a str,
    pub(crate) finished_at: Option<i64>,
}

impl Verdict {
    pub(crate) const fn event(&self) -> JobEvent {
        match self {
            Self::Succeeded => JobEvent::Succeed,
            Self::Retry { .. } => JobEvent::Retry,
            Self::Dead { .. } => JobEvent::Bury,
        }
    }

    /// A claimed job is running; nothing else can be settled.
    pub(crate) fn state(&self) -> Result<JobState, LedgerError> {
        Ok(JobState::Running.apply(self.event())?)
    }

    pub(crate) fn written(&self, now: Timestamp) -> Written<'_> {
        match self {
            Self::Succeeded => Written {
                spent: 1,
                uncertain: 0,
                not_before: 0,
                reason: "",
                message: "",
                finished_at: Some(now.as_millis()),
            },
            Self::Retry {
                not_before,
                spent,
                uncertain,
                reason,
                message,
                ..
            } => Written {
                spent: i64::from(*spent),
                uncertain: match reason {
                    WaitReason::LookedAt if *uncertain => LOOKED_AT,
                    _ => i64::from(*uncertain),
                },
                not_before: not_before.as_millis(),
                reason: reason.as_str(),
                message,
                finished_at: None,
            },
            Self::Dead {
                reason,
                uncertain,
                message,
            } => Written {
                spent: 1,
                uncertain: i64::from(*uncertain),
                not_before: 0,
                reason: reason.as_str(),
                message,
                finished_at: Some(now.as_millis()),
            },
        }
    }
}
