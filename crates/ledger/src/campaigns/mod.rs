//! What happens to campaigns as a whole.

mod sign_in;
