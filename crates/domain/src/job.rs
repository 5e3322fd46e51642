//! What is kept of each attempt.

use crate::words;

/// What an attempt asked of Graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptStep {
    /// To unassign the user: a write. The word is from when there was no other action.
    Act,
    /// To assign a user: a write.
    Assign,
    /// A look at the device, where a call may have taken effect unseen or somebody else may have
    /// come first: a read.
    Look,
}

words!(AttemptStep, "step of an attempt", {
    Act => "act",
    Assign => "assign",
    Look => "look",
});

impl AttemptStep {
    /// The same for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Act => "unassign",
            Self::Assign => "assign",
            Self::Look => "look",
        }
    }
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptOutcome {
    /// Done, or found done.
    Succeeded,
    /// The tenant is throttled; no attempt was spent.
    Throttled,
    /// A passing fault; tried again later.
    Retried,
    /// The answer does not say whether it was done; looked at before anything else.
    Ambiguous,
    /// The whole tenant refuses; the job was returned unspent.
    Returned,
    /// Given up.
    Buried,
    /// The worker vanished; whether the call was made is not known.
    Lost,
}

words!(AttemptOutcome, "outcome of an attempt", {
    Succeeded => "succeeded",
    Throttled => "throttled",
    Retried => "retried",
    Ambiguous => "ambiguous",
    Returned => "returned",
    Buried => "buried",
    Lost => "lost",
});
