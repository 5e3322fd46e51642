//! What proves to a receiver that a message is from here, and when it was sent.

use std::fmt::Write as _;

use repilot_domain::Timestamp;
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};

/// A secret that sender and receiver share.
pub struct SigningKey(hmac::Key);

/// A message's signature, as two headers carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// `X-Repilot-Timestamp`: seconds since 1970.
    pub timestamp: String,
    /// `X-Repilot-Signature`: `v1=` and the HMAC in hexadecimal.
    pub signature: String,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SigningKey")
    }
}

impl SigningKey {
    /// From its text, without blanks around it.
    #[must_use]
    pub fn new(secret: &SecretString) -> Self {
        let secret = secret.expose_secret().trim().as_bytes();
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// HMAC-SHA256 over the timestamp, a dot, and the body to the byte.
    #[must_use]
    pub fn sign(&self, body: &[u8], now: Timestamp) -> Signature {
        let timestamp = now.as_millis().div_euclid(1_000).to_string();
        let mut context = hmac::Context::with_key(&self.0);
        context.update(timestamp.as_bytes());
        context.update(b".");
        context.update(body);
        let mut signature = "v1=".to_owned();
        for byte in context.sign().as_ref() {
            // Writing into a text cannot fail.
            let _ = write!(signature, "{byte:02x}");
        }
        Signature {
            timestamp,
            signature,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `printf '%s' '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret` has it.
    #[test]
    fn a_receiver_computes_the_same_from_timestamp_and_body() {
        let key = SigningKey::new(&SecretString::from(" secret\n".to_owned()));
        let now = Timestamp::from_millis(1_700_000_000_999);
        let signature = key.sign(br#"{"a":1}"#, now);
        assert_eq!(signature.timestamp, "1700000000");
        assert_eq!(
            signature.signature,
            "v1=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686"
        );
        assert!(!format!("{key:?}").contains("secret"));
    }
}
