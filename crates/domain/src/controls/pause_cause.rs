//! What paused a campaign.

use crate::words;

/// What paused a campaign, and so who may let it go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PauseCause {
    /// A person.
    Person,
    /// The tenant refused as a whole.
    Tenant,
    /// Its canary is done; a person looks at what came of it.
    Canary,
    /// Too many of the recent outcomes are dead letters.
    Breaker,
    /// Its deadline passed.
    Deadline,
    /// The person whose sign-in the calls are made with must sign in again.
    SignIn,
}

words!(PauseCause, "cause of a pause", {
    Person => "person",
    Tenant => "tenant",
    Canary => "canary",
    Breaker => "breaker",
    Deadline => "deadline",
    SignIn => "sign-in",
});
