//! What the model knows of devices, of their jobs, and of what is in a worker's hands.

use repilot_domain::{Action, JobState, Step, Verification};

use super::event::User;

/// Nobody has looked.
pub(super) const NEVER: i64 = i64::MIN;

#[derive(Debug, Clone)]
pub(super) struct Device {
    pub(super) user: User,
    /// The job that was claimed last: what it says of the device is what counts.
    pub(super) speaker: usize,
    /// Something came that its job cannot know of: somebody else's assignment, or a call that was
    /// given up for lost long ago.
    pub(super) is_astray: bool,
    pub(super) changes: u32,
    /// When somebody else gave it to whom it has, or took it away; none once a job changed that.
    pub(super) meddled_at: Option<i64>,
}

#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, as the model says it"
)]
pub(super) struct Job {
    pub(super) campaign: usize,
    pub(super) device: usize,
    pub(super) action: Action,
    /// Who had the device when it was planned.
    pub(super) previous: User,
    /// Who shall have it.
    pub(super) wanted: User,
    pub(super) state: JobState,
    pub(super) steps: usize,
    pub(super) uncertain: bool,
    /// Its device was looked at since its last call, and was as before.
    pub(super) is_looked_at: bool,
    /// It was sent to be looked at alone.
    pub(super) looks_only: bool,
    pub(super) spent: u32,
    pub(super) verification: Option<Verification>,
    pub(super) dispatch: i64,
    pub(super) lease: i64,
    pub(super) holder: (usize, u32),
    /// A call of it was lost, which may still be under way.
    pub(super) was_lost: bool,
    /// Died because somebody else had the device.
    pub(super) is_taken: bool,
    /// How often it began anew, whatever came of the calls before.
    pub(super) round: u32,
    /// The device's changes when it was planned.
    pub(super) knows: u32,
    /// What is known of its device by itself: who had it, and when that was seen.
    pub(super) seen: Option<(User, i64)>,
    /// Who was found on its device when it died.
    pub(super) found: Option<(User, i64)>,
    /// Whom a person let it take the device from.
    pub(super) accepted: Option<User>,
    /// A call of it is on record that may have had an effect.
    pub(super) was_called: bool,
    /// What its last dispatch said: since when all of its campaign's devices had been seen, and
    /// whether none of the tenant's showed a user.
    pub(super) rule: (i64, bool),
}

/// What a worker has claimed, as it knows it.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, as the model says it"
)]
pub(super) struct Hand {
    pub(super) worker: usize,
    pub(super) job: usize,
    pub(super) dispatch: i64,
    pub(super) lease: i64,
    pub(super) steps: usize,
    pub(super) spent: u32,
    pub(super) uncertain: bool,
    pub(super) was_lost: bool,
    /// It was looked at before it was claimed, since its last call.
    pub(super) was_looked_at: bool,
    /// Nothing may be called.
    pub(super) looks_only: bool,
    /// It may act although it is uncertain.
    pub(super) has_looked: bool,
    /// It is in the turn in which its first step was done.
    pub(super) goes_on: bool,
    /// What was known of its device when it was claimed.
    pub(super) seen: Option<(User, i64)>,
    /// When it looked at the device.
    pub(super) looked_at: Option<i64>,
    /// It was called, and what it said may have had an effect.
    pub(super) has_called: bool,
    pub(super) said: Option<Said>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Said {
    StepDone,
    AllDone,
    /// A call was lost.
    Lost,
    /// Something else than Graph answered a call.
    Strange {
        pause: bool,
    },
    Again {
        spent: bool,
        uncertain: bool,
        pause: bool,
    },
    /// A look found the device as before, and the call may not follow.
    LookedAt,
    Dead {
        uncertain: bool,
        is_taken: bool,
    },
}

/// A call that is still under way although nobody waits for it any more.
#[derive(Debug, Clone)]
pub(super) struct UnderWay {
    pub(super) job: usize,
    pub(super) round: u32,
    pub(super) leaves: User,
    /// A look has found the device without it since.
    pub(super) is_overlooked: bool,
}

impl Job {
    pub(super) fn planned(campaign: usize, device: usize, knows: u32, action: Action) -> Self {
        Self {
            campaign,
            device,
            action,
            previous: User::Nobody,
            wanted: User::Nobody,
            state: JobState::Pending,
            steps: 0,
            uncertain: false,
            is_looked_at: false,
            looks_only: false,
            spent: 0,
            verification: None,
            dispatch: 0,
            lease: 0,
            holder: (0, 0),
            was_lost: false,
            is_taken: false,
            round: 0,
            knows,
            seen: None,
            found: None,
            accepted: None,
            was_called: false,
            rule: (0, false),
        }
    }

    /// Who is to have its device when it is called.
    pub(super) fn expected(&self) -> User {
        self.accepted.unwrap_or(self.previous)
    }

    /// Who had its device before its call, as far as anybody saw.
    pub(super) fn had(&self) -> User {
        match self.seen {
            Some((user, at)) if at > NEVER => user,
            _ => self.previous,
        }
    }

    /// Whether nobody knows what came of its last call, and nobody has looked since.
    pub(super) fn is_in_doubt(&self) -> bool {
        let is_unknown = self.uncertain && self.was_lost && !self.is_looked_at;
        self.state == JobState::Pending && is_unknown
    }

    pub(super) fn is_open(&self) -> bool {
        !self.state.is_terminal()
    }

    /// What a verification says of it.
    pub(super) fn judged(&self, shown: User) -> Option<Verification> {
        (self.state == JobState::Succeeded).then_some(match shown {
            shown if shown == self.wanted => Verification::Verified,
            User::Nobody => Verification::NoUser,
            shown if shown == self.previous => Verification::StillAssigned,
            _ => Verification::SomeoneNew,
        })
    }

    /// How its device gets back to whom it had, if it does.
    pub(super) fn way_back(&self, shown: User) -> Option<Action> {
        let (former, succeeded) = (self.had(), self.state == JobState::Succeeded);
        let may_have_acted = self.uncertain && self.dispatch > 0;
        if self.is_open() || !(succeeded || self.steps > 0 || may_have_acted) || shown == former {
            return None;
        }
        let may_have_assigned =
            may_have_acted && self.action.steps().get(self.steps) == Some(&Step::Assign);
        let is_ours =
            shown == User::Nobody || shown == self.wanted && (succeeded || may_have_assigned);
        match (shown, former) {
            _ if !is_ours => None,
            (User::Nobody, _) => Some(Action::Assign),
            (_, User::Nobody) => Some(Action::Unassign),
            _ => Some(Action::Reassign),
        }
    }
}

/// Whom a step leaves a device with.
pub(super) fn left_by(step: Step, job: &Job) -> User {
    match step {
        Step::Unassign => User::Nobody,
        Step::Assign => job.wanted,
    }
}
