//! What is to be done to a job's device.

use repilot_domain::{Action, JobId};

/// What is to be done to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its steps.
    pub action: Action,
    /// Who is to be assigned; empty where nobody is.
    pub new_user: String,
    /// Their display name.
    pub new_user_name: String,
    /// The job that this one takes back.
    pub rolls_back: Option<JobId>,
    /// Look at the device before its first call: it is left alone where somebody else came first.
    pub look_first: bool,
    /// Wait for the end of another campaign's open job of the device, instead of being refused.
    pub after_others: bool,
}

impl Default for Task {
    /// The user is unassigned.
    fn default() -> Self {
        Self {
            action: Action::Unassign,
            new_user: String::new(),
            new_user_name: String::new(),
            rolls_back: None,
            look_first: false,
            after_others: false,
        }
    }
}
