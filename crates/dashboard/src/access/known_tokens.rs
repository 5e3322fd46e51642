//! Tokens that the ledger knew a moment ago, for what has to be said while it does not answer.
//!
//! A scrape that fails says nothing at all: with the ledger down, a token could not be looked up, `/metrics`
//! failed, and the alarm over `repilot_ledger_up == 0` could never fire. So a token that was good within the
//! last while opens `/metrics`, and nothing else, while the ledger is silent. One that was taken back is
//! forgotten as soon as the ledger says so.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use repilot_domain::Timestamp;

use super::visitor::bearer;

/// Time for which a token is believed to be good without the ledger.
const BELIEVED: Duration = Duration::from_hours(1);

/// Largest number of tokens that are remembered.
const KEPT: usize = 1_000;

/// Hashes of tokens, and when the ledger last knew them.
#[derive(Debug, Default)]
pub(crate) struct KnownTokens(Mutex<HashMap<String, Timestamp>>);

impl KnownTokens {
    /// Notes what the ledger said of a token.
    pub(super) fn note(&self, sha256: &str, is_good: bool, now: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_good {
            known.remove(sha256);
            return;
        }
        if known.len() >= KEPT {
            known.retain(|_, at| now.since(*at) < BELIEVED);
        }
        if known.len() < KEPT || known.contains_key(sha256) {
            known.insert(sha256.to_owned(), now);
        }
    }

    /// Whether a request brings a token that was good a while ago.
    pub(crate) fn has_one_of(&self, headers: &HeaderMap, now: Timestamp) -> bool {
        let Some(token) = bearer(headers) else {
            return false;
        };
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = known.get(&token.sha256());
        seen.is_some_and(|at| now.since(*at) < BELIEVED)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};

    use super::*;
    use crate::access::Secret;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millis(minute * 60_000)
    }

    #[test]
    fn a_token_is_believed_for_a_while_and_not_after_it_was_taken_back() {
        let (known, mut headers) = (KnownTokens::default(), HeaderMap::new());
        headers.insert(
            header::AUTHORIZATION,
            HeaderValue::from_static("Bearer one"),
        );
        let hash = Secret::received("one").sha256();
        assert!(!known.has_one_of(&headers, at(0)));
        known.note(&hash, true, at(0));
        assert!(known.has_one_of(&headers, at(59)));
        assert!(!known.has_one_of(&headers, at(60)));
        known.note(&hash, false, at(1));
        assert!(!known.has_one_of(&headers, at(1)));
    }
}
