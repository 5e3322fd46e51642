//! A job's states, and the one place that knows which may follow which.

use crate::words;

/// Where a job is. The ledger decides it; the wire only carries ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JobState {
    /// Waits in the ledger: for its time, for the lane, or for its campaign.
    Pending,
    /// On the wire, under a dispatch number.
    Queued,
    /// Claimed by a worker, which may be calling Graph.
    Running,
    /// Graph accepted the action, or the device was seen to be in the wanted state.
    Succeeded,
    /// Dead letter: with its reason, its last error and every attempt.
    Dead,
    /// Taken back with its campaign, before it was called.
    Cancelled,
    /// Set aside by a person.
    Skipped,
}

words!(JobState, "job state", {
    Pending => "pending",
    Queued => "queued",
    Running => "running",
    Succeeded => "succeeded",
    Dead => "dead",
    Cancelled => "cancelled",
    Skipped => "skipped",
});

/// What can happen to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobEvent {
    /// Put on the wire under a new dispatch number.
    Dispatch,
    /// Taken off the wire unclaimed: the lane closed, the campaign paused, or the wire was lost.
    Recall,
    /// Taken by a worker that holds this dispatch number.
    Claim,
    /// A step is done, and a further one follows at once.
    Advance,
    /// Graph did it, or it was found done.
    Succeed,
    /// To be tried again, at once or later.
    Retry,
    /// Given up.
    Bury,
    /// The worker's lease ran out.
    Rescue,
    /// The campaign was cancelled.
    Cancel,
    /// A person set the job aside.
    Skip,
    /// A person wants a dead letter tried again.
    Requeue,
    /// A person is done with a dead letter.
    Discard,
    /// A person takes a discard back.
    Restore,
    /// A person wants what was done tried again: the inventory shows that it came to nothing.
    Reopen,
}

words!(JobEvent, "job event", {
    Dispatch => "dispatch",
    Recall => "recall",
    Claim => "claim",
    Advance => "advance",
    Succeed => "succeed",
    Retry => "retry",
    Bury => "bury",
    Rescue => "rescue",
    Cancel => "cancel",
    Skip => "skip",
    Requeue => "requeue",
    Discard => "discard",
    Restore => "restore",
    Reopen => "reopen",
});

/// An event that the job's state does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {state} job does not allow `{event}`")]
pub struct IllegalTransition {
    /// The state that the job was in.
    pub state: JobState,
    /// What was to happen to it.
    pub event: JobEvent,
}

impl JobState {
    /// The state that follows.
    pub fn apply(self, event: JobEvent) -> Result<Self, IllegalTransition> {
        use JobEvent as E;
        use JobState as S;
        match (self, event) {
            (S::Pending, E::Dispatch) => Ok(S::Queued),
            (S::Queued, E::Claim) | (S::Running, E::Advance) => Ok(S::Running),
            (S::Running, E::Succeed) => Ok(S::Succeeded),
            (S::Running, E::Bury) | (S::Skipped, E::Restore) => Ok(S::Dead),
            (S::Queued, E::Recall | E::Rescue)
            | (S::Running, E::Retry | E::Rescue)
            | (S::Dead, E::Requeue)
            | (S::Succeeded, E::Reopen) => Ok(S::Pending),
            (S::Pending | S::Queued, E::Cancel) => Ok(S::Cancelled),
            (S::Pending | S::Queued, E::Skip) | (S::Dead, E::Discard) => Ok(S::Skipped),
            (state, event) => Err(IllegalTransition { state, event }),
        }
    }

    /// Whether the job is over, short of a person's wish.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Dead | Self::Cancelled | Self::Skipped
        )
    }

    /// The states from which `event` is allowed: what the ledger's SQL asks for in its `WHERE`.
    #[must_use]
    pub fn sources_of(event: JobEvent) -> Vec<Self> {
        Self::ALL
            .iter()
            .copied()
            .filter(|state| state.apply(event).is_ok())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_whole_table_is_what_the_design_says() {
        let legal: Vec<String> = JobState::ALL
            .iter()
            .flat_map(|state| JobEvent::ALL.iter().map(move |event| (*state, *event)))
            .filter_map(|(state, event)| {
                let next = state.apply(event).ok()?;
                Some(format!("{state} {event} {next}"))
            })
            .collect();
        assert_eq!(
            legal,
            [
                "pending dispatch queued",
                "pending cancel cancelled",
                "pending skip skipped",
                "queued recall pending",
                "queued claim running",
                "queued rescue pending",
                "queued cancel cancelled",
                "queued skip skipped",
                "running advance running",
                "running succeed succeeded",
                "running retry pending",
                "running bury dead",
                "running rescue pending",
                "succeeded reopen pending",
                "dead requeue pending",
                "dead discard skipped",
                "skipped restore dead",
            ]
        );
    }

    #[test]
    fn an_illegal_event_names_state_and_event() {
        let error = JobState::Succeeded.apply(JobEvent::Claim).unwrap_err();
        assert_eq!(error.to_string(), "a succeeded job does not allow `claim`");
    }

    fn any_event() -> impl Strategy<Value = JobEvent> {
        proptest::sample::select(JobEvent::ALL)
    }

    proptest! {
        #[test]
        fn success_is_left_by_a_person_alone_and_follows_a_claim_alone(events in proptest::collection::vec(any_event(), 0..200)) {
            let mut state = JobState::Pending;
            let mut previous = None;
            for event in events {
                let Ok(next) = state.apply(event) else { continue };
                if state == JobState::Succeeded {
                    prop_assert_eq!(event, JobEvent::Reopen);
                    prop_assert_eq!(next, JobState::Pending);
                }
                if next == JobState::Succeeded {
                    prop_assert_eq!(state, JobState::Running);
                    prop_assert!(matches!(previous, Some(JobEvent::Claim | JobEvent::Advance)));
                }
                state = next;
                previous = Some(event);
            }
        }

        #[test]
        fn a_word_reads_back_as_what_it_was(event in any_event()) {
            prop_assert_eq!(event.as_str().parse::<JobEvent>().unwrap(), event);
        }
    }
}
