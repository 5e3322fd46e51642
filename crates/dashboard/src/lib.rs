//! What operators look at for the hours that a campaign runs, and what they act with: pages rendered
//! here, live by server-sent events, over the ledger alone. It knows no settings: what can be set
//! comes in as [`Options`].

mod access;
mod actions;
mod api;
mod background_tasks;
mod error;
mod links;
mod live;
mod metrics;
mod options;
mod pages;
mod parts;
mod pending_uploads;
mod serve;
mod state;
mod tenant_services;
mod views;

pub use access::{
    OidcOptions, OidcSetupError, ProviderCheck, Secret, SigningAlgorithm, check_provider,
    hash_password,
};
pub use error::ServeError;
pub use options::{Options, TlsFiles};
pub use serve::Dashboard;
pub use state::TenantServices;
pub use tenant_services::{
    Deed, Held, ListPlan, Lists, Progress, Refused, RollbackMeant, RollbackPlan, RolledBack,
    UploadedList, VerificationReport, Verify, VerifyAndRollback,
};
