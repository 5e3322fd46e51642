//! What happens to campaigns as a whole.

mod sign_in;
pub(crate) mod without_user;

pub use without_user::{FollowUp, NextUser, TriedAgain};
