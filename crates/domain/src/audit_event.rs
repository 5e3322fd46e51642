//! What the audit records.

use crate::words;

/// A step of a person or of the system that steers a campaign, or the program itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuditEvent {
    /// A campaign was made.
    CampaignOpened,
    /// A plan was accepted: these devices and no others are to go in.
    PlanAccepted,
    /// A device list began to go into a campaign.
    ListBegun,
    /// The whole of a device list is in.
    ListEnqueued,
    /// A campaign was paused, by a person or because the tenant refuses.
    Paused,
    /// A paused campaign goes on.
    Resumed,
    /// What was not called yet never will be.
    Cancelled,
    /// The last job of a campaign became terminal.
    Ended,
    /// Calls were made under claims that the ledger no longer knows: a standby that lagged took over.
    ResultsForgotten,
    /// Jobs were sent round again.
    Requeued,
    /// Dead letters were set aside.
    Discarded,
    /// Dead letters that were set aside are dead letters again.
    Restored,
    /// A reassignment left devices without a user.
    WithoutUser,
    /// A campaign was made that gives devices without a user back to their former users.
    GivenBack,
    /// A campaign was made that assigns devices whose reassignment stopped half way.
    AssignedAgain,
    /// Jobs that had not been called yet were taken back.
    JobsCancelled,
    /// Jobs that had not been called yet were set aside.
    JobsSkipped,
    /// A campaign paused itself over its dead letters.
    BreakerTripped,
    /// A campaign's first slice is through; it waits for a person.
    CanaryWaiting,
    /// A campaign's first slice is through; it goes on.
    CanaryPassed,
    /// A campaign's controls were changed.
    SettingsChanged,
    /// A campaign's devices were held against the inventory.
    Verified,
    /// A campaign was made that leads another one back.
    RolledBack,
    /// User names and jobs of an ended campaign were forgotten.
    Pruned,
    /// Somebody signed in.
    SignedIn,
    /// Somebody signed out.
    SignedOut,
    /// Somebody was refused at the door.
    SignInRefused,
    /// A user was made.
    UserAdded,
    /// A user was changed.
    UserChanged,
    /// A user was taken away.
    UserRemoved,
    /// A token for the API was made.
    TokenCreated,
    /// A token for the API no longer holds.
    TokenRevoked,
}

words!(AuditEvent, "audit event", {
    CampaignOpened => "campaign-opened",
    PlanAccepted => "plan-accepted",
    ListBegun => "list-begun",
    ListEnqueued => "list-enqueued",
    Paused => "paused",
    Resumed => "resumed",
    Cancelled => "cancelled",
    Ended => "ended",
    ResultsForgotten => "results-forgotten",
    Requeued => "requeued",
    Discarded => "discarded",
    Restored => "restored",
    WithoutUser => "without-user",
    GivenBack => "given-back",
    AssignedAgain => "assigned-again",
    JobsCancelled => "jobs-cancelled",
    JobsSkipped => "jobs-skipped",
    BreakerTripped => "breaker-tripped",
    CanaryWaiting => "canary-waiting",
    CanaryPassed => "canary-passed",
    SettingsChanged => "settings-changed",
    Verified => "verified",
    RolledBack => "rolled-back",
    Pruned => "pruned",
    SignedIn => "signed-in",
    SignedOut => "signed-out",
    SignInRefused => "sign-in-refused",
    UserAdded => "user-added",
    UserChanged => "user-changed",
    UserRemoved => "user-removed",
    TokenCreated => "token-created",
    TokenRevoked => "token-revoked",
});
