//! Sealing tokens, so that a file of them is worth nothing without the keyring's key.
//!
//! A keyring holds little (Windows' takes 2,560 bytes), and Entra's tokens may be larger: so the
//! keyring holds the key, and a file what it seals.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::zeroize::Zeroizing;

use super::record::OpenTokens;

/// A key of the keyring.
#[derive(Clone)]
pub(super) struct Key(Zeroizing<[u8; 32]>);

impl Key {
    pub(super) fn by_chance() -> Self {
        Self(Zeroizing::new(rand::random()))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        let key = UnboundKey::new(&AES_256_GCM, self.0.as_slice()).ok()?;
        Some(LessSafeKey::new(key))
    }

    /// Seals tokens for one sign-in, whose name they carry.
    pub(super) fn seal(&self, tokens: &OpenTokens, name: &str) -> Option<String> {
        // A nonce by chance: a key seals a few thousand times in its life.
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut bytes = serde_json::to_vec(tokens).ok()?;
        let sealed = Nonce::assume_unique_for_key(nonce);
        self.cipher()?
            .seal_in_place_append_tag(sealed, Aad::from(name), &mut bytes)
            .ok()?;
        Some(STANDARD_NO_PAD.encode([&nonce[..], &bytes].concat()))
    }

    /// Opens what was sealed for that sign-in; nothing where it is another's, or was changed.
    pub(super) fn open(&self, sealed: &str, name: &str) -> Option<OpenTokens> {
        let bytes = STANDARD_NO_PAD.decode(sealed).ok()?;
        let (nonce, bytes) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut bytes = Zeroizing::new(bytes.to_vec());
        let open = self
            .cipher()?
            .open_in_place(nonce, Aad::from(name), &mut bytes)
            .ok()?;
        serde_json::from_slice(open).ok()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_and_name_alone() {
        let tokens = OpenTokens {
            access_token: "access".into(),
            refresh_token: "refresh".into(),
        };
        let key = Key::by_chance();
        let sealed = key.seal(&tokens, "contoso").unwrap();
        let opened = key.open(&sealed, "contoso").unwrap();
        assert_eq!(opened.refresh_token.expose_secret(), "refresh");
        assert!(key.open(&sealed, "fabrikam").is_none());
        assert!(Key::by_chance().open(&sealed, "contoso").is_none());
        let mut changed = sealed.into_bytes();
        changed[20] ^= 1;
        let changed = String::from_utf8_lossy(&changed).into_owned();
        assert!(key.open(&changed, "contoso").is_none());
        assert!(key.open("", "contoso").is_none());
        let kept = Key::from_bytes(key.as_bytes()).unwrap();
        assert_eq!(kept.as_bytes(), key.as_bytes());
    }
}
