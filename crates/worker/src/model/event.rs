//! What can happen, and the words for it.

/// Who has a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    Before,
    Nobody,
    New,
    /// Somebody whom an admin assigned meanwhile.
    Other,
}

/// What Graph does with a call and what is heard of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    /// A timeout, a reset or a 504 after it was done.
    DoneUnheard,
    /// The same, but it was not done.
    LostUndone,
    /// The same, but it is done later, if ever: at [`Event::Arrive`].
    LostUnderWay,
    /// A page in Graph's place, after it was done, once or time and again.
    StrangeDone {
        repeats: bool,
    },
    /// The same, but it was not done.
    StrangeUndone {
        repeats: bool,
    },
    Throttled,
    /// 409, 423 and the like: Graph says that nothing was done.
    Fault,
    Unreachable,
    TokenRefused,
    TenantRefuses,
    NotFound,
    Refused,
}

#[derive(Debug, Clone)]
pub(super) enum Event {
    /// So many seconds pass.
    Pass(i64),
    Dispatch(usize),
    /// A delivery, of the newest dispatch or of an earlier one.
    Claim {
        worker: usize,
        job: usize,
        stale: bool,
    },
    /// A job comes off the wire unclaimed.
    Recall(usize),
    /// The next call for what is claimed: an act, or a look where it is uncertain or was not seen for
    /// too long.
    Call(usize, Answer),
    /// What is claimed is given back without a further call: its lane has closed.
    Withhold(usize),
    /// A call that was under way takes effect.
    Arrive(usize),
    /// What came of it is told to the ledger.
    Say(usize),
    /// The last that was told is told again.
    SayAgain,
    Renew(usize),
    /// A worker vanishes with all it holds; another takes its place.
    Crash(usize),
    Rescue,
    Pause(usize),
    Resume(usize),
    Cancel(usize),
    Requeue(usize),
    Discard(usize),
    Skip(usize),
    /// The same list again.
    EnqueueAgain,
    /// An admin assigns somebody in the portal, or nobody.
    Meddle(usize, User),
    /// A second campaign is made that takes the first one back.
    TakeBack,
    /// A worker lists who has the tenant's devices.
    List,
    /// A campaign's devices are held against the inventory.
    Verify(usize),
    /// Those that came to nothing go round again.
    Reopen(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Active,
    Paused,
    /// By the tenant, which refuses everything.
    Refused,
    Cancelled,
}
