//! Where a program keeps its ledger and its wire.

use std::path::Path;

#[cfg(unix)]
use servers::{Postgres, Redis};
use tokio::process::Command;

/// What it keeps them on.
pub enum Profile {
    /// A file, and its own memory.
    Embedded,
    /// Servers of its own.
    #[cfg(unix)]
    Shared(Postgres, Redis),
}

impl Profile {
    /// Starts the servers, which only Unix has.
    #[must_use]
    pub fn shared() -> Self {
        #[cfg(unix)]
        return Self::Shared(Postgres::start(), Redis::start());
        #[cfg(not(unix))]
        panic!("PostgreSQL and Redis are started on Unix alone");
    }

    /// Where a new ledger is; a file lies in `folder`.
    #[must_use]
    pub fn new_ledger(&self, folder: &Path) -> String {
        match self {
            Self::Embedded => folder.join("ledger.db").display().to_string(),
            #[cfg(unix)]
            Self::Shared(postgres, _) => postgres.create_database(),
        }
    }

    /// Tells a program of a ledger, and of the wire.
    pub fn tell(&self, command: &mut Command, ledger: &str) {
        command.env("REPILOT_LEDGER__URL", ledger);
        #[cfg(unix)]
        if let Self::Shared(_, redis) = self {
            command.env("REPILOT_REDIS__URL", redis.url());
        }
    }
}
