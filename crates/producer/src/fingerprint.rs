//! SHA-256 over parts: what the same parts in the same order come to, and no others.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// A SHA-256 in the making.
#[derive(Default)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Adds a part; it is told from its neighbours.
    pub fn part(&mut self, part: impl AsRef<[u8]>) {
        self.0.update(part);
        self.0.update([0]);
    }

    /// Adds bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The SHA-256, in hexadecimal.
    #[must_use]
    pub fn finish(self) -> String {
        let mut text = String::new();
        for byte in self.0.finalize() {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}
