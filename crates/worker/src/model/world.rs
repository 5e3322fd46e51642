//! The Graph of the model: devices, and calls that are still under way.

use repilot_domain::{Device, DeviceId, EnrollmentState, Step};
use repilot_graph::{ForeignAnswer, GraphError, SystemicReason};
use repilot_ledger::ClaimedJob;

use super::event::{Answer, User};

/// A call whose effect comes later.
struct UnderWay {
    place: usize,
    user: String,
}

/// The tenant's devices, each by the user that it has.
pub(super) struct World {
    pub(super) users: Vec<String>,
    under_way: Vec<UnderWay>,
}

impl World {
    pub(super) fn of(users: Vec<String>) -> Self {
        Self {
            users,
            under_way: Vec::new(),
        }
    }

    /// What is heard of a look at a device.
    pub(super) fn look(&self, place: usize, answer: Answer) -> Result<String, GraphError> {
        match answer {
            Answer::Done => Ok(self.users[place].clone()),
            // A read that is lost is a passing fault.
            Answer::DoneUnheard | Answer::LostUndone | Answer::LostUnderWay => {
                Err(error(Answer::Fault))
            }
            failed => Err(error(failed)),
        }
    }

    /// What is heard of a call for a step.
    pub(super) fn act(
        &mut self,
        place: usize,
        (step, job): (Step, &ClaimedJob),
        answer: Answer,
    ) -> Result<(), GraphError> {
        let user = match step {
            Step::Unassign => String::new(),
            Step::Assign => job.new_user.clone(),
        };
        match answer {
            Answer::Done | Answer::DoneUnheard | Answer::StrangeDone { .. } => {
                self.users[place] = user;
            }
            Answer::LostUnderWay => self.under_way.push(UnderWay { place, user }),
            _ => {}
        }
        match answer {
            Answer::Done => Ok(()),
            failed => Err(error(failed)),
        }
    }

    pub(super) fn arrive(&mut self, call: usize) {
        if call < self.under_way.len() {
            let UnderWay { place, user } = self.under_way.remove(call);
            self.users[place] = user;
        }
    }

    /// The inventory, as it is now.
    pub(super) fn listed(&self) -> Vec<Device> {
        let users = self.users.iter().enumerate();
        users.map(|(place, user)| device(place, user)).collect()
    }
}

/// What the model's users are called.
pub(super) fn name_of(user: User, place: usize) -> String {
    match user {
        User::Before => format!("before{place}@contoso.example"),
        User::Nobody => String::new(),
        User::New => format!("new{place}@contoso.example"),
        User::Other => "other@contoso.example".to_owned(),
    }
}

pub(super) fn device(place: usize, user: &str) -> Device {
    Device {
        id: DeviceId(format!("00000000-0000-0000-0000-{place:012}")),
        serial: format!("SN-{place}"),
        user_principal_name: user.to_owned(),
        addressable_user_name: String::new(),
        group_tag: String::new(),
        manufacturer: String::new(),
        model: String::new(),
        display_name: String::new(),
        managed_device_id: String::new(),
        entra_device_id: String::new(),
        enrollment_state: EnrollmentState::Enrolled,
        last_contacted: None,
    }
}

fn error(answer: Answer) -> GraphError {
    match answer {
        Answer::Done | Answer::DoneUnheard | Answer::LostUndone | Answer::LostUnderWay => {
            GraphError::Ambiguous { retry_after: None }
        }
        Answer::StrangeDone { repeats } | Answer::StrangeUndone { repeats } => {
            let page = ForeignAnswer::page(200, "graph.microsoft.com", "Sign in");
            if repeats {
                GraphError::Systemic(SystemicReason::NotGraph(page))
            } else {
                GraphError::Foreign(page)
            }
        }
        Answer::Throttled => GraphError::Throttled { retry_after: None },
        Answer::Fault => GraphError::Transient { retry_after: None },
        Answer::Unreachable => GraphError::Unreachable,
        Answer::TokenRefused => GraphError::Unauthorized,
        Answer::TenantRefuses => {
            GraphError::Systemic(SystemicReason::Forbidden("Forbidden".to_owned()))
        }
        Answer::NotFound => GraphError::NotFound,
        Answer::Refused => GraphError::Rejected,
    }
}
