//! What operators look at for the hours that a campaign runs, and what they act with: pages rendered
//! here, live by server-sent events, over the ledger alone. It knows no settings: what can be set
//! comes in as [`Options`].

mod access;
mod acts;
mod app;
mod assets;
mod error;
mod guard;
mod options;
mod pages;
mod parts;
mod routes;
mod server;
mod tls;

pub use access::{Secret, hash_password};
pub use error::ServeError;
pub use options::{Options, TlsFiles};
pub use server::Dashboard;
