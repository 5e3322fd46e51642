//! What the ledger is told of a job, by what was decided.

use repilot_domain::{AttemptStep, DeadReason, Timestamp};
use repilot_ledger::{ClaimedJob, NewAttempt, Settlement, Verdict, WaitReason};

use crate::{Decision, report};

/// Whether an attempt is a look that saw its device.
fn has_seen(attempt: &NewAttempt) -> bool {
    let is_success = attempt
        .status
        .is_some_and(|status| (200..300).contains(&status));
    attempt.step == AttemptStep::Look && is_success
}

/// Says it in the log, too.
pub(crate) fn settlement(
    job: &ClaimedJob,
    decision: Decision,
    attempts: Vec<NewAttempt>,
    now: Timestamp,
) -> Settlement {
    let last = attempts.last();
    let message = match decision {
        Decision::Succeed | Decision::Complete => String::new(),
        // A look that went well says nothing of why the attempts are spent: what was said before stays.
        Decision::Bury {
            reason: DeadReason::AttemptsSpent,
            ..
        } if last.is_some_and(has_seen) => String::new(),
        // Who it is stands by itself, and not where words are counted.
        Decision::Bury {
            reason: DeadReason::ReassignedMeanwhile,
            ..
        } => "another user has the device now".to_owned(),
        _ => last.map(report::in_words).unwrap_or_default(),
    };
    report::log(job, &decision, last, &message);
    let verdict = match decision {
        Decision::Succeed | Decision::Complete => Verdict::Succeeded,
        Decision::Bury { reason, uncertain } => Verdict::Dead {
            reason,
            uncertain,
            message,
        },
        Decision::Retry {
            delay,
            spent,
            uncertain,
            reason,
            pause,
        } => Verdict::Retry {
            not_before: now.after(delay),
            spent,
            uncertain,
            reason,
            message,
            pause,
        },
        // A look that says "act" is followed by the act within the same turn.
        Decision::Act => Verdict::Retry {
            not_before: now,
            spent: false,
            uncertain: true,
            reason: WaitReason::Uncertain,
            message,
            pause: None,
        },
    };
    Settlement {
        key: job.key,
        verdict,
        attempts,
    }
}
