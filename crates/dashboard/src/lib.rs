//! What operators look at for the hours that a campaign runs, and what they act with: pages rendered
//! here, live by server-sent events, over the ledger alone. It knows no settings: what can be set
//! comes in as [`Options`].

mod access;
mod acts;
mod aftermath;
mod afterwards;
mod api;
mod app;
mod assets;
mod bulk;
mod controls;
mod errands;
mod error;
mod guard;
mod lists;
mod live;
mod metrics;
mod options;
mod pages;
mod parts;
mod people;
mod routes;
mod serve;
mod server;
mod tls;
mod uploads;
mod views;
mod without_user;

pub use access::{
    OidcOptions, OidcSetupError, ProviderCheck, Secret, SigningAlgorithm, check_provider,
    hash_password,
};
pub use aftermath::{
    Aftermath, Progress, RollbackMeant, RollbackPlan, RolledBack, VerificationReport, Verify,
};
pub use app::Hands;
pub use error::ServeError;
pub use lists::{Deed, ListPlan, Lists, Refused, UploadedList};
pub use options::{Options, TlsFiles};
pub use server::Dashboard;
