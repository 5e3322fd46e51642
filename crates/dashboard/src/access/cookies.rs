//! The cookies: who has signed in, and where a sign-in began.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};

use super::secret::Secret;

/// What a cookie is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// A session.
    Session,
    /// The page that a sign-in is sent from.
    SignIn,
    /// A sign-in that is under way at an identity provider.
    Oidc,
}

impl Cookie {
    /// Browsers let nobody but this very host set what begins with `__Host-`, and want TLS for it.
    const fn name(self, secure: bool) -> &'static str {
        match (self, secure) {
            (Self::Session, true) => "__Host-repilot",
            (Self::Session, false) => "repilot",
            (Self::SignIn, true) => "__Host-repilot-sign-in",
            (Self::SignIn, false) => "repilot-sign-in",
            (Self::Oidc, true) => "__Host-repilot-oidc",
            (Self::Oidc, false) => "repilot-oidc",
        }
    }

    /// What the request brought.
    pub(crate) fn read(self, headers: &HeaderMap, secure: bool) -> Option<Secret> {
        let name = self.name(secure);
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(found, value)| *found == name && !value.is_empty())
            .map(|(_, value)| Secret::received(value))
    }

    /// What a response sets; nothing and no time take it away.
    pub(crate) fn set(self, value: &str, lasts: Duration, secure: bool) -> HeaderValue {
        // Who comes back from an identity provider was led here by another site.
        let site = match self {
            Self::Session | Self::SignIn => "Strict",
            Self::Oidc => "Lax",
        };
        let only_tls = if secure { "; Secure" } else { "" };
        let text = format!(
            "{}={value}; Path=/; HttpOnly; SameSite={site}; Max-Age={}{only_tls}",
            self.name(secure),
            lasts.as_secs()
        );
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }
}
