//! What makes one sign-in unlike all others: verifier, challenge, state, nonce.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use secrecy::SecretString;

/// 256 bits by chance, as text that goes into an address.
pub(super) fn by_chance() -> String {
    let bytes: [u8; 32] = rand::random();
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn challenge_of(verifier: &str) -> String {
    let digest = digest::digest(&digest::SHA256, verifier.as_bytes());
    URL_SAFE_NO_PAD.encode(digest)
}

/// A proof that whoever redeems a code is who asked for it (RFC 7636).
pub(super) struct Proof {
    /// Shown when the code is redeemed.
    pub(super) verifier: SecretString,
    /// Shown when the code is asked for: the verifier's SHA-256.
    pub(super) challenge: String,
}

impl Proof {
    pub(super) fn new() -> Self {
        Self::of(&by_chance())
    }

    fn of(verifier: &str) -> Self {
        Self {
            verifier: SecretString::from(verifier),
            challenge: challenge_of(verifier),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_standards_example() {
        let proof = Proof::of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(
            proof.challenge,
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
        assert_ne!(by_chance(), by_chance());
    }
}
