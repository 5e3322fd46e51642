//! Where a webhook is. Its address is its secret: whoever knows it can post.

use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

/// An address that messages may be posted to.
#[derive(Debug, Clone)]
pub struct WebhookUrl {
    url: SecretString,
    host: String,
    is_plain: bool,
}

/// An address that is none; it is never shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a URL with a host.
    #[error("the address is no https URL")]
    NotUrl,
    /// Plain http to another machine would show the address to everybody between.
    #[error("the address is plain http to another machine: use https")]
    PlainHttp,
}

impl WebhookUrl {
    /// Takes an https URL, or an http URL on loopback.
    pub fn parse(secret: &SecretString) -> Result<Self, AddressError> {
        let text = secret.expose_secret().trim();
        let url = Url::parse(text).map_err(|_unclear| AddressError::NotUrl)?;
        let is_loopback = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => return Err(AddressError::NotUrl),
        };
        let is_plain = match url.scheme() {
            "https" => false,
            "http" if is_loopback => true,
            "http" => return Err(AddressError::PlainHttp),
            _ => return Err(AddressError::NotUrl),
        };
        Ok(Self {
            host: url.host_str().unwrap_or_default().to_owned(),
            url: SecretString::from(text.to_owned()),
            is_plain,
        })
    }

    /// The machine: all that may be shown of it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is this machine, without TLS.
    pub(crate) const fn is_plain(&self) -> bool {
        self.is_plain
    }

    pub(crate) fn reveal(&self) -> &str {
        self.url.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_or_on_this_machine_and_never_shown() {
        let parse = |text: &str| WebhookUrl::parse(&SecretString::from(text.to_owned()));
        let good = parse(" https://hooks.example/T0/s3cret ").unwrap();
        assert_eq!(good.host(), "hooks.example");
        assert!(!format!("{good:?}").contains("s3cret"));
        assert!(parse("http://127.0.0.1:8080/x").is_ok());
        for (bad, why) in [
            ("http://hooks.example/s3cret", AddressError::PlainHttp),
            ("hooks.example/s3cret", AddressError::NotUrl),
            ("ftp://hooks.example/s3cret", AddressError::NotUrl),
            ("", AddressError::NotUrl),
        ] {
            let error = parse(bad).unwrap_err();
            assert_eq!(error, why);
            assert!(!error.to_string().contains("s3cret"));
        }
    }
}
