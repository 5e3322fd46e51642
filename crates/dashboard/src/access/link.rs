//! The link that is printed at the start, as Jupyter does: whoever can read the terminal may steer.

use std::sync::{Mutex, PoisonError};

use super::secret::{Secret, same};

/// A link that signs in whoever opens it first.
#[derive(Debug, Default)]
pub(crate) struct OneTimeLink(Mutex<Option<String>>);

impl OneTimeLink {
    /// Makes one, in place of one before, and gives its token.
    pub(crate) fn make(&self) -> String {
        let token = Secret::new(rand::random());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.sha256());
        token.reveal().to_owned()
    }

    /// Uses it up. Whether it was this one, and good.
    pub(crate) fn spend(&self, token: &str) -> bool {
        let hash = Secret::received(token).sha256();
        let mut good = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = good.as_deref().is_some_and(|known| same(known, &hash));
        if is_it {
            *good = None;
        }
        is_it
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_works_once_and_no_other_does() {
        let link = OneTimeLink::default();
        assert!(!link.spend(""));
        let token = link.make();
        assert!(!link.spend("guessed"));
        assert!(link.spend(&token));
        assert!(!link.spend(&token));
    }
}
