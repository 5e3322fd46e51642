//! Why a job was given up.

use crate::words;

/// The reason of a dead letter, coarse enough to group ten thousand of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeadReason {
    /// Graph does not know the device.
    NotFound,
    /// Graph refused the request, and would again.
    Rejected,
    /// Somebody else than planned was found assigned: the device was left alone.
    ReassignedMeanwhile,
    /// Passing faults, until the attempts were spent.
    AttemptsSpent,
}

words!(DeadReason, "reason of a dead letter", {
    NotFound => "not-found",
    Rejected => "rejected",
    ReassignedMeanwhile => "reassigned-meanwhile",
    AttemptsSpent => "attempts-spent",
});

impl DeadReason {
    /// What it means, in a line.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::NotFound => "Graph does not know the device",
            Self::Rejected => "Graph refused the request for this device",
            Self::ReassignedMeanwhile => "another user has the device now; it was left alone",
            Self::AttemptsSpent => "Graph kept failing until the attempts were spent",
        }
    }

    /// What became of that many devices, in few words: `10 refused`.
    #[must_use]
    pub fn of_devices(self, devices: u64) -> String {
        match self {
            Self::NotFound => format!("{devices} unknown to Graph"),
            Self::Rejected => format!("{devices} refused"),
            Self::ReassignedMeanwhile if devices == 1 => "1 has a new user".to_owned(),
            Self::ReassignedMeanwhile => format!("{devices} have a new user"),
            Self::AttemptsSpent => format!("{devices} after all their attempts"),
        }
    }

    /// What a person does about it, in a line.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::NotFound => "deregistered since the list was made? then discard",
            Self::Rejected => {
                "read the message with `repilot job ID`, mend the cause, then requeue"
            }
            Self::ReassignedMeanwhile => {
                "discard if whoever has it now is meant to keep it; requeue to take it from them, too"
            }
            Self::AttemptsSpent => "requeue when Graph works again",
        }
    }
}
