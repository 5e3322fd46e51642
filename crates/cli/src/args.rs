//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use repilot_domain::{Action, By, DeadReason, JobState, Role, TenantName, Verification};
use repilot_ledger::JobCursor;
use repilot_producer::Condition;

use crate::control_args::ControlArguments;
use crate::help;
use crate::settings::{Age, Span};

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
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Plan, ask, enqueue and drain a list; again, to resume it
    #[command(after_help = help::RUN_EXAMPLES)]
    Run(RunArguments),
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
}

/// Which devices are meant.
#[derive(Debug, Default, Args)]
pub(crate) struct SelectionArguments {
    /// Device lists of any kind (CSV, Excel, JSON, serials or ids one a line, packed or not); `-` for
    /// standard input
    #[arg(value_name = "LIST")]
    pub(crate) lists: Vec<PathBuf>,
    /// Only devices that meet this, as in tag=KIOSK*, user=@contoso.com, silent>90d, has-user; again
    /// for more conditions; without a list, over the whole inventory
    #[arg(long = "where", value_name = "CONDITION")]
    pub(crate) conditions: Vec<Condition>,
    /// Not the devices on this list; again for more lists
    #[arg(long, value_name = "LIST")]
    pub(crate) except: Vec<PathBuf>,
    /// What every key is: id, serial, managed-device-id, entra-device-id or name [default: what its
    /// column says]
    #[arg(long, value_name = "KIND")]
    pub(crate) by: Option<By>,
    /// What is done to them: unassign; assign, to whom the list names; or reassign, which does one
    /// and then the other [default: unassign]
    #[arg(long, value_name = "ACTION")]
    pub(crate) action: Option<Action>,
    /// The list's column that says who is to be assigned [default: one that can mean nothing else,
    /// as `New user` or `Assign to`]
    #[arg(long, value_name = "HEADER")]
    pub(crate) user_column: Option<String>,
    /// Ask the tenant's directory for each of them: one whom it does not know, or who is disabled, is
    /// refused
    #[arg(long)]
    pub(crate) check_users: bool,
    /// Tenant of the settings [default: the only one]
    #[arg(long)]
    pub(crate) tenant: Option<TenantName>,
    /// List the inventory anew, however fresh it is
    #[arg(long)]
    pub(crate) refresh: bool,
    /// Refuse the whole plan when any row is refused
    #[arg(long)]
    pub(crate) strict: bool,
    /// Refuse a plan of more devices; 0 for no limit [default: `[plan] max_devices`]
    #[arg(long, value_name = "N")]
    pub(crate) max_devices: Option<u64>,
    /// Write the refused rows as they came, with the reason, ready to be mended and read again
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// Write the plan, for `--plan`
    #[arg(long, value_name = "FILE", conflicts_with = "plan")]
    pub(crate) save_plan: Option<PathBuf>,
    /// Precisely this saved plan; refused when its lists or the inventory have changed since
    #[arg(long, value_name = "FILE", conflicts_with_all = ["lists", "conditions", "except", "by", "action", "user_column", "check_users", "tenant"])]
    pub(crate) plan: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct SimulationArguments {
    /// Rehearse against a simulated Graph, with a ledger of its own
    #[arg(long)]
    pub(crate) simulate: bool,
    /// What the simulated Graph does (TOML) [default: the built-in demonstration]
    #[arg(long, value_name = "FILE", requires = "simulate")]
    pub(crate) scenario: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    #[command(flatten)]
    pub(crate) simulation: SimulationArguments,
    /// Campaign [default: the list's name and a part of its fingerprint]
    #[arg(long, value_name = "NAME", value_parser = campaign_name)]
    pub(crate) campaign: Option<String>,
    #[command(flatten)]
    pub(crate) controls: ControlArguments,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Serve the dashboard meanwhile
    #[arg(long)]
    pub(crate) dashboard: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    #[command(flatten)]
    pub(crate) simulation: SimulationArguments,
}

#[derive(Debug, Args)]
pub(crate) struct EnqueueArguments {
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    /// Campaign
    #[arg(long, value_name = "NAME", value_parser = campaign_name)]
    pub(crate) campaign: String,
    #[command(flatten)]
    pub(crate) controls: ControlArguments,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Which devices of an inventory to show.
#[derive(Debug, Args)]
pub(crate) struct InventoryFilter {
    /// Tenant of the settings [default: the only one]
    #[arg(long)]
    pub(crate) tenant: Option<TenantName>,
    /// Only devices that meet this; again for more conditions
    #[arg(long = "where", value_name = "CONDITION")]
    pub(crate) conditions: Vec<Condition>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum InventoryCommand {
    /// List it from Graph into the ledger; goes on with a listing that was broken off
    Sync {
        /// Tenant of the settings [default: the only one]
        #[arg(long)]
        tenant: Option<TenantName>,
    },
    /// Show the devices that were listed last
    List(InventoryFilter),
    /// Write them to stdout: a device list to choose from
    Export {
        #[command(flatten)]
        filter: InventoryFilter,
        /// Format [default: csv; with --json json]
        #[arg(long, value_enum)]
        format: Option<ExportFormat>,
    },
}

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
pub(crate) struct StatusArguments {
    /// One campaign [default: all]
    pub(crate) campaign: Option<String>,
    /// Show it anew every second
    #[arg(long, conflicts_with = "json")]
    pub(crate) watch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct JobsArguments {
    /// Campaign
    #[arg(required_unless_present = "everywhere")]
    pub(crate) campaign: Option<String>,
    /// Those that fit, as in `state:dead tag:STORE*` [default: all]
    #[arg(value_name = "SEARCH")]
    pub(crate) search: Vec<String>,
    /// Of all campaigns; then every word is searched for
    #[arg(long)]
    pub(crate) everywhere: bool,
    /// Those in this state
    #[arg(long)]
    pub(crate) state: Option<JobState>,
    /// Those that wait or died for this reason
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// Those of which the inventory said this: verified, still-assigned, no-user, someone-new or
    /// not-listed
    #[arg(long)]
    pub(crate) verification: Option<Verification>,
    /// At most so many [default: 100; with --json all]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// Those after this job
    #[arg(long, value_name = "ID")]
    pub(crate) after: Option<JobCursor>,
    /// In this order
    #[arg(long, value_enum, default_value = "job")]
    pub(crate) sort: JobOrder,
    /// In the opposite order
    #[arg(long)]
    pub(crate) reverse: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum JobOrder {
    /// By number
    Job,
    /// By serial number
    Serial,
    /// By when they ended, where no more than 10,000 fit
    Finished,
}

#[derive(Debug, Args)]
pub(crate) struct RefusedArguments {
    /// Campaign
    pub(crate) campaign: String,
}

#[derive(Debug, Args)]
pub(crate) struct JobArguments {
    /// Job
    pub(crate) id: i64,
}

#[derive(Debug, Args)]
pub(crate) struct DeadListArguments {
    /// Each one that fits, as in `tag:STORE*` [default: none, but their counts]
    #[arg(value_name = "SEARCH")]
    pub(crate) search: Vec<String>,
    /// Those of this campaign
    #[arg(long, value_name = "NAME")]
    pub(crate) campaign: Option<String>,
    /// Those with this reason
    #[arg(long)]
    pub(crate) reason: Option<DeadReason>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct DeadArguments {
    /// Those that fit, as in `tag:STORE*`
    #[arg(value_name = "SEARCH")]
    pub(crate) search: Vec<String>,
    /// Those of this campaign
    #[arg(long, value_name = "NAME")]
    pub(crate) campaign: Option<String>,
    /// Those with this reason
    #[arg(long)]
    pub(crate) reason: Option<DeadReason>,
    /// This one
    #[arg(long, value_name = "ID")]
    pub(crate) job: Option<i64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadCommand {
    /// Count dead letters by campaign and reason, with what to do about them
    List(DeadListArguments),
    /// Send dead letters round again
    Requeue(DeadArguments),
    /// Set dead letters aside for good
    Discard(DeadArguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum CampaignCommand {
    /// List campaigns
    List,
    /// Let nothing more of a campaign go out
    Pause {
        /// Campaign
        name: String,
        /// Why, for whoever looks
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Change what holds a campaign back, also while it runs: effective within seconds
    #[command(after_help = help::SET_EXAMPLES)]
    Set {
        /// Campaign
        name: String,
        #[command(flatten)]
        controls: Box<ControlArguments>,
    },
    /// Let a paused campaign go on; after its canary, with the rest
    Resume {
        /// Campaign
        name: String,
    },
    /// Take back what has not been called yet, for good
    Cancel {
        /// Campaign
        name: String,
        /// Only those jobs that fit, as in `tag:STORE*` [default: the campaign and all of its jobs]
        #[arg(value_name = "SEARCH")]
        search: Vec<String>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Set jobs aside that have not been called yet
    Skip {
        /// Campaign
        name: String,
        /// Those that fit, as in `tag:STORE*`
        #[arg(required = true, value_name = "SEARCH")]
        search: Vec<String>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// Campaign
    pub(crate) campaign: String,
    /// Judge only jobs that succeeded so long before: Graph shows effects late
    #[arg(long, default_value = "15m", value_name = "TIME")]
    pub(crate) after: Span,
    /// Wait until all jobs that succeeded are old enough
    #[arg(long)]
    pub(crate) wait: bool,
    /// Then send those round again whose device is as it was before; each is looked at first
    #[arg(long)]
    pub(crate) requeue: bool,
}

#[derive(Debug, Default, Args)]
pub(crate) struct RollbackArguments {
    /// The campaign to take back
    pub(crate) campaign: String,
    /// Only its jobs that fit, as in `tag:STORE* user:@contoso.com`; after `--` also `-tag:KIOSK`, all
    /// but those [default: all]
    #[arg(value_name = "SEARCH")]
    pub(crate) search: Vec<String>,
    /// Drain it at once, as `run` does
    #[arg(long)]
    pub(crate) run: bool,
    /// The new campaign [default: the other's name and `-rollback`]
    #[arg(long, value_name = "NAME", value_parser = campaign_name)]
    pub(crate) name: Option<String>,
    /// Refuse a rollback of more devices; 0 for no limit [default: `[plan] max_devices`]
    #[arg(long, value_name = "N")]
    pub(crate) max_devices: Option<u64>,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

impl RollbackArguments {
    /// Of a campaign, with nothing else said.
    pub(crate) fn of(campaign: &str) -> Self {
        Self {
            campaign: campaign.to_owned(),
            ..Self::default()
        }
    }
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("format").required(true).args(["html", "markdown"]))]
pub(crate) struct ReportArguments {
    /// Campaign
    pub(crate) campaign: String,
    /// As a page of HTML that needs nothing else
    #[arg(long)]
    pub(crate) html: bool,
    /// As Markdown
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Write it there [default: stdout]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// Send one message to see whether it arrives
    Test {
        /// To this one [default: all]
        destination: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PruneArguments {
    /// Campaigns that ended so long ago, as in 90d or 12w
    #[arg(long, value_name = "TIME")]
    pub(crate) older_than: Age,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    Csv,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// Campaign
    pub(crate) campaign: String,
    /// Format [default: csv; with --json json]
    #[arg(long, value_enum)]
    pub(crate) format: Option<ExportFormat>,
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
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
