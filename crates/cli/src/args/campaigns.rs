//! What is done with a campaign, and what is told of it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use repilot_domain::{SightedWithin, TenantName};

use crate::args::controls::ControlArguments;
use crate::help;
use crate::settings::{Age, Span};

#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// One campaign [default: all]
    pub(crate) campaign: Option<String>,
    /// Those of this tenant
    #[arg(long, value_name = "NAME", conflicts_with = "campaign")]
    pub(crate) tenant: Option<TenantName>,
    /// Show it anew every second
    #[arg(long, conflicts_with = "json")]
    pub(crate) watch: bool,
}

/// Campaigns that are meant together.
#[derive(Debug, Args)]
pub(crate) struct WhichCampaigns {
    /// Campaigns, or patterns as in 'q4-*'
    #[arg(value_name = "NAME", required_unless_present = "all")]
    pub(crate) names: Vec<String>,
    /// Every campaign; with --tenant every one of that tenant
    #[arg(long, conflicts_with = "names")]
    pub(crate) all: bool,
    /// Only those of this tenant
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<TenantName>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CampaignCommand {
    /// List campaigns
    List {
        /// Those of this tenant
        #[arg(long, value_name = "NAME")]
        tenant: Option<TenantName>,
    },
    /// Let nothing more of campaigns go out
    Pause {
        #[command(flatten)]
        which: WhichCampaigns,
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
    /// Let paused campaigns go on. One by its name, whatever paused it, also past its canary; of several
    /// those that a person paused
    Resume {
        #[command(flatten)]
        which: WhichCampaigns,
        /// Then drain it at once, as `run` does: a single campaign
        #[arg(long, conflicts_with = "all")]
        run: bool,
        /// Of several, do not ask
        #[arg(long, short)]
        yes: bool,
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
    #[arg(long, value_name = "NAME", value_parser = super::campaign_name)]
    pub(crate) name: Option<String>,
    /// Who has a device is asked no longer than this before its call: 2min, 30s, 0s or never [default:
    /// `[campaign] sighted_within`]
    #[arg(long, value_name = "TIME")]
    pub(crate) sighted_within: Option<SightedWithin>,
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
