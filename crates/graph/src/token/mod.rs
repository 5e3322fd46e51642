//! Tokens: where they come from, and who keeps them.

mod azure;
mod certificate;
mod failure;
mod keeper;
#[cfg(test)]
mod tests;

use secrecy::SecretString;

use crate::Cloud;

pub use azure::AzureCredential;
pub(crate) use keeper::{Token, TokenKeeper};

/// Where tokens come from.
#[derive(Debug)]
pub enum TokenSource {
    /// One token, for tests and simulated Graphs: it cannot be fetched anew.
    Fixed(SecretString),
    /// Entra, by way of `azure_identity`.
    Azure {
        /// What proves who we are.
        credential: AzureCredential,
        /// Whose Entra, and whose Graph the token is for.
        cloud: Cloud,
    },
}
