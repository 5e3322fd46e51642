//! What a person does to jobs.

use crate::{JobEvent, words};

/// What a person does to jobs that they picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobAct {
    /// Dead letters go round again.
    Requeue,
    /// Dead letters are set aside.
    Discard,
    /// Dead letters that were set aside are dead letters again.
    Restore,
    /// What has not been called yet is taken back.
    Cancel,
    /// What has not been called yet is set aside.
    Skip,
}

words!(JobAct, "act on jobs", {
    Requeue => "requeue",
    Discard => "discard",
    Restore => "restore",
    Cancel => "cancel",
    Skip => "skip",
});

impl JobAct {
    /// What befalls each job.
    #[must_use]
    pub const fn event(self) -> JobEvent {
        match self {
            Self::Requeue => JobEvent::Requeue,
            Self::Discard => JobEvent::Discard,
            Self::Restore => JobEvent::Restore,
            Self::Cancel => JobEvent::Cancel,
            Self::Skip => JobEvent::Skip,
        }
    }
}
