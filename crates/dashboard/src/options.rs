//! What can be set of a dashboard.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use crate::OidcOptions;

/// What can be set of a dashboard.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What people type to reach it, where that is not the address.
    pub public_url: Option<Url>,
    /// What it serves TLS with.
    pub tls: Option<TlsFiles>,
    /// Proxies whose word is taken for who calls, and how.
    pub trusted_proxies: Vec<IpNet>,
    /// How long people stay signed in.
    pub session: Duration,
    /// By whom people sign in who have no password here.
    pub oidc: Option<OidcOptions>,
    /// Of the program.
    pub version: &'static str,
}

/// A certificate with its chain, and its key, in PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate, and those that vouch for it.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Options {
    /// The port by which people reach it.
    #[must_use]
    pub fn port(&self) -> u16 {
        let public = self.public_url.as_ref();
        let public = public.and_then(Url::port_or_known_default);
        public.unwrap_or(self.listen.port())
    }

    /// The address, without a slash at its end, by which people reach a dashboard that listens at
    /// `address`.
    #[must_use]
    pub fn url(&self, address: SocketAddr) -> String {
        match (&self.public_url, &self.tls) {
            (Some(url), _) => url.as_str().trim_end_matches('/').to_owned(),
            (None, Some(_)) => format!("https://{address}"),
            (None, None) => format!("http://{address}"),
        }
    }

    /// Whether nobody but this machine's own users can reach it.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.listen.ip().is_loopback() && self.trusted_proxies.is_empty()
    }
}
