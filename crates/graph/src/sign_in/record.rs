//! A sign-in as it is kept: who, for what, until when; and its tokens, open or sealed.

use repilot_domain::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

/// What keeps the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeptIn {
    /// A file that is sealed with a key of the operating system's keyring.
    Keyring,
    /// A file that its owner alone can read.
    File,
}

impl std::fmt::Display for KeptIn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Keyring => "a file sealed with a key of the operating system's keyring",
            Self::File => "a private file",
        })
    }
}

/// Why a sign-in is over before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Since when.
    pub at: Timestamp,
    /// Entra's or Graph's words, and what they mean.
    pub why: String,
    /// What the next sign-in has to fulfil, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<String>,
}

/// A sign-in as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignInRecord {
    /// The tenant's name here.
    pub tenant: String,
    /// Another one with each sign-in.
    pub id: String,
    /// The tenant's id.
    pub tenant_id: String,
    /// The domain it goes by; empty where nobody said.
    #[serde(default)]
    pub domain: String,
    /// Who signed in, as they type it.
    pub user: String,
    /// What they are called.
    #[serde(default)]
    pub user_name: String,
    /// The cloud, as the settings call it.
    pub cloud: String,
    /// Where they signed in.
    pub authority: String,
    /// The public client's id.
    pub client_id: String,
    /// What was asked for, which each refresh asks for again.
    #[serde(default)]
    pub asked: Vec<String>,
    /// What was granted.
    pub permissions: Vec<String>,
    /// When they signed in.
    pub signed_in_at: Timestamp,
    /// When the token was fetched.
    pub obtained_at: Timestamp,
    /// When the token runs out, unless it is refreshed.
    pub expires_at: Timestamp,
    /// What keeps the tokens.
    pub kept_in: KeptIn,
    /// Set once a person has to sign in again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
    /// The tokens, where a private file keeps them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tokens: Option<OpenTokens>,
    /// The tokens, sealed with the keyring's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sealed: Option<String>,
}

/// Tokens that anybody can read who gets hold of them.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct OpenTokens {
    #[serde(serialize_with = "exposed")]
    pub(super) access_token: SecretString,
    #[serde(serialize_with = "exposed")]
    pub(super) refresh_token: SecretString,
}

impl std::fmt::Debug for OpenTokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("OpenTokens")
    }
}

/// Into the store's file, and nowhere else.
fn exposed<S: serde::Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

impl SignInRecord {
    /// Whether the token is good for a while yet, `ahead` of its end.
    pub(super) fn is_fresh(&self, now: Timestamp, ahead: std::time::Duration) -> bool {
        let life = self.expires_at.since(self.obtained_at);
        self.expires_at.before(ahead.min(life / 2)) > now
    }
}
