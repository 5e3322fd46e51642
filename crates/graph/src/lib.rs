//! Client of Microsoft Graph's Windows Autopilot device identities.
//!
//! One method a call, none of which retries anything: what to do next is the caller's to decide, by
//! [`GraphError`].

mod body;
mod call;
mod classify;
mod client;
mod cloud;
mod error;
mod http;
mod permissions;
mod retry_after;
mod root;
mod token;
mod wire;

pub use call::{Call, CallRecord};
pub use client::{ApiVersion, GraphClient, GraphSettings, InventoryPage, NextLink, Route};
pub use cloud::{Cloud, UnknownCloud};
pub use error::{GraphError, SetupError, SystemicReason};
pub use permissions::{Sufficiency, TokenClaims};
pub use root::{GraphRoot, RootError};
pub use token::{AzureCredential, TokenSource};
