//! Client of Microsoft Graph's Windows Autopilot device identities.
//!
//! One method a call, none of which retries anything: what to do next is the caller's to decide, by
//! [`GraphError`].

mod address;
mod answer;
mod body;
mod call;
mod certificate;
mod challenge;
mod classify;
mod client;
mod cloud;
mod error;
mod foreign;
mod http;
mod inventory;
mod listing;
mod network;
mod permissions;
mod request_id;
mod retry_after;
mod root;
mod settings;
mod sign_in;
mod token;
mod unprocessed;
mod user;
mod wire;

pub use call::{Call, CallRecord};
pub use certificate::{AppCertificate, CertificateError};
pub use client::GraphClient;
pub use cloud::{Cloud, UnknownCloud};
pub use error::{GraphError, SetupError, SystemicReason};
pub use foreign::ForeignAnswer;
pub use inventory::{BrokenItem, InventoryPage, NextLink};
pub use listing::{ListingCheck, ListingFault};
pub use network::{Proxy, ProxyError, ProxySource, Roots, RootsError};
pub use permissions::{Sufficiency, TokenClaims};
pub use root::{GraphRoot, RootError};
pub use settings::{ApiVersion, GraphSettings, Route};
pub use sign_in::{
    ANY_ORGANIZATION, Authority, AuthorityError, BrowserSignIn, DeviceSignIn,
    GRAPH_COMMAND_LINE_TOOLS, KeptIn, Lost, SignInError, SignInRecord, SignInRequest, SignInSource,
    SignInState, SignInStore, SignedIn, StoreError, domain_of,
};
pub use token::{AzureCredential, TokenFailure, TokenSource};
pub use user::User;
