//! Messages that did not arrive. No address, no secret is in any of these.

use std::time::Duration;

/// A message that did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The other side answered otherwise than with success.
    #[error("{host} answered {status}")]
    Refused {
        /// The machine.
        host: String,
        /// Its answer.
        status: u16,
        /// How long it asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// The other side answered with success, and said that it had none.
    #[error("{host} answered {status} and says: {words}")]
    RefusedInWords {
        /// The machine.
        host: String,
        /// Its answer.
        status: u16,
        /// What it says, cut.
        words: String,
    },
    /// The mail server took the connection, and not the message.
    #[error("{host} does not take the message: {words}")]
    MailRefused {
        /// The server.
        host: String,
        /// Its words, cut.
        words: String,
    },
    /// No answer came.
    #[error("{host} cannot be reached: {why}")]
    Unreachable {
        /// The machine.
        host: String,
        /// In words.
        why: String,
    },
    /// The command could not be started.
    #[error("cannot start `{program}`")]
    Start {
        /// The program.
        program: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The command ended otherwise than with success.
    #[error("`{program}` ended with {status}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended, in words.
        status: String,
    },
    /// The command did not end.
    #[error("`{program}` took longer than {} s", limit.as_secs())]
    TookTooLong {
        /// The program.
        program: String,
        /// How long it may take.
        limit: Duration,
    },
}

impl SendError {
    /// How long the other side asked to be left alone.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::RefusedInWords { .. }
            | Self::MailRefused { .. }
            | Self::Unreachable { .. }
            | Self::Start { .. }
            | Self::Failed { .. }
            | Self::TookTooLong { .. } => None,
        }
    }
}
