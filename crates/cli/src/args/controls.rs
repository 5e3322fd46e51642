//! What holds a campaign back, as the command line takes it.

use clap::Args;
use repilot_domain::{Canary, MaxFailures, Priority, Rate, Share, SightedWithin, Windows, Zone};

/// What holds a campaign back.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each takes away what another option gives"
)]
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Start small, stop by itself, when and how fast")]
pub(crate) struct ControlArguments {
    /// So many devices first, as in 20 or 2%, spread over group tags and models; then it waits, paused
    #[arg(long, value_name = "N|SHARE", conflicts_with = "no_canary")]
    pub(crate) canary: Option<Canary>,
    /// It goes on by itself when at least this share of the canary succeeded, as in 0.98
    #[arg(long, value_name = "SHARE", conflicts_with_all = ["no_canary", "no_canary_auto"])]
    pub(crate) canary_auto: Option<Share>,
    /// It pauses when so many of the last 1,000 outcomes are dead letters, as in 10 or 1%
    #[arg(long, value_name = "N|SHARE", conflicts_with = "no_max_failures")]
    pub(crate) max_failures: Option<MaxFailures>,
    /// Nothing goes out before: 2026-03-01T20:00Z, "2026-03-01 20:00" or 20:00 (in --zone), +2h
    #[arg(long, value_name = "MOMENT", conflicts_with = "no_not_before")]
    pub(crate) not_before: Option<String>,
    /// What is not done by then waits, paused
    #[arg(long, value_name = "MOMENT", conflicts_with = "no_deadline")]
    pub(crate) deadline: Option<String>,
    /// Only within these hours, as in "Mon-Fri 20:00-06:00, Sat,Sun 00:00-24:00"
    #[arg(long, value_name = "HOURS", conflicts_with = "no_window")]
    pub(crate) window: Option<Windows>,
    /// Whose clocks are meant, as in Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<Zone>,
    /// Which campaign of the tenant goes first: low, normal, high or a number
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) priority: Option<Priority>,
    /// No faster than this, whatever the tenant grants: 2/s, 100/20s, 300/min
    #[arg(long, value_name = "RATE", conflicts_with = "no_rate")]
    pub(crate) rate: Option<Rate>,
    /// Who has a device is asked no longer than this before its call: 2min, 30s, 0s (a look right
    /// before each call) or never
    #[arg(long, value_name = "TIME")]
    pub(crate) sighted_within: Option<SightedWithin>,
    /// No canary; one that runs or waits is let go
    #[arg(long)]
    pub(crate) no_canary: bool,
    /// After the canary it waits, whatever came of it
    #[arg(long)]
    pub(crate) no_canary_auto: bool,
    /// It goes on however many fail
    #[arg(long)]
    pub(crate) no_max_failures: bool,
    /// It may begin at once
    #[arg(long)]
    pub(crate) no_not_before: bool,
    /// It has no deadline
    #[arg(long)]
    pub(crate) no_deadline: bool,
    /// At any hour
    #[arg(long)]
    pub(crate) no_window: bool,
    /// As fast as the tenant grants
    #[arg(long)]
    pub(crate) no_rate: bool,
}
