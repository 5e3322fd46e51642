//! Who signed in, by the token that says it.
//!
//! The token comes straight from Entra's token endpoint over TLS, so that its signature needs no
//! further proof (OpenID Connect Core, 3.1.3.7); that it is meant for this sign-in is checked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::error::SignInError;

/// The tenant of all personal accounts.
const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Who signed in.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Identity {
    #[serde(rename = "tid", default)]
    pub(super) tenant_id: String,
    /// As the person types it.
    #[serde(default)]
    pub(super) preferred_username: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    aud: String,
    #[serde(default)]
    nonce: String,
}

impl Identity {
    /// Reads an id token that was asked for by `client_id`, with `nonce` where there was one.
    pub(super) fn read(
        token: Option<&SecretString>,
        client_id: &str,
        nonce: Option<&str>,
    ) -> Result<Self, SignInError> {
        let token = token.ok_or(SignInError::Strange("it does not say who signed in"))?;
        let identity = Self::claims(token.expose_secret()).ok_or(SignInError::Strange(
            "it does not say legibly who signed in",
        ))?;
        if !identity.aud.eq_ignore_ascii_case(client_id) {
            return Err(SignInError::Strange("it is meant for another app"));
        }
        if nonce.is_some_and(|nonce| identity.nonce != nonce) {
            return Err(SignInError::Strange("it belongs to another sign-in"));
        }
        if identity.tenant_id.is_empty() {
            return Err(SignInError::Strange("it names no tenant"));
        }
        if identity.tenant_id == PERSONAL {
            return Err(SignInError::Strange(
                "a personal Microsoft account has no Intune",
            ));
        }
        Ok(identity)
    }

    fn claims(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        let bytes = URL_SAFE_NO_PAD.decode(payload).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(claims: &serde_json::Value, nonce: Option<&str>) -> Result<Identity, SignInError> {
        let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
        let token = SecretString::from(format!("e30.{payload}.x"));
        Identity::read(Some(&token), "app-1", nonce)
    }

    #[test]
    fn a_token_for_another_app_sign_in_or_kind_of_account_is_refused() {
        let good = json!({ "aud": "app-1", "tid": "t-1", "nonce": "n-1" });
        assert!(read(&good, Some("n-1")).is_ok());
        assert!(read(&good, None).is_ok());
        assert!(read(&good, Some("n-2")).is_err());
        for (claim, value) in [("aud", "app-2"), ("tid", ""), ("tid", PERSONAL)] {
            let mut bad = good.clone();
            bad[claim] = json!(value);
            assert!(read(&bad, Some("n-1")).is_err(), "{bad}");
        }
        assert!(Identity::read(None, "app-1", None).is_err());
    }
}
