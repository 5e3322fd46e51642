//! A sign-in that did not come about, and what to do.

use std::time::Duration;

use super::StoreError;
use super::endpoint::Refusal;

/// A sign-in that did not come about.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Entra refused it.
    #[error("Entra refuses the sign-in: {words}")]
    Refused {
        /// Entra's words.
        words: String,
        /// What to do.
        advice: String,
    },
    /// Entra could not be asked, or somebody else answered in its place.
    #[error("no sign-in at {authority}: {words}")]
    Unreachable {
        /// Who was asked.
        authority: String,
        /// What came of it.
        words: String,
        /// What to do.
        advice: &'static str,
    },
    /// Nobody signed in in time.
    #[error("nobody signed in within {} minutes", .0.as_secs().div_ceil(60))]
    TooLate(Duration),
    /// The person said no.
    #[error("the sign-in was declined")]
    Declined,
    /// The browser cannot be answered on this machine.
    #[error("cannot listen on this machine for the browser's answer")]
    Listen(#[source] std::io::Error),
    /// What Entra answered cannot be a sign-in of a work or school account.
    #[error("Entra's answer is no sign-in: {0}")]
    Strange(&'static str),
    /// It cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Setup(#[from] crate::SetupError),
}

impl SignInError {
    pub(super) fn refused(refusal: &Refusal) -> Self {
        let otherwise = "Entra's words say why; its sign-in log (Entra, Sign-in logs) says more";
        Self::Refused {
            words: refusal.words(),
            advice: refusal.advice().unwrap_or(otherwise).to_owned(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Refused { advice, .. } => advice.clone(),
            Self::Unreachable { advice, .. } => (*advice).to_owned(),
            Self::TooLate(_) => "sign in again; where the browser's page shows an AADSTS number, \
                 `repilot login --device-code` says what to do about it"
                .to_owned(),
            Self::Declined => "nothing was changed; sign in again when it is meant".to_owned(),
            Self::Listen(_) => "sign in with --device-code, which needs no listener".to_owned(),
            Self::Strange(_) => {
                "sign in with a work or school account; `[graph] authority` must be an Entra"
                    .to_owned()
            }
            Self::Store(error) => error.hint().to_owned(),
            Self::Setup(_) => "`repilot check` says which setting or file it is".to_owned(),
        }
    }
}
