//! What is set of the dashboard.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Span;

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DashboardSettings {
    pub(crate) listen: SocketAddr,
    pub(crate) public_url: String,
    pub(crate) certificate_file: PathBuf,
    pub(crate) key_file: PathBuf,
    /// Addresses and networks, with commas between them.
    pub(crate) trusted_proxies: String,
    pub(crate) session: Span,
    pub(crate) oidc: OidcSettings,
}

/// `[dashboard.oidc]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OidcSettings {
    /// None where it is empty.
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    /// The environment variable that holds the client secret.
    pub(crate) client_secret_env: String,
    /// The file that holds it.
    pub(crate) client_secret_file: PathBuf,
    /// Groups and app roles.
    pub(crate) operators: Vec<String>,
    pub(crate) viewers: Vec<String>,
    /// Claims that hold them.
    pub(crate) group_claims: Vec<String>,
    pub(crate) scopes: Vec<String>,
    /// Names of algorithms; all that can be checked where it is empty.
    pub(crate) algorithms: Vec<String>,
}
