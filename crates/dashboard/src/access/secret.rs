//! What lets somebody in: long, by chance, and known to the ledger by its hash alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// A value of 256 bits by chance, as text that fits into a URL, a header or a cookie.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Made of bytes by chance.
    #[must_use]
    pub fn new(chance: [u8; 32]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(chance))
    }

    /// As somebody sent it.
    #[must_use]
    pub fn received(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The value itself: for whoever it is given to.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the ledger keeps of it. A slow hash is for what people think up; there is no guessing
    /// this.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex(&Sha256::digest(self.0.as_bytes()))
    }

    /// Another secret that only whoever knows this one can know.
    pub(crate) fn derived(&self, purpose: &str) -> String {
        hex(&Sha256::digest(format!("{purpose}:{}", self.0).as_bytes()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether two texts are the same, in a time that does not tell where they differ.
pub(crate) fn same(left: &str, right: &str) -> bool {
    let differences = left
        .bytes()
        .zip(right.bytes())
        .fold(0_u8, |found, (left, right)| found | (left ^ right));
    left.len() == right.len() && differences == 0
}
