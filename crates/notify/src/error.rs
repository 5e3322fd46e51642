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
