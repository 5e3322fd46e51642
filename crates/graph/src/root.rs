//! Where Graph is: https, or plain http on loopback alone.

use url::{Host, Url};

/// A Graph root that a token may be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphRoot(Url);

/// A root that a token must not be sent to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// Not a URL.
    #[error("`{0}` is no URL; write it as https://graph.microsoft.com")]
    NotUrl(String),
    /// Plain http to another machine would show the token to everybody between.
    #[error("{0} is plain http to another machine: the token would travel in the clear; use https")]
    PlainHttp(String),
    /// Neither http nor https, or without a host.
    #[error("`{0}` is no http(s) URL with a host")]
    NotHttp(String),
}

impl GraphRoot {
    /// Takes an https URL, or an http URL on loopback; a path below it is kept.
    pub fn parse(text: &str) -> Result<Self, RootError> {
        let mut url = Url::parse(text).map_err(|_unclear| RootError::NotUrl(text.to_owned()))?;
        if url.host().is_none() || !url.username().is_empty() || url.password().is_some() {
            return Err(RootError::NotHttp(shown(&url)));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(RootError::PlainHttp(shown(&url))),
            _ => return Err(RootError::NotHttp(shown(&url))),
        }
        url.set_query(None);
        url.set_fragment(None);
        Ok(Self(url))
    }

    /// As text, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// The address of a path below it.
    pub(crate) fn below(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/{path}", self.0.path().trim_end_matches('/')));
        url
    }

    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    /// Whether it is spoken to without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    pub(crate) fn same_origin(&self, other: &Url) -> bool {
        self.0.origin() == other.origin()
    }
}

/// Without what might be a secret in it.
fn shown(url: &Url) -> String {
    format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_refused_except_on_loopback() {
        for good in [
            "https://graph.microsoft.com",
            "http://127.0.0.1:8080",
            "http://localhost:1/",
            "http://[::1]:99",
        ] {
            assert!(GraphRoot::parse(good).is_ok(), "{good}");
        }
        let error = GraphRoot::parse("http://graph.microsoft.com").unwrap_err();
        assert!(matches!(error, RootError::PlainHttp(_)), "{error}");
        for bad in [
            "graph.microsoft.com",
            "ftp://localhost",
            "https://me:secret@host",
        ] {
            let error = GraphRoot::parse(bad).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
