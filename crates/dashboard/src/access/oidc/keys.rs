//! The keys that a provider signs with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::Deserialize;

/// A provider's keys (a JWK set).
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Keys {
    keys: Vec<Key>,
}

/// One of them; what is not of RSA is passed over.
#[derive(Debug, Clone, Deserialize)]
struct Key {
    #[serde(default)]
    kid: String,
    #[serde(default)]
    kty: String,
    #[serde(default, rename = "use")]
    used_for: Option<String>,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
}

impl Key {
    fn may_sign(&self) -> bool {
        self.kty == "RSA" && self.used_for.as_deref().is_none_or(|used| used == "sig")
    }
}

impl Keys {
    pub(super) fn knows(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid == kid && key.may_sign())
    }

    /// Whether the key of that name has signed it (RS256).
    pub(super) fn has_signed(&self, kid: &str, message: &[u8], signature: &[u8]) -> bool {
        let mut named = self.keys.iter();
        named.any(|key| {
            let (Ok(n), Ok(e)) = (
                URL_SAFE_NO_PAD.decode(&key.n),
                URL_SAFE_NO_PAD.decode(&key.e),
            ) else {
                return false;
            };
            let public = RsaPublicKeyComponents { n, e };
            key.kid == kid
                && key.may_sign()
                && public
                    .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                    .is_ok()
        })
    }
}
