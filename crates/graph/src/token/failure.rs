//! Why a token could not be had: Entra refused for good, or it should pass.

use azure_core::error::{Error, ErrorKind};

use crate::body::one_line;
use crate::{GraphError, SystemicReason};

/// A token that could not be had.
#[derive(Debug, Clone)]
pub(crate) struct TokenFailure {
    pub(crate) error: GraphError,
    pub(crate) message: String,
}

impl TokenFailure {
    /// What no further try mends.
    pub(super) fn refused(words: &str) -> Self {
        let message = one_line(words);
        let reason = SystemicReason::CredentialRefused(message.clone());
        Self {
            error: GraphError::Systemic(reason),
            message,
        }
    }

    /// Whoever was asked did not answer in time.
    pub(super) fn too_slow() -> Self {
        Self {
            error: GraphError::Unreachable,
            message: "no token can be fetched: no answer in time".to_owned(),
        }
    }

    /// `azure_identity` wraps what happened in an error of its own: the kind is further down.
    ///
    /// `over_http` is whether the token was asked for over HTTP: what `az` prints and nobody can
    /// read comes from an `az` that is too old.
    pub(super) fn of(error: &Error, over_http: bool) -> Self {
        let mut passing = false;
        let mut innermost = error.to_string();
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = cause {
            passing |= error
                .downcast_ref::<Error>()
                .is_some_and(|error| passes(error.kind(), over_http));
            innermost = error.to_string();
            cause = error.source();
        }
        if passing {
            let message = one_line(&format!("no token can be fetched: {innermost}"));
            // Nothing was sent to Graph: no device has spent an attempt.
            return Self {
                error: GraphError::Unreachable,
                message,
            };
        }
        Self::refused(&innermost)
    }
}

/// Statuses of Entra, or of a machine's metadata service (410 while it is updated).
const PASSING: [u16; 3] = [408, 410, 429];

fn passes(kind: &ErrorKind, over_http: bool) -> bool {
    match kind {
        ErrorKind::HttpResponse { status, .. } => {
            status.is_server_error() || PASSING.contains(&u16::from(*status))
        }
        // A body that is not Entra's: a proxy's page, whatever its status was.
        ErrorKind::DataConversion => over_http,
        ErrorKind::Connection | ErrorKind::Io => true,
        _ => false,
    }
}
