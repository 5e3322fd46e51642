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
}
