//! The HTTP clients: no retries of their own, no redirects, no surprises. What the other side has not
//! looked at, `client` sends again, by the rule in `unprocessed`.

use std::time::Duration;

use reqwest::ClientBuilder;

use crate::network::{Proxy, Roots};
use crate::{Authority, AzureCredential, GraphRoot, SetupError, TokenSource};

/// A connection that does not come about in this time will not.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Entra answers within a second or two; every call of the tenant waits meanwhile.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);

/// A machine's own metadata service answers at once, or is not there.
const METADATA_CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const METADATA_TIMEOUT: Duration = Duration::from_secs(10);

/// Shorter than the idle timeouts of load balancers, so that a request seldom meets a connection
/// that the other side is closing; longer than a window, so that bursts find their connections.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// One HTTP/2 connection carries all calls: one that died silently is to be noticed before all of
/// them run into their timeouts and become ambiguous.
const PING_EVERY: Duration = Duration::from_secs(20);

/// How long the other side may take to answer such a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// The clients for Graph, and the proxy that they call by.
pub(crate) struct GraphClients {
    /// Speaks what the other side offers. The pool keeps whatever the callers' concurrency opened.
    pub(crate) any: reqwest::Client,
    /// Speaks HTTP/2 alone, where TLS allows for it: its pool knows that one connection serves all, and
    /// opens one after the other. The other's opens as many as there are callers, takes the first, and
    /// now and then forgets somebody who waits for it.
    pub(crate) http2: Option<reqwest::Client>,
    pub(crate) proxy: Option<Proxy>,
}

pub(crate) fn graph_clients(
    root: &GraphRoot,
    timeout: Duration,
) -> Result<GraphClients, SetupError> {
    let Outbound { client, proxy } = graph_client(root, timeout, base())?;
    let http2 = if root.is_plain() {
        None
    } else {
        Some(graph_client(root, timeout, base().http2_prior_knowledge())?.client)
    };
    Ok(GraphClients {
        any: client,
        http2,
        proxy,
    })
}

fn graph_client(
    root: &GraphRoot,
    timeout: Duration,
    builder: ClientBuilder,
) -> Result<Outbound, SetupError> {
    let mut builder = builder
        .timeout(timeout)
        // Below the whole timeout, so that a call which never got a connection is known to be
        // unsent, and not ambiguous.
        .connect_timeout(CONNECT_TIMEOUT.min(timeout / 2));
    let proxy = if root.is_loopback() {
        None
    } else {
        Some(Proxy::from_environment()?)
    };
    if root.is_plain() {
        builder = without_roots(builder);
    }
    build(builder, proxy, !root.is_plain())
}

/// A client, and the proxy that it calls by.
pub(crate) struct Outbound {
    pub(crate) client: reqwest::Client,
    pub(crate) proxy: Option<Proxy>,
}

fn build(
    builder: ClientBuilder,
    proxy: Option<Proxy>,
    speaks_tls: bool,
) -> Result<Outbound, SetupError> {
    let builder = match &proxy {
        Some(proxy) => proxy.apply(builder).map_err(SetupError::Http)?,
        None => builder.no_proxy(),
    };
    if speaks_tls {
        // The client's own error names neither a variable nor a file.
        Roots::check_named()?;
    }
    let client = builder.build().map_err(SetupError::Http)?;
    Ok(Outbound { client, proxy })
}

/// A client that never speaks TLS must not fail on a machine that has no root certificates.
fn without_roots(builder: ClientBuilder) -> ClientBuilder {
    builder.tls_certs_only([])
}

/// For Entra, or for the machine's own metadata service, which no proxy can speak for.
pub(crate) fn token_client(source: &TokenSource) -> Result<Outbound, SetupError> {
    let builder = base()
        .timeout(TOKEN_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT);
    match source {
        TokenSource::Azure {
            credential: AzureCredential::ManagedIdentity { .. },
            ..
        } => {
            let builder = builder
                .timeout(METADATA_TIMEOUT)
                .connect_timeout(METADATA_CONNECT_TIMEOUT);
            build(builder, None, true)
        }
        TokenSource::Azure { .. } => build(builder, Some(Proxy::from_environment()?), true),
        // Nobody is asked, or by a client of its own.
        TokenSource::Fixed(_) | TokenSource::SignIn(_) => {
            build(without_roots(builder), None, false)
        }
    }
}

/// For Entra, where a person signs in.
pub(crate) fn sign_in_client(authority: &Authority) -> Result<Outbound, SetupError> {
    let mut builder = base()
        .timeout(TOKEN_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT);
    let root = authority.root();
    let proxy = if root.is_loopback() {
        None
    } else {
        Some(Proxy::from_environment()?)
    };
    if root.is_plain() {
        builder = without_roots(builder);
    }
    build(builder, proxy, !root.is_plain())
}

pub(crate) fn base() -> ClientBuilder {
    // A second installation changes nothing: whoever came first chose the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("repilot/", env!("CARGO_PKG_VERSION")))
        .tcp_nodelay(true)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .http2_keep_alive_interval(PING_EVERY)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
}
