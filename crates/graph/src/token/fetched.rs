//! A token, as its source gave it.

use repilot_domain::Timestamp;
use secrecy::SecretString;

/// A token as it was fetched.
pub(crate) struct Fetched {
    pub(crate) secret: SecretString,
    pub(crate) expires_at: Option<Timestamp>,
}
