//! Where people sign in: https, or plain http on loopback alone.

use url::Url;

use crate::{Cloud, GraphRoot};

/// The root of an Entra that a person may be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority(GraphRoot);

/// An address that nobody may be sent to with a sign-in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be signed in at: write https://…, or http on this machine")]
pub struct AuthorityError(String);

impl Authority {
    /// A cloud's own.
    pub fn of(cloud: Cloud) -> Result<Self, AuthorityError> {
        Self::parse(cloud.authority())
    }

    /// Takes an https URL, or an http URL on loopback; a path below it is kept.
    pub fn parse(text: &str) -> Result<Self, AuthorityError> {
        // The rule of Graph's root holds here, too: what is sent would be seen on the way.
        let root = GraphRoot::parse(text).map_err(|_refused| AuthorityError(text.to_owned()))?;
        Ok(Self(root))
    }

    /// As text, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) fn root(&self) -> &GraphRoot {
        &self.0
    }

    pub(crate) fn authorize(&self, tenant: &str) -> Url {
        self.0.below(&format!("{tenant}/oauth2/v2.0/authorize"))
    }

    pub(crate) fn token(&self, tenant: &str) -> Url {
        self.0.below(&format!("{tenant}/oauth2/v2.0/token"))
    }

    pub(crate) fn device_code(&self, tenant: &str) -> Url {
        self.0.below(&format!("{tenant}/oauth2/v2.0/devicecode"))
    }

    /// Where a tenant says of itself that it exists.
    pub(crate) fn description(&self, tenant: &str) -> Url {
        let path = format!("{tenant}/v2.0/.well-known/openid-configuration");
        self.0.below(&path)
    }
}
