//! Processes that stay, who may reach them, and what they keep.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use repilot_domain::{Role, TenantName};

use crate::settings::Age;

#[derive(Debug, Args)]
pub(crate) struct WorkerArguments {
    /// Return when no open campaign is left
    #[arg(long)]
    pub(crate) until_empty: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DashboardArguments {
    /// Where to listen [default: `[dashboard] listen`]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Let somebody sign in by name and password
    Add {
        /// What they type
        #[arg(value_parser = user_name)]
        name: String,
        /// What they may do: viewer looks, operator steers
        #[arg(long)]
        role: Role,
        /// File with the password, `-` for standard input [default: ask on the terminal]
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// List who may sign in
    List,
    /// Let somebody in no longer, and end their sessions
    Remove {
        /// Who
        name: String,
    },
    /// Give somebody another password, and end their sessions
    Password {
        /// Who
        name: String,
        /// File with the password, `-` for standard input [default: ask on the terminal]
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it, this once
    Create {
        /// What it is for
        #[arg(value_parser = user_name)]
        name: String,
        /// What it may do: viewer reads, operator steers
        #[arg(long)]
        role: Role,
        /// How long it is good, as in 90d
        #[arg(long, value_name = "DURATION", default_value = "90d")]
        expires: Age,
    },
    /// List tokens, without what they are
    List,
    /// Take a token back
    Revoke {
        /// Its number
        id: i64,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AuditListArguments {
    /// Campaign [default: all, and what concerns none]
    pub(crate) campaign: Option<String>,
    /// The last so many [default: 50; with --json all]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Show what was done, oldest first
    List(AuditListArguments),
    /// Compute the chain of hashes anew, and name the first row that does not fit
    Verify {
        /// A head that was printed earlier and kept elsewhere: it must still be in the chain
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SimulateArguments {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// A fleet of so many made-up devices
    #[arg(long, default_value_t = 1_000, conflicts_with = "list")]
    pub(crate) devices: usize,
    /// A fleet for the keys of this list
    #[arg(long, value_name = "FILE")]
    pub(crate) list: Option<PathBuf>,
    /// What it does (TOML) [default: unthrottled, without faults]
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
    /// Print the built-in demonstration's scenario, the manual of the format, and return
    #[arg(long)]
    pub(crate) show_scenario: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// One tenant [default: all]
    #[arg(long)]
    pub(crate) tenant: Option<TenantName>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Bring the ledger up to date, or make it, and say its version
    Migrate,
    /// Check that it can be reached, is whole, and that its counters say what its jobs say
    Check,
    /// Copy everything into an empty ledger of any kind; campaigns go on there
    Copy {
        /// The ledger as it is: a file, or postgres://…
        from: String,
        /// The empty one
        to: String,
        /// Even from under workers that are at work: what they do meanwhile is lost to the copy
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show the settings in force, and where they come from
    Show,
    /// Show every setting with its default
    Default,
}

/// Longer ones do not fit a table.
const USER_NAME_MAX_CHARS: usize = 64;

/// A user's or a token's name: one that can be typed, and stand in an audit list.
fn user_name(name: &str) -> Result<String, String> {
    let fits = !name.trim().is_empty() && name.chars().count() <= USER_NAME_MAX_CHARS;
    let plain =
        !name.starts_with('-') && name.trim() == name && !name.chars().any(char::is_control);
    if fits && plain {
        return Ok(name.to_owned());
    }
    Err(format!(
        "a name has 1 to {USER_NAME_MAX_CHARS} characters, none of them a control character, no blanks at its ends, and does not begin with a hyphen"
    ))
}
