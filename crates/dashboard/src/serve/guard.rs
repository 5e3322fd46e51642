//! What holds for every request and every answer: the host that is asked for, and headers that keep
//! a page from doing what it is not meant to.

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::options::Options;
use crate::state::App;

/// Scripts and styles come from here alone, and none stands in a page.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types repilot";

const HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=(), clipboard-write=(self)",
    ),
    (header::X_DNS_PREFETCH_CONTROL, "off"),
];

/// For a year, where it is served over TLS.
const STRICT_TRANSPORT: &str = "max-age=31536000";

/// Refuses hosts that are not this dashboard's, and adds what every answer says.
pub(crate) async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    name_the_host(&mut request);
    let mut response = if is_probe(&request) || is_own_host(&request, &app.options) {
        next.run(request).await
    } else {
        let said = "This is not a name of this dashboard. Open it by the address that it printed when it started, or set `[dashboard] public_url`.";
        (StatusCode::MISDIRECTED_REQUEST, said).into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What a page says is for whoever has signed in; assets say otherwise themselves.
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    let served_over_tls = app.options.tls.is_some()
        || app
            .options
            .public_url
            .as_ref()
            .is_some_and(|url| url.scheme() == "https");
    if served_over_tls {
        let value = HeaderValue::from_static(STRICT_TRANSPORT);
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    response
}

/// HTTP/2 says the host in the request's address and not in a header of its own: what compares the two
/// finds it in one place.
fn name_the_host(request: &mut Request) {
    if request.headers().contains_key(header::HOST) {
        return;
    }
    let authority = request.uri().authority().map(Authority::as_str);
    let host = authority.and_then(|host| HeaderValue::from_str(host).ok());
    if let Some(host) = host {
        request.headers_mut().insert(header::HOST, host);
    }
}

/// Probes and scrapers ask for a machine by its number. They learn nothing that a page could use:
/// what `/metrics` says is for a token or a session alone.
fn is_probe(request: &Request) -> bool {
    matches!(request.uri().path(), "/healthz" | "/readyz" | "/metrics")
}

/// A page of somebody else's may give its own name this machine's address, and then read what it
/// likes: but its name stands in the request.
fn is_own_host(request: &Request, options: &Options) -> bool {
    let authority = request.uri().authority().map(Authority::as_str);
    let Some(host) = authority.or_else(|| said_host(request.headers())) else {
        return false;
    };
    let name = without_port(host).to_ascii_lowercase();
    let is_loopback = matches!(name.as_str(), "localhost" | "127.0.0.1" | "[::1]");
    if is_loopback && options.listen.ip().is_loopback() {
        return true;
    }
    match options.public_url.as_ref().and_then(|url| url.host_str()) {
        Some(own) => name == own || is_loopback,
        // Reached from outside, it is protected by sign-in: a stranger's name has no cookie.
        None => !options.is_private() || name == own_address(options),
    }
}

fn own_address(options: &Options) -> String {
    let text = options.listen.to_string();
    without_port(&text).to_owned()
}

fn said_host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if !host.ends_with(']') => &host[..colon],
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Body;

    use super::*;

    fn options(listen: &str, public_url: Option<&str>) -> Options {
        Options {
            listen: listen.parse().unwrap(),
            public_url: public_url.map(|url| url.parse().unwrap()),
            tls: None,
            trusted_proxies: Vec::new(),
            session: Duration::from_hours(1),
            oidc: None,
            version: "0",
        }
    }

    fn is_own(host: &str, options: &Options) -> bool {
        let request = Request::builder()
            .header(header::HOST, host)
            .body(Body::empty())
            .unwrap();
        is_own_host(&request, options)
    }

    #[test]
    fn on_loopback_a_name_that_was_rebound_is_refused() {
        let options = options("127.0.0.1:8700", None);
        for own in [
            "127.0.0.1:8700",
            "localhost:8700",
            "localhost:9000",
            "[::1]:8700",
            "LOCALHOST",
        ] {
            assert!(is_own(own, &options), "{own}");
        }
        for other in [
            "evil.example:8700",
            "127.0.0.1.evil.example",
            "localhost.evil",
            "10.0.0.1",
            "",
        ] {
            assert!(!is_own(other, &options), "{other}");
        }
    }

    #[test]
    fn with_a_public_name_others_are_refused() {
        let options = options("0.0.0.0:443", Some("https://ops.contoso.com"));
        assert!(is_own("ops.contoso.com", &options));
        assert!(is_own("localhost:443", &options));
        assert!(!is_own("evil.example", &options));
    }
}
