//! Who may: sign-in, sessions, and what a request proves of whoever sent it.

mod act;
mod address;
mod cookies;
mod known_tokens;
mod limiter;
mod link;
mod oidc;
mod password;
mod right;
mod secret;
mod sign_in;
mod visitor;

/// Largest number of characters of a name that a stranger or a provider gives; what is longer is cut before
/// it reaches the audit or the log.
pub(crate) const NAME_MAX: usize = 128;

pub(crate) use act::{Act, is_of_this_site, is_signed};
pub(crate) use known_tokens::KnownTokens;
pub(crate) use limiter::Limiter;
pub(crate) use link::OneTimeLink;
pub use oidc::{OidcOptions, OidcSetupError, ProviderCheck, SigningAlgorithm, check_provider};
pub(crate) use oidc::{Provider, begin as begin_oidc, end as end_oidc};
pub use password::hash_password;
pub(crate) use right::StreamRight;
pub use secret::Secret;
pub(crate) use sign_in::{by_link, by_password, out, page, to_sign_in};
pub(crate) use visitor::{Visitor, session};
