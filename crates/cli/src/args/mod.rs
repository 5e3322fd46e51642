//! The command line.

mod campaigns;
mod controls;
mod jobs;
mod lists;
mod service;
mod sign_in;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::help;

pub(crate) use campaigns::{
    CampaignCommand, NotifyCommand, PruneArguments, ReportArguments, RollbackArguments,
    StatusArguments, VerifyArguments, WhichCampaigns,
};
pub(crate) use controls::ControlArguments;
pub(crate) use jobs::{
    DeadArguments, DeadCommand, DeadListArguments, DiscardArguments, ExportArguments, ExportFormat,
    GiveBackArguments, JobArguments, JobOrder, JobsArguments, RefusedArguments, RequeueArguments,
};
pub(crate) use lists::{
    EnqueueArguments, InventoryCommand, InventoryFilter, PlanArguments, RunArguments,
    SelectionArguments, SimulationArguments,
};
pub(crate) use service::{
    AuditCommand, AuditListArguments, CheckArguments, ConfigCommand, DashboardArguments,
    LedgerCommand, SimulateArguments, TokenCommand, UserCommand, WorkerArguments,
};
pub(crate) use sign_in::{LoginArguments, LogoutArguments};

/// Mass campaigns over Windows Autopilot devices: unassign the user from thousands of devices, under
/// Graph's throttling, with every device accounted for.
#[derive(Debug, Parser)]
#[command(name = "repilot", version, after_help = help::EXIT_CODES, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// For every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Settings file [default: ./repilot.toml, or the platform's configuration folder]
    #[arg(long, global = true, value_name = "FILE", env = "REPILOT_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Ledger: a file, or postgres://… [default: `[ledger] url`]
    #[arg(long, global = true, value_name = "LEDGER")]
    pub(crate) ledger: Option<String>,
    /// Print data as JSON, on stdout
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Show times in UTC [default: the zone of the campaign, or of this machine]
    #[arg(long, global = true)]
    pub(crate) utc: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Plan, ask, enqueue and drain a list; again, to resume it
    #[command(after_help = help::RUN_EXAMPLES)]
    Run(RunArguments),
    /// Sign in as yourself, and run campaigns as you
    #[command(after_help = help::LOGIN_EXAMPLES)]
    Login(LoginArguments),
    /// Forget the tokens of a sign-in
    Logout(LogoutArguments),
    /// Show what `enqueue` would do and refuse, and why; enqueues nothing
    #[command(after_help = help::PLAN_EXAMPLES)]
    Plan(PlanArguments),
    /// Enqueue a list into a campaign and return
    #[command(after_help = help::ENQUEUE_EXAMPLES)]
    Enqueue(EnqueueArguments),
    /// A tenant's devices as Graph lists them: sync, list, export
    #[command(subcommand, after_help = help::INVENTORY_EXAMPLES)]
    Inventory(InventoryCommand),
    /// Drain every open campaign of the tenants in the settings
    #[command(after_help = help::WORKER_EXAMPLES)]
    Worker(WorkerArguments),
    /// Serve a dashboard in the browser: look at campaigns, and steer them
    #[command(after_help = help::DASHBOARD_EXAMPLES)]
    Dashboard(DashboardArguments),
    /// People who may sign in to the dashboard: add, list, remove, change a password
    #[command(subcommand, after_help = help::USER_EXAMPLES)]
    User(UserCommand),
    /// Tokens of programs that use the API: create, list, revoke
    #[command(subcommand, after_help = help::TOKEN_EXAMPLES)]
    Token(TokenCommand),
    /// Show campaigns, lanes and workers
    #[command(after_help = help::STATUS_EXAMPLES)]
    Status(StatusArguments),
    /// List a campaign's jobs
    #[command(after_help = help::JOBS_EXAMPLES)]
    Jobs(JobsArguments),
    /// List the rows of a campaign's lists that were refused, and why
    Refused(RefusedArguments),
    /// Show one job: every attempt, and why it waits
    Job(JobArguments),
    /// Dead letters: list, requeue, discard
    #[command(subcommand, after_help = help::DEAD_EXAMPLES)]
    Dead(DeadCommand),
    /// Campaigns: list, set, pause, resume, cancel
    #[command(subcommand, after_help = help::CAMPAIGN_EXAMPLES)]
    Campaign(CampaignCommand),
    /// Hold the jobs that succeeded against the inventory as it is now
    #[command(after_help = help::VERIFY_EXAMPLES)]
    Verify(VerifyArguments),
    /// Write one page about a campaign, for the record of a change
    #[command(after_help = help::REPORT_EXAMPLES)]
    Report(ReportArguments),
    /// Whoever the settings name to be told of pauses and ends: test
    #[command(subcommand, after_help = help::NOTIFY_EXAMPLES)]
    Notify(NotifyCommand),
    /// Make a campaign that gives each device of another back to who had it before
    #[command(after_help = help::ROLLBACK_EXAMPLES)]
    Rollback(RollbackArguments),
    /// Forget users, jobs and attempts of campaigns that ended long ago; totals and audit stay
    #[command(after_help = help::PRUNE_EXAMPLES)]
    Prune(PruneArguments),
    /// Who did what, when and from where: list, verify
    #[command(subcommand, after_help = help::AUDIT_EXAMPLES)]
    Audit(AuditCommand),
    /// Write one row a device, with its outcome, to stdout
    #[command(after_help = help::EXPORT_EXAMPLES)]
    Export(ExportArguments),
    /// Serve a simulated Graph
    #[command(after_help = help::SIMULATE_EXAMPLES)]
    Simulate(SimulateArguments),
    /// The ledger itself: migrate, check, copy to another place
    #[command(subcommand, after_help = help::LEDGER_EXAMPLES)]
    Ledger(LedgerCommand),
    /// Check settings, ledger, token, permissions and reachability
    #[command(after_help = help::CHECK_EXAMPLES)]
    Check(CheckArguments),
    /// Show settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Write shell completions to stdout
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Write manual pages into a folder, one a command: for packages
    #[command(hide = true)]
    ManPages {
        /// Folder that is there
        folder: std::path::PathBuf,
    },
}

/// Longer names do not fit a table.
const CAMPAIGN_NAME_MAX_CHARS: usize = 100;

/// A new campaign's name: one that can be typed, and stand in a table.
fn campaign_name(name: &str) -> Result<String, String> {
    let fits = !name.trim().is_empty() && name.chars().count() <= CAMPAIGN_NAME_MAX_CHARS;
    let plain = !name.starts_with('-') && !name.chars().any(char::is_control);
    if fits && plain {
        return Ok(name.to_owned());
    }
    Err(format!(
        "a campaign's name has 1 to {CAMPAIGN_NAME_MAX_CHARS} characters, no control characters, and does not begin with a hyphen"
    ))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn a_token_is_good_for_its_default_unless_something_else_is_said() {
        let words = [
            "repilot",
            "token",
            "create",
            "monitoring",
            "--role",
            "viewer",
        ];
        assert!(Arguments::try_parse_from(words).is_ok());
    }

    #[test]
    fn every_command_has_a_manual_page() {
        let folder = tempfile::tempdir().unwrap();
        clap_mangen::generate_to(Arguments::command(), folder.path()).unwrap();
        let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(page("repilot.1").contains("repilot\\-worker(1)"));
        assert!(page("repilot-ledger-copy.1").contains("SYNOPSIS"));
        assert!(!page("repilot.1").contains("man\\-pages"));
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
