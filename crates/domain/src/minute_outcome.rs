//! What is counted of a campaign minute by minute.

use crate::words;

/// What became of a job or a call in a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MinuteOutcome {
    /// Jobs that succeeded.
    Succeeded,
    /// Jobs that became dead letters.
    Dead,
    /// Calls that Graph answered with 429.
    Throttled,
    /// Calls that came to nothing and are made again: a passing fault, an answer that was lost, a
    /// tenant that refuses.
    Retried,
}

words!(MinuteOutcome, "outcome of a minute", {
    Succeeded => "succeeded",
    Dead => "dead",
    Throttled => "throttled",
    Retried => "retried",
});
