//! The steps of an action, and how far a job is among them: what follows what, and nothing else
//! decides it.

use crate::{Action, AttemptStep, words};

/// One call that changes a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// `unassignUserFromDevice`.
    Unassign,
    /// `assignUserToDevice`.
    Assign,
}

words!(Step, "step", {
    Unassign => "unassign",
    Assign => "assign",
});

impl Step {
    /// What an attempt at it is called.
    #[must_use]
    pub const fn attempt(self) -> AttemptStep {
        match self {
            Self::Unassign => AttemptStep::Act,
            Self::Assign => AttemptStep::Assign,
        }
    }
}

impl Action {
    /// The calls that it takes, in order.
    #[must_use]
    pub const fn steps(self) -> &'static [Step] {
        match self {
            Self::Unassign => &[Step::Unassign],
            Self::Assign => &[Step::Assign],
            Self::Reassign => &[Step::Unassign, Step::Assign],
        }
    }

    /// Whether it needs to be told a user.
    #[must_use]
    pub const fn needs_user(self) -> bool {
        match self {
            Self::Unassign => false,
            Self::Assign | Self::Reassign => true,
        }
    }
}

/// How far a job is: the steps of its action that are done, each of them for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Progress {
    action: Action,
    done: usize,
}

/// What a step's success makes of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepped {
    /// This is how far it is now; a further step follows.
    On(Progress),
    /// It was the last: the job has succeeded.
    Over,
}

impl Progress {
    /// So many steps of an action are done.
    #[must_use]
    pub const fn new(action: Action, done: usize) -> Self {
        Self { action, done }
    }

    /// The steps that are done.
    #[must_use]
    pub const fn done(self) -> usize {
        self.done
    }

    /// The action whose steps these are.
    #[must_use]
    pub const fn action(self) -> Action {
        self.action
    }

    /// The step to be called next; `None` when all are done.
    #[must_use]
    pub fn next(self) -> Option<Step> {
        self.action.steps().get(self.done).copied()
    }

    /// Whether the device was changed and is not yet what it shall be.
    #[must_use]
    pub fn is_between(self) -> bool {
        self.done > 0 && self.next().is_some()
    }

    /// What the next step's success makes of the job.
    ///
    /// Its refusal changes nothing here: the job is given up where it stands, and goes on there.
    #[must_use]
    pub fn succeeded(self) -> Stepped {
        let on = Self {
            done: self.done + 1,
            ..self
        };
        match on.next() {
            Some(_) => Stepped::On(on),
            None => Stepped::Over,
        }
    }

    /// Where a job stands that is between two steps, in words.
    #[must_use]
    pub fn words(self, new_user: &str) -> Option<String> {
        if !self.is_between() {
            return None;
        }
        match self.next()? {
            Step::Assign => Some(format!("unassigned, not yet assigned to {new_user}")),
            Step::Unassign => Some("not yet unassigned".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_goes_through_its_steps_and_ends() {
        for action in Action::ALL {
            let mut progress = Progress::new(*action, 0);
            let mut called = Vec::new();
            loop {
                called.extend(progress.next());
                match progress.succeeded() {
                    Stepped::On(next) => progress = next,
                    Stepped::Over => break,
                }
            }
            assert_eq!(called, action.steps());
            assert_eq!(called.contains(&Step::Assign), action.needs_user());
        }
    }

    #[test]
    fn a_job_between_two_steps_says_what_is_done_and_what_is_not() {
        let between = Progress::new(Action::Reassign, 1);
        assert_eq!(
            between.words("ada@contoso.com").unwrap(),
            "unassigned, not yet assigned to ada@contoso.com"
        );
        for whole in [
            Progress::new(Action::Reassign, 0),
            Progress::new(Action::Reassign, 2),
            Progress::new(Action::Unassign, 0),
            Progress::new(Action::Assign, 1),
        ] {
            assert_eq!(whole.words("ada@contoso.com"), None, "{whole:?}");
        }
    }
}
