//! Tokens: where they come from, and who keeps them.

mod azure;
mod certificate;
mod failure;
mod fetched;
mod managed_identity;
mod party;
#[cfg(test)]
mod tests;
mod token_cache;
mod transport;

use secrecy::SecretString;

use crate::sign_in::SignInSource;
use crate::{Authority, Cloud};

pub use azure::AzureCredential;
pub use failure::TokenFailure;
pub(crate) use fetched::Fetched;
pub(crate) use token_cache::{REFRESH_AHEAD, Token, TokenKeeper};
pub(crate) use transport::Transport;

/// Where tokens come from.
#[derive(Debug)]
pub enum TokenSource {
    /// One token, for tests and simulated Graphs: it cannot be fetched anew.
    Fixed(SecretString),
    /// Entra, by way of `azure_identity`.
    Azure {
        /// What proves who we are.
        credential: AzureCredential,
        /// Whose Graph the token is for.
        cloud: Cloud,
        /// The Entra that is asked.
        authority: Authority,
    },
    /// A person who signed in.
    SignIn(Box<SignInSource>),
}
