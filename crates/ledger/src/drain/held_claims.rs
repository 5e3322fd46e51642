//! What a process has claimed and not settled, as the process knows it.
//!
//! The ledger's word alone would not do: a standby that lagged behind and took over says of jobs that
//! were settled in the meantime that they are in hand, and nobody has them. Only what is in this book
//! is renewed; whatever else the ledger says of this process runs out, and is looked at first.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ClaimKey;

#[derive(Debug, Default)]
pub(crate) struct HeldClaims(Mutex<HashSet<ClaimKey>>);

impl HeldClaims {
    /// Claims were granted, and what others came to was said; whether it was taken or not, nobody
    /// has those any more.
    pub(crate) fn note(
        &self,
        granted: impl Iterator<Item = ClaimKey>,
        said: impl Iterator<Item = ClaimKey>,
    ) {
        let mut claims = self.lock();
        for claim in said {
            claims.remove(&claim);
        }
        claims.extend(granted);
    }

    pub(crate) fn all(&self) -> Vec<ClaimKey> {
        self.lock().iter().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<ClaimKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
