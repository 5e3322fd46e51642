//! Why no answer came, in words that name the party and what to do.

use std::error::Error;

use rustls::CertificateError;

/// Longest chain of causes that is read.
const CAUSES_MAX: usize = 16;

/// A connection that did not come about, or broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// What happened, the proxy's part in it included.
    pub(crate) says: String,
    /// What to do; none where only the network's own people know.
    pub(crate) hint: Option<&'static str>,
}

impl Trouble {
    /// Reads the causes of `error`. `host` was called, `proxy` was on the way to it.
    pub(crate) fn of(error: &(dyn Error + 'static), host: &str, proxy: Option<&str>) -> Self {
        let mut innermost: &(dyn Error + 'static) = error;
        let (mut tls, mut looked_up) = (None, false);
        for _ in 0..CAUSES_MAX {
            tls = tls.or_else(|| tls_error(innermost));
            let text = innermost.to_string();
            looked_up |= text == "dns error";
            if let Some(trouble) = proxy.and_then(|proxy| tunnel(&text, host, proxy)) {
                return trouble;
            }
            match innermost.source() {
                Some(source) => innermost = source,
                None => break,
            }
        }
        if let Some(error) = tls {
            return certificate(error, host, proxy);
        }
        let words = innermost.to_string();
        if looked_up {
            let name = proxy.map_or_else(|| host.to_owned(), |proxy| format!("the proxy {proxy}"));
            return Self {
                says: format!("the address of {name} cannot be looked up: {words}"),
                hint: Some(match proxy {
                    Some(_) => "check the host's name in HTTPS_PROXY",
                    None => "check the network and DNS; behind a proxy, set HTTPS_PROXY",
                }),
            };
        }
        match proxy {
            Some(proxy) => Self {
                says: format!("{words}, by way of the proxy {proxy}"),
                hint: Some("check the proxy in HTTPS_PROXY, and that it is up"),
            },
            None => Self {
                says: words,
                hint: None,
            },
        }
    }
}

/// The TLS library's error, which may be within one of the operating system's kind.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let inner = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    error
        .downcast_ref::<rustls::Error>()
        .or_else(|| inner?.downcast_ref::<rustls::Error>())
}

fn certificate(error: &rustls::Error, host: &str, proxy: Option<&str>) -> Trouble {
    let rustls::Error::InvalidCertificate(why) = error else {
        return Trouble {
            says: format!("TLS with {host} failed: {error}"),
            hint: Some("check whether a proxy or firewall on the way speaks for the host"),
        };
    };
    let by = proxy.map(|proxy| format!(", by way of the proxy {proxy}"));
    let by = by.unwrap_or_default();
    match why {
        CertificateError::UnknownIssuer => Trouble {
            says: format!(
                "no root certificate of this machine vouches for what answers as {host}{by} \
                 (UnknownIssuer); a proxy or filter may inspect TLS"
            ),
            hint: Some(
                "add your company's root certificate to the system's store, or outside Windows and macOS \
                 name a PEM file with all roots in SSL_CERT_FILE; docs/proxies.md says how",
            ),
        },
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Trouble {
            says: format!("the certificate of {host}{by} is not valid now: {why}"),
            hint: Some("check this machine's clock first, then the certificate"),
        },
        _ => Trouble {
            says: format!("the certificate of {host}{by} is refused: {why}"),
            hint: Some("check whether a proxy or filter on the way speaks for the host"),
        },
    }
}

/// Reads what a proxy said to CONNECT; the library gives it in words alone.
fn tunnel(words: &str, host: &str, proxy: &str) -> Option<Trouble> {
    match words.strip_prefix("tunnel error: ")? {
        "proxy authorization required" => Some(Trouble {
            says: format!("the proxy {proxy} asks for a user name and password (407)"),
            hint: Some(
                "set HTTPS_PROXY to http://USER:PASSWORD@HOST:PORT, special signs escaped (@ as %40, \\ as %5C); \
                 only Basic is spoken, neither NTLM nor Kerberos",
            ),
        }),
        other => Some(Trouble {
            says: format!("the proxy {proxy} does not let calls to {host} through ({other})"),
            hint: Some(
                "have the proxy allow the hosts of Graph and Entra; docs/proxies.md lists them",
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn io(error: rustls::Error) -> std::io::Error {
        std::io::Error::other(error)
    }

    #[test]
    fn an_unknown_issuer_is_told_as_inspected_tls() {
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let trouble = Trouble::of(&io(unknown), "graph.microsoft.com", None);
        assert!(trouble.says.contains("graph.microsoft.com"), "{trouble:?}");
        assert!(trouble.says.contains("inspect TLS"), "{trouble:?}");
        assert!(trouble.hint.unwrap().contains("SSL_CERT_FILE"));
    }

    #[test]
    fn a_certificate_that_is_not_valid_now_sends_to_the_clock() {
        for why in [CertificateError::Expired, CertificateError::NotValidYet] {
            let error = rustls::Error::InvalidCertificate(why);
            let trouble = Trouble::of(&io(error), "graph.microsoft.com", None);
            assert!(trouble.hint.unwrap().contains("clock"), "{trouble:?}");
        }
        let other = CertificateError::Other(rustls::OtherError(Arc::new(std::fmt::Error)));
        let error = rustls::Error::InvalidCertificate(other);
        assert!(Trouble::of(&io(error), "h", None).says.contains("refused"));
    }
}
