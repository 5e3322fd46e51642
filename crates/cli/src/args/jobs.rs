//! Single jobs and dead letters.

use clap::{Args, Subcommand, ValueEnum};
use repilot_domain::{DeadReason, JobState, TenantName, Verification};
use repilot_ledger::JobCursor;

#[derive(Debug, Args)]
pub(crate) struct JobsArguments {
    /// Campaign
    #[arg(required_unless_present_any = ["everywhere", "tenant"])]
    pub(crate) campaign: Option<String>,
    /// Those that fit, as in `state:dead tag:STORE*` [default: all]
    #[arg(value_name = "SEARCH")]
    pub(crate) search: Vec<String>,
    /// Of all campaigns; then every word is searched for
    #[arg(long)]
    pub(crate) everywhere: bool,
    /// Of all campaigns of this tenant; then every word is searched for
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<TenantName>,
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
    /// A campaign's name; or each one that fits, as in `tag:STORE*` [default: none, but their counts]
    #[arg(value_name = "SEARCH")]
    pub(crate) search: Vec<String>,
    /// Those of this campaign
    #[arg(long, value_name = "NAME")]
    pub(crate) campaign: Option<String>,
    /// Those of this tenant
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<TenantName>,
    /// Those with this reason
    #[arg(long)]
    pub(crate) reason: Option<DeadReason>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct DeadArguments {
    /// A campaign's name, and those that fit, as in `tag:STORE*`
    #[arg(value_name = "SEARCH")]
    pub(crate) search: Vec<String>,
    /// Those of this campaign
    #[arg(long, value_name = "NAME")]
    pub(crate) campaign: Option<String>,
    /// Those of this tenant
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<TenantName>,
    /// Those with this reason
    #[arg(long)]
    pub(crate) reason: Option<DeadReason>,
    /// This one
    #[arg(long, value_name = "ID")]
    pub(crate) job: Option<i64>,
}

#[derive(Debug, Args)]
pub(crate) struct DiscardArguments {
    #[command(flatten)]
    pub(crate) letters: DeadArguments,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RequeueArguments {
    #[command(flatten)]
    pub(crate) letters: DeadArguments,
    /// The devices of a campaign that have no user now, also those whose jobs were cancelled or set
    /// aside: try their assignment again
    #[arg(long)]
    pub(crate) without_user: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GiveBackArguments {
    /// The campaign that left them without a user
    pub(crate) campaign: String,
    /// Drain it at once, as `run` does
    #[arg(long)]
    pub(crate) run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadCommand {
    /// Count dead letters by campaign and reason, with what to do about them
    List(DeadListArguments),
    /// Send dead letters round again; of devices that another user has now it asks first
    Requeue(RequeueArguments),
    /// Set dead letters aside; it asks first, and `restore` takes it back
    Discard(DiscardArguments),
    /// Take a discard back: what was set aside is a dead letter again
    Restore(DeadArguments),
    /// Give devices that a reassignment left without a user back to the users who had them
    GiveBack(GiveBackArguments),
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
