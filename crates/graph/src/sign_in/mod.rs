//! Signing in as a person, and keeping that sign-in for as long as a campaign takes.
//!
//! A person signs in by [`BrowserSignIn`] or, where there is no browser, by [`DeviceSignIn`]. What
//! comes of it is a [`SignedIn`], which [`SignInStore`] keeps for every process of this user on this
//! machine. A [`SignInSource`] takes tokens from there and refreshes them.

mod advice;
mod authority;
mod browser;
mod device;
mod endpoint;
mod error;
mod identity;
mod keyring;
mod loopback;
mod organization;
mod page;
mod pkce;
mod record;
mod request;
mod seal;
mod source;
mod store;
#[cfg(test)]
mod tests;

pub use authority::{Authority, AuthorityError};
pub use browser::BrowserSignIn;
pub use device::DeviceSignIn;
pub use error::SignInError;
pub use organization::domain_of;
pub use record::{KeptIn, Lost, SignInRecord};
pub use request::{SignInRequest, SignedIn};
pub use source::{SignInSource, SignInState};
pub use store::{SignInStore, StoreError};

/// Microsoft's public client "Microsoft Graph Command Line Tools", by which `Connect-MgGraph` signs in.
pub const GRAPH_COMMAND_LINE_TOOLS: &str = "14d82eec-204b-4c2f-b7e8-296a70dab67e";

/// The tenant of whoever signs in, as long as it is a work or school account.
pub const ANY_ORGANIZATION: &str = "organizations";
