//! Whether a device is as its job left it: what a later look at the inventory says.

use crate::words;

/// What the inventory says of the device of a job that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verification {
    /// It is as the job was to leave it.
    Verified,
    /// It still has the user from before.
    StillAssigned,
    /// It was to have a user, and has none.
    NoUser,
    /// It has a user that neither the plan nor the job knew.
    SomeoneNew,
    /// The inventory no longer lists it.
    NotListed,
}

words!(Verification, "verification", {
    Verified => "verified",
    StillAssigned => "still-assigned",
    NoUser => "no-user",
    SomeoneNew => "someone-new",
    NotListed => "not-listed",
});

impl Verification {
    /// Judges a device by the user that the inventory shows, the one from before, and the one that the
    /// job was to leave there; each is empty where there is none.
    #[must_use]
    pub fn of(shown: &str, previous: &str, wanted: &str) -> Self {
        let [shown, previous, wanted] =
            [shown, previous, wanted].map(|user| user.trim().to_lowercase());
        if shown == wanted {
            Self::Verified
        } else if shown.is_empty() {
            Self::NoUser
        } else if shown == previous {
            Self::StillAssigned
        } else {
            Self::SomeoneNew
        }
    }

    /// Whether the job's action did not come to anything, and nobody else's did: it may be done again.
    #[must_use]
    pub const fn may_be_done_again(self) -> bool {
        match self {
            Self::StillAssigned | Self::NoUser => true,
            Self::Verified | Self::SomeoneNew | Self::NotListed => false,
        }
    }

    /// The same for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::StillAssigned => "still assigned",
            Self::NoUser => "without a user",
            Self::SomeoneNew => "assigned to someone new",
            Self::NotListed => "no longer in the inventory",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_judged_by_whom_it_shows_whom_it_had_and_whom_it_should_have() {
        use Verification::{NoUser, SomeoneNew, StillAssigned, Verified};
        for (shown, previous, wanted, expected) in [
            // Unassigned.
            ("", "a@b", "", Verified),
            ("A@b ", "a@b", "", StillAssigned),
            ("c@b", "a@b", "", SomeoneNew),
            ("c@b", "", "", SomeoneNew),
            ("", "", "", Verified),
            // Assigned, or assigned anew.
            ("C@b", "a@b", "c@b", Verified),
            ("a@b", "a@b", "c@b", StillAssigned),
            ("", "a@b", "c@b", NoUser),
            ("d@b", "a@b", "c@b", SomeoneNew),
            ("a@b", "a@b", "a@b", Verified),
        ] {
            let judged = Verification::of(shown, previous, wanted);
            assert_eq!(judged, expected, "{shown:?} {previous:?} {wanted:?}");
        }
    }
}
