//! What a provider's token says, once it is believed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use repilot_domain::{Role, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::keys::Keys;
use super::{OidcError, OidcOptions};
use crate::access::secret::same;

/// Clocks may differ by so much.
const LEEWAY: Duration = Duration::from_mins(1);

/// Why a token cannot be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// It is no signed token.
    #[error("it is not a token")]
    Unreadable,
    /// It is signed by other means than RS256, or not at all.
    #[error("it is not signed with RS256")]
    OtherAlgorithm,
    /// By no key of the provider's.
    #[error("it is signed by a key that is not the provider's")]
    UnknownKey,
    /// The signature does not fit.
    #[error("its signature is wrong")]
    WrongSignature,
    /// By somebody else.
    #[error("it is of another issuer")]
    OtherIssuer,
    /// For somebody else.
    #[error("it is for another program")]
    OtherAudience,
    /// It is over.
    #[error("it has expired")]
    Expired,
    /// It is not valid yet.
    #[error("it is of the future: do the clocks agree?")]
    TooEarly,
    /// It belongs to another sign-in.
    #[error("it belongs to another sign-in")]
    OtherSignIn,
}

/// How a token is signed.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: String,
}

/// What a token says.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    iss: String,
    aud: Audience,
    #[serde(default)]
    azp: Option<String>,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    nonce: String,
    sub: String,
    #[serde(default)]
    preferred_username: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    roles: Vec<String>,
    /// Where what was left out can be asked for.
    #[serde(default, rename = "_claim_names")]
    left_out: Value,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// A token that was read, and is not believed yet.
pub(super) struct Token<'a> {
    header: Header,
    /// What is signed.
    message: &'a [u8],
    claims: &'a str,
    signature: Vec<u8>,
}

impl<'a> Token<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, TokenError> {
        let (message, signature) = text.rsplit_once('.').ok_or(TokenError::Unreadable)?;
        let (header, claims) = message.split_once('.').ok_or(TokenError::Unreadable)?;
        let signature = URL_SAFE_NO_PAD.decode(signature);
        Ok(Self {
            header: json(header)?,
            message: message.as_bytes(),
            claims,
            signature: signature.map_err(|_not_base64| TokenError::Unreadable)?,
        })
    }

    /// Which key has signed it, as it says.
    pub(super) fn kid(&self) -> &str {
        &self.header.kid
    }

    /// What it says, if that can be believed.
    pub(super) fn believed(
        &self,
        keys: &Keys,
        options: &OidcOptions,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Claims, TokenError> {
        if self.header.alg != "RS256" {
            return Err(TokenError::OtherAlgorithm);
        }
        let kid = self.kid();
        if !keys.knows(kid) {
            return Err(TokenError::UnknownKey);
        }
        if !keys.has_signed(kid, self.message, &self.signature) {
            return Err(TokenError::WrongSignature);
        }
        let claims: Claims = json(self.claims)?;
        if claims.iss != issuer_of(options) {
            return Err(TokenError::OtherIssuer);
        }
        if !claims.is_for(&options.client_id) {
            return Err(TokenError::OtherAudience);
        }
        let at = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1_000));
        if now >= at(claims.exp).after(LEEWAY) {
            return Err(TokenError::Expired);
        }
        if claims.nbf.is_some_and(|nbf| at(nbf) > now.after(LEEWAY)) {
            return Err(TokenError::TooEarly);
        }
        if !same(&claims.nonce, nonce) {
            return Err(TokenError::OtherSignIn);
        }
        Ok(claims)
    }
}

/// An issuer as its tokens say it: to the letter as it was set, and a URL has a slash too many.
pub(super) fn issuer_of(options: &OidcOptions) -> &str {
    options.issuer.as_str().trim_end_matches('/')
}

impl Claims {
    fn is_for(&self, client_id: &str) -> bool {
        let party = self.azp.as_deref();
        match &self.aud {
            Audience::One(one) => one == client_id && party.is_none_or(|party| party == client_id),
            // Of several, it must have been made for this one.
            Audience::Several(all) => {
                all.iter().any(|one| one == client_id)
                    && party.map_or(all.len() == 1, |party| party == client_id)
            }
        }
    }

    /// As people know them.
    pub(super) fn name(&self) -> String {
        let said = [&self.preferred_username, &self.email];
        let known = said.into_iter().flatten().find(|name| !name.is_empty());
        known.unwrap_or(&self.sub).clone()
    }

    /// What they may do.
    pub(super) fn role(&self, options: &OidcOptions) -> Result<Role, OidcError> {
        let is_in = |wanted: &[String]| {
            let mut own = self.groups.iter().chain(&self.roles);
            own.any(|own| wanted.contains(own))
        };
        let name = self.name();
        if is_in(&options.operators) {
            Ok(Role::Operator)
        } else if is_in(&options.viewers) {
            Ok(Role::Viewer)
        } else if self.left_out.get("groups").is_some() {
            Err(OidcError::TooManyGroups { name })
        } else {
            Err(OidcError::NoRole { name })
        }
    }
}

fn json<T: DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(part);
    let bytes = bytes.map_err(|_not_base64| TokenError::Unreadable)?;
    serde_json::from_slice(&bytes).map_err(|_other_shape| TokenError::Unreadable)
}
