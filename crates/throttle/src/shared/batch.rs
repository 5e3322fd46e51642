//! What a process brings to a lane's shared state at a time, and takes from it.

use std::time::Duration;

use crate::SeededCall;
use crate::core::Answer;

/// What a process wants of the lane.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    pub(crate) settlements: Vec<Settlement>,
    pub(crate) hold: Option<Duration>,
    /// Permits for calls that wait.
    pub(crate) wanted: u32,
    /// Permits for calls that may come.
    pub(crate) prefetched: u32,
    /// Others that had waited longer had the time to take theirs.
    pub(crate) deferred: bool,
    /// The calls of the window, as they are known elsewhere, where Redis forgot them.
    pub(crate) history: Option<Vec<SeededCall>>,
}

/// What came of a permit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settlement {
    pub(crate) holder: u64,
    pub(crate) epoch: u64,
    pub(crate) took: Duration,
    pub(crate) answer: Answer,
}

/// What a process gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decision {
    pub(crate) granted: u32,
    pub(crate) epoch: u64,
    /// Why there is not more, if more was wanted.
    pub(crate) wait: Option<Wait>,
}

/// When to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// At this instant of the lane's time.
    Until(Duration),
    /// When a call is settled, whoever made it.
    UntilSettled,
    /// When those who have waited longer had the time to take theirs.
    Deferring,
}
