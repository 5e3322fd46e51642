//! Exit codes, as `repilot --help` documents them.

use std::process::ExitCode;

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked for is done; every device succeeded.
    Done,
    /// An error.
    Error,
    /// The campaign ended with dead letters.
    DeadLetters,
    /// The campaign is paused, or was stopped with work left.
    Paused,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        // 2 is clap's: the command line could not be understood.
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Error => 1,
            Exit::DeadLetters => 3,
            Exit::Paused => 4,
        })
    }
}
