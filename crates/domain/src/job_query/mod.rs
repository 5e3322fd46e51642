//! Which jobs are meant: what a person types into a search, as a typed value.
//!
//! `state:dead reason:not-found tag:STORE* -model:"Surface Go" user:@contoso.com 0924`: every term
//! must hold. A value may be several with commas, of which one must hold; `*` and `?` stand for
//! anything and any character; `(none)` for an empty text; case does not matter. A word without a
//! qualifier means the job, device, serial or user of that very name, and where there is none, all
//! whose serial or user contains it.

mod error;
mod parse;
mod pattern;
mod words;

use crate::{JobId, JobState, Verification};

pub use error::JobQueryError;
pub use pattern::Pattern;

/// Which jobs are meant; all of its terms must hold. Without any, every job is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobQuery {
    /// What must hold.
    pub terms: Vec<JobTerm>,
}

/// A condition, or its opposite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobTerm {
    /// Whether it must not hold.
    pub negated: bool,
    /// What is asked of a job.
    pub condition: JobCondition,
}

/// What is asked of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobCondition {
    /// It is in one of these states.
    State(Vec<JobState>),
    /// It waits or died for one of these reasons.
    Reason(Vec<String>),
    /// The inventory said one of these of its device later.
    Verification(Vec<Verification>),
    /// Its device has no user, because a reassignment stopped between its steps.
    WithoutUser,
    /// One of its texts fits one of these patterns.
    Text(JobText, Vec<Pattern>),
    /// Its campaign's name fits one of these patterns.
    Campaign(Vec<Pattern>),
    /// Its campaign's tenant fits one of these patterns.
    Tenant(Vec<Pattern>),
    /// It is for this device.
    Device(String),
    /// It is this job.
    Job(JobId),
    /// Its number, device, serial or user is this, or its serial or user contains it.
    Free(String),
}

/// A text of a job that does not change while the job lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobText {
    /// The device's serial number.
    Serial,
    /// Who was assigned when the plan was made.
    User,
    /// The device's group tag.
    Tag,
    /// The device's model.
    Model,
}

/// A text as searches compare it: without regard to case.
#[must_use]
pub fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

impl JobQuery {
    /// One more condition that must hold.
    #[must_use]
    pub fn and(mut self, condition: JobCondition) -> Self {
        self.terms.push(JobTerm {
            negated: false,
            condition,
        });
        self
    }
}

#[cfg(test)]
mod tests;
