//! Whether what a job did is taken back, and by which action.

use crate::{Action, JobState, Step, is_same_user};

/// A job, as far as taking it back looks at it.
#[derive(Debug, Clone, Copy)]
pub struct Past<'a> {
    /// Where it is.
    pub state: JobState,
    /// What it was to do.
    pub action: Action,
    /// Steps that are done, of a job that did not succeed.
    pub steps_done: usize,
    /// A call of it may have taken effect unseen.
    pub is_unknown: bool,
    /// Who had the device before; empty where nobody had it.
    pub previous: &'a str,
    /// Who was to have it; empty where nobody was.
    pub wanted: &'a str,
}

/// Why a job is not taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoWayBack {
    /// It changed nothing.
    NothingDone,
    /// It is not over.
    NotOver,
    /// Nobody was assigned before, and nobody is by it.
    NobodyBefore,
    /// The inventory has no such device any more.
    Unknown,
    /// The device is as it was before.
    AsBefore,
    /// Somebody whom the job did not assign has it.
    NewUser,
}

impl Past<'_> {
    /// The action that gives the device back to whom it had, by the user that the inventory shows;
    /// `None` where it lists no such device.
    pub fn way_back(&self, shown: Option<&str>) -> Result<Action, NoWayBack> {
        let [former, wanted] = [self.previous, self.wanted].map(str::trim);
        match self.state {
            JobState::Running => return Err(NoWayBack::NotOver),
            JobState::Succeeded => {}
            _ if self.steps_done == 0 && !self.is_unknown => return Err(NoWayBack::NothingDone),
            JobState::Pending | JobState::Queued => return Err(NoWayBack::NotOver),
            JobState::Dead | JobState::Cancelled | JobState::Skipped => {}
        }
        // Between two steps nobody is assigned.
        let left_with = if self.state == JobState::Succeeded || self.may_have_assigned() {
            wanted
        } else {
            ""
        };
        if former.is_empty() && left_with.is_empty() {
            return Err(NoWayBack::NobodyBefore);
        }
        let now = shown.ok_or(NoWayBack::Unknown)?.trim();
        if is_same_user(now, former) {
            return Err(NoWayBack::AsBefore);
        }
        if !now.is_empty() && !is_same_user(now, left_with) {
            return Err(NoWayBack::NewUser);
        }
        Ok(match (now.is_empty(), former.is_empty()) {
            (true, _) => Action::Assign,
            (false, true) => Action::Unassign,
            (false, false) => Action::Reassign,
        })
    }

    fn may_have_assigned(&self) -> bool {
        let step = self.action.steps().get(self.steps_done);
        self.is_unknown && step == Some(&Step::Assign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(past: &Past<'_>, shown: &str) -> Result<Action, NoWayBack> {
        past.way_back(Some(shown))
    }

    const SUCCEEDED: Past<'_> = Past {
        state: JobState::Succeeded,
        action: Action::Reassign,
        steps_done: 0,
        is_unknown: false,
        previous: "old@b",
        wanted: "new@b",
    };

    #[test]
    fn each_device_gets_whom_it_had_unless_somebody_came() {
        use NoWayBack::{AsBefore, NewUser, NobodyBefore, Unknown};
        for (previous, wanted, shown, expected) in [
            ("old@b", "", "", Ok(Action::Assign)),
            ("old@b", "new@b", "NEW@b", Ok(Action::Reassign)),
            ("old@b", "new@b", "", Ok(Action::Assign)),
            ("", "new@b", "new@b", Ok(Action::Unassign)),
            ("old@b", "", "Old@b", Err(AsBefore)),
            ("", "new@b", "", Err(AsBefore)),
            ("old@b", "", "eve@b", Err(NewUser)),
            ("", "", "", Err(NobodyBefore)),
        ] {
            let past = Past {
                previous,
                wanted,
                ..SUCCEEDED
            };
            assert_eq!(back(&past, shown), expected, "{past:?} {shown}");
        }
        assert_eq!(SUCCEEDED.way_back(None), Err(Unknown));
    }

    #[test]
    fn what_may_have_been_done_unseen_is_taken_back_as_far_as_it_was() {
        let dead = Past {
            state: JobState::Dead,
            ..SUCCEEDED
        };
        assert_eq!(back(&dead, ""), Err(NoWayBack::NothingDone));
        let lost = Past {
            is_unknown: true,
            ..dead
        };
        assert_eq!(back(&lost, ""), Ok(Action::Assign));
        assert_eq!(back(&lost, "old@b"), Err(NoWayBack::AsBefore));
        // It was lost before its assignment: whoever has that user has it from somebody else.
        assert_eq!(back(&lost, "new@b"), Err(NoWayBack::NewUser));
        let between = Past {
            steps_done: 1,
            ..dead
        };
        assert_eq!(back(&between, ""), Ok(Action::Assign));
        assert_eq!(back(&between, "new@b"), Err(NoWayBack::NewUser));
        let assigned_perhaps = Past {
            steps_done: 1,
            ..lost
        };
        assert_eq!(back(&assigned_perhaps, "new@b"), Ok(Action::Reassign));
    }

    #[test]
    fn what_is_not_over_is_not_taken_back() {
        for (state, is_unknown, expected) in [
            (JobState::Pending, false, NoWayBack::NothingDone),
            (JobState::Pending, true, NoWayBack::NotOver),
            (JobState::Queued, true, NoWayBack::NotOver),
            (JobState::Running, false, NoWayBack::NotOver),
        ] {
            let past = Past {
                state,
                is_unknown,
                ..SUCCEEDED
            };
            assert_eq!(back(&past, ""), Err(expected), "{past:?}");
        }
    }
}
