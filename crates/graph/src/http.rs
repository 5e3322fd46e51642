//! The HTTP client: no retries of its own, no redirects, no surprises.

use std::time::Duration;

use crate::{GraphRoot, SetupError};

/// A connection that does not come about in this time will not.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Shorter than the idle timeouts of load balancers, so that a request seldom meets a connection
/// that the other side is closing; longer than a window, so that bursts find their connections.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

pub(crate) fn client(root: &GraphRoot, timeout: Duration) -> Result<reqwest::Client, SetupError> {
    // A second installation changes nothing: whoever came first chose the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("repilot/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never());
    if root.is_loopback() {
        builder = builder.no_proxy();
    }
    builder.build().map_err(SetupError::Http)
}
