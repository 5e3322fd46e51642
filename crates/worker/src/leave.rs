//! Leave to make one call: the tenant's, and that of the campaign's own ceiling where it has one.

use repilot_throttle::{Answer, Permit};

/// Leave to make one call.
pub(crate) struct Leave {
    pub(crate) tenant: Permit,
    pub(crate) ceiling: Option<Permit>,
}

impl Leave {
    /// Whether the call may still go, to be asked right before it does.
    pub(crate) fn is_valid(&self) -> bool {
        self.tenant.is_valid() && self.ceiling.as_ref().is_none_or(Permit::is_valid)
    }

    /// Tells what came of the call. A ceiling counts calls, and asks no more of them.
    pub(crate) fn settle(self, answer: Answer) {
        if let Some(ceiling) = self.ceiling {
            ceiling.settle(match answer {
                Answer::NotSent => Answer::NotSent,
                Answer::Accepted | Answer::Throttled { .. } | Answer::Failed => Answer::Accepted,
            });
        }
        self.tenant.settle(answer);
    }
}
