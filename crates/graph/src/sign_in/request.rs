//! What a person is asked to sign in for, and what comes of it.

use repilot_domain::{Clock, Timestamp};
use secrecy::SecretString;

use super::endpoint::{Passing, Tokens};
use super::error::SignInError;
use super::identity::Identity;
use super::{Authority, endpoint};
use crate::http::Outbound;
use crate::{Cloud, SetupError, http};

/// What every sign-in asks for besides permissions: a token to refresh by, and who it was.
const ALWAYS: &str = "offline_access openid profile";

/// What a person is asked to sign in for.
#[derive(Debug, Clone)]
pub struct SignInRequest {
    /// Where.
    pub authority: Authority,
    /// Whose Graph the token is for.
    pub cloud: Cloud,
    /// A domain, an id, or [`super::ANY_ORGANIZATION`].
    pub tenant: String,
    /// The public client's id.
    pub client_id: String,
    /// Delegated permissions, as in `DeviceManagementServiceConfig.ReadWrite.All`.
    pub permissions: Vec<String>,
    /// The account that is expected.
    pub login_hint: Option<String>,
    /// What Graph or Entra asked the next sign-in to fulfil, as JSON.
    pub claims: Option<String>,
}

impl SignInRequest {
    /// The scopes, by their full names: a token of another resource would do nothing.
    pub(super) fn scopes(&self) -> String {
        scopes(self.cloud, &self.permissions)
    }

    pub(super) fn http(&self) -> Result<Outbound, SetupError> {
        http::sign_in_client(&self.authority)
    }

    pub(super) fn unreachable(&self, passing: Passing) -> SignInError {
        SignInError::Unreachable {
            authority: self.authority.as_str().to_owned(),
            words: passing.words,
            advice: passing.hint,
        }
    }

    /// Fails where the tenant does not exist or Entra cannot be reached: the browser would show an
    /// error page, and never come back.
    pub(super) async fn check_tenant(&self, http: &Outbound) -> Result<(), SignInError> {
        let description = self.authority.description(&self.tenant);
        match endpoint::look(http, description).await {
            Ok(()) => Ok(()),
            Err(endpoint::EndpointError::Refused(refusal)) => Err(SignInError::refused(&refusal)),
            Err(endpoint::EndpointError::Passing(passing)) => Err(self.unreachable(passing)),
        }
    }
}

/// Scopes of these permissions by their full names.
pub(super) fn scopes(cloud: Cloud, permissions: &[String]) -> String {
    let root = cloud.root();
    let full = permissions.iter().map(|name| format!("{root}/{name}"));
    let full: Vec<String> = full.collect();
    format!("{} {ALWAYS}", full.join(" "))
}

/// A person who signed in, with their tokens.
#[derive(Debug)]
pub struct SignedIn {
    pub(super) request: SignInRequest,
    pub(super) identity: Identity,
    pub(super) access_token: SecretString,
    pub(super) refresh_token: SecretString,
    pub(super) permissions: Vec<String>,
    pub(super) obtained_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

impl SignedIn {
    pub(super) fn new(
        request: SignInRequest,
        tokens: Tokens,
        nonce: Option<&str>,
        clock: &dyn Clock,
    ) -> Result<Self, SignInError> {
        let identity = Identity::read(tokens.id_token.as_ref(), &request.client_id, nonce)?;
        let obtained_at = clock.now();
        let expires_at = obtained_at.after(tokens.lives());
        let permissions = granted(request.cloud, &tokens.scope, &request.permissions);
        let refresh_token = tokens.refresh_token.ok_or(SignInError::Strange(
            "it brings no token to refresh by; the app needs the permission offline_access",
        ))?;
        Ok(Self {
            request,
            identity,
            access_token: tokens.access_token,
            refresh_token,
            permissions,
            obtained_at,
            expires_at,
        })
    }

    /// Who signed in, as they type it.
    #[must_use]
    pub fn user(&self) -> &str {
        match self.identity.preferred_username.as_str() {
            "" => &self.identity.name,
            user => user,
        }
    }

    /// The tenant's id.
    #[must_use]
    pub fn tenant_id(&self) -> &str {
        &self.identity.tenant_id
    }

    /// The token for Graph.
    #[must_use]
    pub fn access_token(&self) -> &SecretString {
        &self.access_token
    }

    /// What was granted.
    #[must_use]
    pub fn permissions(&self) -> &[String] {
        &self.permissions
    }
}

/// The permissions of a token, by their short names; an answer that names none grants what was asked.
pub(super) fn granted(cloud: Cloud, scope: &str, asked: &[String]) -> Vec<String> {
    let root = format!("{}/", cloud.root());
    let always: Vec<&str> = ALWAYS.split(' ').collect();
    let granted: Vec<String> = scope
        .split_whitespace()
        .map(|name| name.strip_prefix(&root).unwrap_or(name))
        .filter(|name| !always.contains(name) && *name != "email")
        .map(str::to_owned)
        .collect();
    if granted.is_empty() {
        return asked.to_vec();
    }
    granted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_have_their_full_names_and_are_shown_by_their_short_ones() {
        let asked = ["DeviceManagementServiceConfig.ReadWrite.All".to_owned()];
        let full = scopes(Cloud::UsGov, &asked);
        assert_eq!(
            full,
            "https://graph.microsoft.us/DeviceManagementServiceConfig.ReadWrite.All \
             offline_access openid profile"
        );
        assert_eq!(granted(Cloud::UsGov, &full, &[]), asked);
        assert_eq!(granted(Cloud::UsGov, "openid", &asked), asked);
        let some = granted(Cloud::Global, "User.Read profile email", &asked);
        assert_eq!(some, ["User.Read"]);
    }
}
