//! What a campaign is doing, in a word.

use crate::words;

/// What a campaign is doing; of one that several things keep, the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Its jobs go out.
    Running,
    /// Its canary's jobs go out, and no others.
    Canary,
    /// Its beginning has not come.
    NotBefore,
    /// Its windows are closed.
    Window,
    /// Its deadline has passed with jobs left.
    DeadlinePassed,
    /// No process moves it on.
    NoWorker,
    /// Its workers lack something that they cannot do without.
    Trouble,
    /// Graph cannot be reached.
    Unreachable,
    /// The tenant throttles: nothing leaves.
    Throttled,
    /// Others of its tenant, of a higher priority, take all that the tenant grants.
    Priority,
    /// A list of it is not all in, and nothing of it can go before.
    Incomplete,
    /// A person paused it.
    Paused,
    /// Its canary is done; a person looks at what came of it.
    CanaryWaits,
    /// Too many of its last devices failed.
    Tripped,
    /// The tenant refused as a whole.
    Refused,
    /// The person with whose sign-in it calls must sign in again.
    SignIn,
    /// All of its jobs are over.
    Ended,
    /// A person ended it.
    Cancelled,
}

words!(State, "state of a campaign", {
    Running => "running",
    Canary => "canary",
    NotBefore => "not-before",
    Window => "window",
    DeadlinePassed => "deadline-passed",
    NoWorker => "no-worker",
    Trouble => "trouble",
    Unreachable => "unreachable",
    Throttled => "throttled",
    Priority => "priority",
    Incomplete => "incomplete",
    Paused => "paused",
    CanaryWaits => "canary-waits",
    Tripped => "tripped",
    Refused => "refused",
    SignIn => "sign-in",
    Ended => "ended",
    Cancelled => "cancelled",
});

impl State {
    /// The same for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Canary => "runs its canary",
            Self::NotBefore => "begins later",
            Self::Window => "waits for its window",
            Self::DeadlinePassed => "deadline passed",
            Self::NoWorker => "waits for a worker",
            Self::Trouble | Self::Unreachable => "stands still",
            Self::Throttled => "throttled",
            Self::Priority => "waits for others",
            Self::Incomplete => "list not all in",
            Self::Paused => "paused",
            Self::CanaryWaits => "canary to pass",
            Self::Tripped => "stopped: too many failed",
            Self::Refused => "stopped: the tenant refuses",
            Self::SignIn => "waits for a sign-in",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it is over for good.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Ended | Self::Cancelled)
    }

    /// Whether its jobs go out.
    #[must_use]
    pub const fn moves(self) -> bool {
        matches!(self, Self::Running | Self::Canary)
    }
}

/// How much it presses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// All is as it is to be.
    Fine,
    /// A person is asked something, or does well to know it.
    Ask,
    /// It stands still until somebody mends something.
    Alarm,
}

words!(Grade, "grade", {
    Fine => "fine",
    Ask => "ask",
    Alarm => "alarm",
});
