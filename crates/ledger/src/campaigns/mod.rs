//! What happens to campaigns as a whole.

pub(crate) mod after_others;
mod sign_in;
pub(crate) mod without_user;

pub use without_user::{FollowUp, NextUser, TriedAgain};
