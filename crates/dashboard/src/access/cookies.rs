//! The cookies: who has signed in, and where a sign-in began.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};

use super::address::Origin;
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
    /// Browsers let nobody but this very host set what begins with `__Host-`, and want TLS for it. They keep
    /// cookies by host alone, so the name has the port: another dashboard on this host has its own.
    fn name(self, origin: Origin) -> String {
        let prefix = if origin.secure { "__Host-" } else { "" };
        let port = origin.port;
        match self {
            Self::Session => format!("{prefix}repilot-{port}"),
            Self::SignIn => format!("{prefix}repilot-{port}-sign-in"),
            Self::Oidc => format!("{prefix}repilot-{port}-oidc"),
        }
    }

    /// What the request brought.
    pub(crate) fn read(self, headers: &HeaderMap, origin: Origin) -> Option<Secret> {
        let name = self.name(origin);
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
    pub(crate) fn set(self, value: &str, lasts: Duration, origin: Origin) -> HeaderValue {
        // Who comes back from an identity provider was led here by another site.
        let site = match self {
            Self::Session | Self::SignIn => "Strict",
            Self::Oidc => "Lax",
        };
        let only_tls = if origin.secure { "; Secure" } else { "" };
        let text = format!(
            "{}={value}; Path=/; HttpOnly; SameSite={site}; Max-Age={}{only_tls}",
            self.name(origin),
            lasts.as_secs()
        );
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }
}
