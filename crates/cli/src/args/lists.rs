//! What makes a campaign of a list.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use repilot_domain::{Action, By, HiddenRows, Reading, Repairs, TenantName};
use repilot_producer::Condition;

use super::ExportFormat;
use crate::args::controls::ControlArguments;

/// How lists are read, where their content does not say it.
#[derive(Debug, Default, Args)]
pub(crate) struct ReadingArguments {
    /// The column that names the devices, by its header as it stands in the list [default: one that
    /// is known, as `Serial number`]
    #[arg(long, value_name = "HEADER")]
    column: Option<String>,
    /// Read this sheet of a workbook; again for more, `all` for every visible one that names devices
    /// [default: the first that does; the plan names the others]
    #[arg(long = "sheet", value_name = "NAME")]
    sheets: Vec<String>,
    /// What becomes of rows that a filter or a person hid: skip or include [default: a list that has
    /// some is refused]
    #[arg(long, value_name = "CHOICE")]
    hidden_rows: Option<HiddenRows>,
}

impl ReadingArguments {
    /// The same as lists take it.
    pub(crate) fn reading(&self) -> Reading {
        Reading {
            column: self.column.clone(),
            sheets: self.sheets.clone(),
            hidden_rows: self.hidden_rows,
        }
    }
}

/// Which devices are meant.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line"
)]
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
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
    /// What every key is: id, serial, managed-device-id, entra-device-id or name [default: what its
    /// column says]
    #[arg(long, value_name = "KIND")]
    pub(crate) by: Option<By>,
    /// Overlook these differences between a serial of the list and a device's, where exactly one device
    /// fits: zeros (leading ones that a spreadsheet took away), hyphens (and blanks), letters (O and 0,
    /// I and 1); several with commas
    #[arg(long, value_name = "KINDS")]
    pub(crate) repair: Option<Repairs>,
    /// What is done to them: unassign; assign, to whom the list names; or reassign, which does one
    /// and then the other [default: unassign]
    #[arg(long, value_name = "ACTION")]
    pub(crate) action: Option<Action>,
    /// The list's column that says who is to be assigned [default: one that can mean nothing else,
    /// as `New user` or `Assign to`]
    #[arg(long, value_name = "HEADER")]
    pub(crate) user_column: Option<String>,
    /// Look each of them up in the tenant's directory, and refuse one whom it does not know or who is
    /// disabled; fail where the app may not [default: look up where it may]
    #[arg(long, conflicts_with = "no_check_users")]
    pub(crate) check_users: bool,
    /// Do not look them up
    #[arg(long)]
    pub(crate) no_check_users: bool,
    /// Tenant of the settings [default: the only one]
    #[arg(long)]
    pub(crate) tenant: Option<TenantName>,
    /// Assign devices although no device of the tenant shows a user: nobody can see who loses one
    #[arg(long)]
    pub(crate) blind: bool,
    /// Let a device with an open job in another campaign wait for that job's end, instead of refusing it;
    /// it is then looked at, and left alone where somebody else has it
    #[arg(long)]
    pub(crate) after_others: bool,
    /// List the inventory anew, however fresh it is
    #[arg(long)]
    pub(crate) refresh: bool,
    /// Refuse the whole plan when any row is refused
    #[arg(long)]
    pub(crate) strict: bool,
    /// Refuse a plan of more devices; 0 for no limit [default: `[plan] max_devices`]
    #[arg(long, value_name = "N")]
    pub(crate) max_devices: Option<u64>,
    /// Write the refused rows as they came, with the reason, ready to be mended and read again: as a
    /// workbook of text where the name ends in .xlsx, else as CSV
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// Write the plan, for `--plan`
    #[arg(long, value_name = "FILE", conflicts_with = "plan")]
    pub(crate) save_plan: Option<PathBuf>,
    /// Precisely this saved plan; refused when its lists or the inventory have changed since
    #[arg(long, value_name = "FILE", conflicts_with_all = ["lists", "conditions", "except", "column", "sheets", "hidden_rows", "by", "repair", "action", "user_column", "check_users", "no_check_users", "tenant"])]
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
    #[arg(long, value_name = "NAME", value_parser = super::campaign_name)]
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
    #[command(flatten)]
    pub(crate) controls: ControlArguments,
}

#[derive(Debug, Args)]
pub(crate) struct EnqueueArguments {
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    /// Campaign
    #[arg(long, value_name = "NAME", value_parser = super::campaign_name)]
    pub(crate) campaign: String,
    #[command(flatten)]
    pub(crate) controls: ControlArguments,
    /// Begin paused: nothing goes out before `campaign resume`
    #[arg(long)]
    pub(crate) paused: bool,
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
