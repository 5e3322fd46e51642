//! What a provider's token says, once it is believed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use repilot_domain::{Role, Timestamp, untrusted};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::keys::{Keys, SigningAlgorithm};
use super::{OidcError, OidcOptions};
use crate::access::NAME_MAX;
use crate::access::secret::same;

/// Largest difference between the provider's clock and this one.
const LEEWAY: Duration = Duration::from_mins(1);

/// Largest number of characters of a stranger's word that an error repeats.
const SHOWN: usize = 120;

/// Why a token cannot be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// It is no signed token.
    #[error("it is not a token ({0})")]
    Unreadable(&'static str),
    /// It is signed by other means than those of the settings, or not at all.
    #[error("it is signed with {came}, and `[dashboard.oidc] algorithms` takes {wanted}")]
    OtherAlgorithm {
        /// What it says.
        came: String,
        /// What is taken.
        wanted: String,
    },
    /// By no key of the provider's.
    #[error("it is signed by a key that is not the provider's (key id `{kid}`)")]
    UnknownKey {
        /// The key's id as the token says it; empty where it says none.
        kid: String,
    },
    /// The signature does not fit.
    #[error("its signature is wrong")]
    WrongSignature,
    /// By somebody else.
    #[error("it is of issuer {came}, and {wanted} was asked")]
    OtherIssuer {
        /// What it says.
        came: String,
        /// What the description says.
        wanted: String,
    },
    /// For somebody else.
    #[error("it is for another program ({came}; this one is {wanted})")]
    OtherAudience {
        /// For whom it says it is.
        came: String,
        /// This program's client id.
        wanted: String,
    },
    /// It is over.
    #[error("it has expired: check that the clocks agree")]
    Expired,
    /// It is not valid yet.
    #[error("it is not valid yet: check that the clocks agree")]
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
    kid: Option<String>,
}

/// What a believed token says.
#[derive(Debug)]
pub(super) struct Claims(Map<String, Value>);

/// A token that was read, and is not believed yet.
pub(super) struct Token<'a> {
    algorithm: SigningAlgorithm,
    kid: String,
    /// What is signed.
    message: &'a [u8],
    claims: &'a str,
    signature: Vec<u8>,
}

/// What a token is held to.
pub(super) struct Held<'a> {
    pub(super) keys: &'a Keys,
    /// The issuer as its description spells it, to the letter.
    pub(super) issuer: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: Timestamp,
}

impl<'a> Token<'a> {
    pub(super) fn read(text: &'a str, options: &OidcOptions) -> Result<Self, TokenError> {
        let parts = "it has not three parts";
        let (message, signature) = text.rsplit_once('.').ok_or(TokenError::Unreadable(parts))?;
        let (header, claims) = message
            .split_once('.')
            .ok_or(TokenError::Unreadable(parts))?;
        let header: Header = json(header, "its head is not in JSON")?;
        let algorithm = SigningAlgorithm::named(&header.alg)
            .filter(|algorithm| options.algorithms.contains(algorithm))
            .ok_or_else(|| TokenError::OtherAlgorithm {
                came: untrusted(&header.alg, SHOWN),
                wanted: names_of(&options.algorithms),
            })?;
        let signature = URL_SAFE_NO_PAD.decode(signature);
        let not_base64 = |_| TokenError::Unreadable("its signature is not in Base64");
        Ok(Self {
            algorithm,
            kid: header.kid.unwrap_or_default(),
            message: message.as_bytes(),
            claims,
            signature: signature.map_err(not_base64)?,
        })
    }

    /// Whether one of these keys has signed it.
    pub(super) fn is_signed_by(&self, keys: &Keys) -> bool {
        let (signature, key) = (&self.signature, (self.algorithm, self.kid.as_str()));
        keys.has_signed(key, self.message, signature)
    }

    /// What it says, if that can be believed.
    pub(super) fn believed(
        &self,
        held: &Held<'_>,
        options: &OidcOptions,
    ) -> Result<Claims, TokenError> {
        if !held.keys.knows(self.algorithm, &self.kid) {
            return Err(TokenError::UnknownKey {
                kid: untrusted(&self.kid, SHOWN),
            });
        }
        if !self.is_signed_by(held.keys) {
            return Err(TokenError::WrongSignature);
        }
        let claims = Claims(json(self.claims, "its claims are not in JSON")?);
        let issuer = claims.text("iss").unwrap_or_default();
        if issuer != held.issuer {
            return Err(TokenError::OtherIssuer {
                came: untrusted(issuer, SHOWN),
                wanted: untrusted(held.issuer, SHOWN),
            });
        }
        if !claims.is_for(&options.client_id) {
            return Err(TokenError::OtherAudience {
                came: untrusted(
                    &claims.0.get("aud").unwrap_or(&Value::Null).to_string(),
                    SHOWN,
                ),
                wanted: options.client_id.clone(),
            });
        }
        let expires = claims.moment("exp");
        let expires = expires.ok_or(TokenError::Unreadable("it does not say when it expires"))?;
        if held.now >= expires.after(LEEWAY) {
            return Err(TokenError::Expired);
        }
        let begins = claims.moment("nbf");
        if begins.is_some_and(|begins| begins > held.now.after(LEEWAY)) {
            return Err(TokenError::TooEarly);
        }
        if !same(claims.text("nonce").unwrap_or_default(), held.nonce) {
            return Err(TokenError::OtherSignIn);
        }
        if claims.subject().is_empty() {
            return Err(TokenError::Unreadable("it does not say whose it is"));
        }
        Ok(claims)
    }
}

fn names_of(algorithms: &[SigningAlgorithm]) -> String {
    let names: Vec<&str> = algorithms.iter().map(|one| one.as_str()).collect();
    names.join(", ")
}

impl Claims {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// A moment in seconds, which may have a fraction (RFC 7519, 2).
    fn moment(&self, name: &str) -> Option<Timestamp> {
        let value = self.0.get(name)?;
        let seconds = value.as_i64().or_else(|| {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a fraction is cut, and what is out of range is the last moment"
            )]
            value.as_f64().map(|seconds| seconds.floor() as i64)
        })?;
        Some(Timestamp::from_millis(seconds.saturating_mul(1_000)))
    }

    pub(super) fn subject(&self) -> &str {
        self.text("sub").unwrap_or_default()
    }

    fn is_for(&self, client_id: &str) -> bool {
        let party = self.text("azp");
        match self.0.get("aud") {
            Some(Value::String(one)) => {
                one == client_id && party.is_none_or(|party| party == client_id)
            }
            // Of several, it must have been made for this one.
            Some(Value::Array(all)) => {
                all.iter().any(|one| one == client_id)
                    && party.map_or(all.len() == 1, |party| party == client_id)
            }
            _ => false,
        }
    }

    /// The person's name as people know it.
    pub(super) fn name(&self) -> String {
        let said = ["preferred_username", "upn", "email", "name"];
        let mut said = said.iter().filter_map(|name| self.text(name));
        let known = said.find(|name| !name.trim().is_empty());
        untrusted(known.unwrap_or_else(|| self.subject()), NAME_MAX)
    }

    /// The value of a claim: of that very name, or found along the dots (`realm_access.roles`).
    fn found(&self, name: &str) -> Option<&Value> {
        if let Some(value) = self.0.get(name) {
            return Some(value);
        }
        let mut parts = name.split('.');
        let first = self.0.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    }

    /// Whether one of the claims that say what somebody is a member of stands here.
    pub(super) fn says_memberships(&self, options: &OidcOptions) -> bool {
        let mut claims = options.group_claims.iter();
        claims.any(|name| self.found(name).is_some())
    }

    /// Takes what another answer of the provider says of the same person and this token does not.
    pub(super) fn take_missing(&mut self, further: Map<String, Value>) {
        for (name, value) in further {
            self.0.entry(name).or_insert(value);
        }
    }

    /// Groups and roles of the person. One text is a list of one, null is none, and what is no text in a
    /// list is passed over.
    fn memberships(&self, options: &OidcOptions) -> Vec<&str> {
        let claims = options.group_claims.iter();
        let mut memberships = Vec::new();
        for value in claims.filter_map(|name| self.found(name)) {
            match value {
                Value::String(one) => memberships.push(one.as_str()),
                Value::Array(several) => {
                    memberships.extend(several.iter().filter_map(Value::as_str));
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
            }
        }
        memberships
    }

    /// Whether the provider left groups out and says so, as Entra does: beyond 200 of them by the name of
    /// a source, and in a flow through the address bar by a mere flag.
    fn leaves_groups_out(&self) -> bool {
        let by_source = self.0.get("_claim_names");
        by_source.is_some_and(|names| names.get("groups").is_some())
            || self
                .0
                .get("hasgroups")
                .is_some_and(|flag| *flag == true || flag == "true")
    }

    /// What the person may do.
    pub(super) fn role(&self, options: &OidcOptions) -> Result<Role, OidcError> {
        let own = self.memberships(options);
        let is_in = |wanted: &[String]| own.iter().any(|own| wanted.iter().any(|one| one == own));
        let name = self.name();
        if is_in(&options.operators) {
            Ok(Role::Operator)
        } else if is_in(&options.viewers) {
            Ok(Role::Viewer)
        } else if self.leaves_groups_out() {
            Err(OidcError::TooManyGroups { name })
        } else {
            Err(OidcError::NoRole {
                name,
                found: self.found_memberships(options, &own),
            })
        }
    }

    /// What the log says of somebody who is let in nowhere: the groups that came, or that none did.
    fn found_memberships(&self, options: &OidcOptions, own: &[&str]) -> String {
        if !own.is_empty() {
            return untrusted(&format!("it says: {}", own.join(", ")), 4 * SHOWN);
        }
        let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        untrusted(
            &format!(
                "it has no group or role in {}; its claims are {}",
                options.group_claims.join(", "),
                names.join(", ")
            ),
            4 * SHOWN,
        )
    }
}

fn json<T: DeserializeOwned>(part: &str, wrong: &'static str) -> Result<T, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(part);
    let bytes = bytes.map_err(|_not_base64| TokenError::Unreadable(wrong))?;
    serde_json::from_slice(&bytes).map_err(|_other_shape| TokenError::Unreadable(wrong))
}
