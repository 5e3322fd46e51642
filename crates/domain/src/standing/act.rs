//! Who must act, and how.

use crate::words;

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    /// Nobody's: it goes on by itself.
    Nobody,
    /// Whoever steers the campaign.
    Operator,
    /// Whoever keeps the machines on which workers run.
    Host,
    /// Whoever administers the tenant.
    Tenant,
}

words!(Who, "whose turn it is", {
    Nobody => "nobody",
    Operator => "operator",
    Host => "host",
    Tenant => "tenant",
});

/// What somebody can do about it: a command on the command line, a button on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// Start a worker that serves the campaign's tenant.
    StartWorker,
    /// Let a paused campaign go on.
    Resume,
    /// Look at the canary's devices.
    LookAtCanary,
    /// Let the rest follow the canary.
    PassCanary,
    /// End the campaign.
    Cancel,
    /// Set a later deadline, or none.
    SetDeadline,
    /// Give it more time: other windows, a faster rate, a later deadline.
    ChangeControls,
    /// Enqueue the same list again.
    EnqueueAgain,
    /// Look at the dead letters: requeue what is mended, discard the rest.
    LookAtDead,
    /// Check settings, credentials, network and tenant.
    Check,
    /// Sign in again.
    SignIn,
    /// Bring all processes to one version.
    Update,
    /// Set the machines' clocks.
    SetClock,
}

words!(Act, "act", {
    StartWorker => "start-worker",
    Resume => "resume",
    LookAtCanary => "look-at-canary",
    PassCanary => "pass-canary",
    Cancel => "cancel",
    SetDeadline => "set-deadline",
    ChangeControls => "change-controls",
    EnqueueAgain => "enqueue-again",
    LookAtDead => "look-at-dead",
    Check => "check",
    SignIn => "sign-in",
    Update => "update",
    SetClock => "set-clock",
});

impl Act {
    /// What it is, as in "Start a worker for its tenant".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::StartWorker => "Start a worker for its tenant",
            Self::Resume => "Resume it",
            Self::LookAtCanary => "Look at the canary's devices",
            Self::PassCanary => "Pass the canary",
            Self::Cancel => "Cancel it",
            Self::SetDeadline => "Set a later deadline or none",
            Self::ChangeControls => "Change its windows, rate or deadline",
            Self::EnqueueAgain => "Enqueue the same list again",
            Self::LookAtDead => "Look at the dead letters",
            Self::Check => "Check settings, network and tenant",
            Self::SignIn => "Sign in again",
            Self::Update => "Bring all processes to one version",
            Self::SetClock => "Set the clocks of the machines",
        }
    }
}
