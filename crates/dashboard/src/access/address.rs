//! Where a request comes from, and whether it came over TLS.
//!
//! A proxy says both in headers that anybody could send, so they are believed of configured proxies
//! alone.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

use crate::options::Options;

/// Where a request comes from, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) address: IpAddr,
    /// Whether what is said is said over TLS, all the way to whoever asks.
    pub(crate) secure: bool,
    /// Port by which people reach this dashboard.
    pub(crate) port: u16,
}

impl Origin {
    pub(crate) fn of(peer: SocketAddr, headers: &HeaderMap, options: &Options) -> Self {
        let peer = peer.ip().to_canonical();
        let own = Self {
            address: peer,
            secure: options.tls.is_some(),
            port: options.port(),
        };
        if !is_trusted(&options.trusted_proxies, peer) {
            return own;
        }
        // Each proxy adds who called it at the end: the last that is no proxy is who calls.
        let forwarded = listed(headers, "x-forwarded-for");
        let caller = forwarded
            .iter()
            .rev()
            .map_while(|text| address(text))
            .find(|address| !is_trusted(&options.trusted_proxies, *address));
        let https = listed(headers, "x-forwarded-proto")
            .last()
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
        Self {
            address: caller.unwrap_or(peer),
            secure: own.secure || https,
            port: own.port,
        }
    }
}

fn is_trusted(proxies: &[IpNet], address: IpAddr) -> bool {
    proxies.iter().any(|network| network.contains(&address))
}

fn listed(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|text| text.trim().to_owned())
        .collect()
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let parsed = bare.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    parsed
        .or_else(with_port)
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn options(proxies: &[&str]) -> Options {
        Options {
            listen: ([0, 0, 0, 0], 8700).into(),
            public_url: None,
            tls: None,
            trusted_proxies: proxies.iter().map(|text| text.parse().unwrap()).collect(),
            session: Duration::from_hours(1),
            oidc: None,
            version: "0",
        }
    }

    fn origin(peer: [u8; 4], forwarded: &str, proxies: &[&str]) -> Origin {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        headers.insert("x-forwarded-proto", "https".parse().unwrap());
        Origin::of((peer, 1_000).into(), &headers, &options(proxies))
    }

    #[test]
    fn nobody_but_a_configured_proxy_is_believed() {
        let origin = origin([203, 0, 113, 9], "10.0.0.1", &["10.0.0.0/8"]);
        assert_eq!(origin.address, IpAddr::from([203, 0, 113, 9]));
        assert!(!origin.secure);
    }

    #[test]
    fn the_last_that_is_no_proxy_is_who_calls_whatever_they_claim_before() {
        let origin = origin(
            [10, 0, 0, 2],
            "1.1.1.1, 203.0.113.9, 10.0.0.3",
            &["10.0.0.0/8"],
        );
        assert_eq!(origin.address, IpAddr::from([203, 0, 113, 9]));
        assert!(origin.secure);
    }
}
