//! What a plan comes to: what becomes of each row, and how much that is.

use std::collections::BTreeMap;

use repilot_domain::{Action, By, Device, Repairs};
use serde::Serialize;

/// Why a row becomes no job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalReason {
    /// The inventory has no such device.
    Unknown,
    /// Several identities have this serial.
    Ambiguous,
    /// It is another of the device's names than it was said to be.
    WrongIdKind,
    /// Its columns name different devices.
    Contradictory,
    /// It names nothing.
    Malformed,
    /// Its serial is none of one machine.
    Placeholder,
    /// What it names cannot be read for certain: a spreadsheet or a script may have changed it.
    Uncertain,
    /// It does not say who is to be assigned.
    NoNewUser,
    /// What it says is no user principal name.
    MalformedUser,
    /// The lists say two users for its device.
    TwoNewUsers,
    /// The directory has no such user.
    UnknownUser,
    /// The user may not sign in.
    DisabledUser,
    /// The user has the device already.
    AlreadyAssigned,
    /// Somebody else has the device, and would have to be unassigned first.
    HasUser,
    /// The campaign assigns the device to somebody else already.
    OtherUserInCampaign,
    /// Another campaign of the tenant has an open job for the device.
    Busy,
}

impl RefusalReason {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ambiguous => "ambiguous",
            Self::WrongIdKind => "wrong-id-kind",
            Self::Contradictory => "contradictory",
            Self::Malformed => "malformed",
            Self::Placeholder => "placeholder",
            Self::Uncertain => "uncertain",
            Self::NoNewUser => "no-new-user",
            Self::MalformedUser => "malformed-user",
            Self::TwoNewUsers => "two-new-users",
            Self::UnknownUser => "unknown-user",
            Self::DisabledUser => "disabled-user",
            Self::AlreadyAssigned => "already-assigned",
            Self::HasUser => "has-user",
            Self::OtherUserInCampaign => "other-user-in-campaign",
            Self::Busy => "busy",
        }
    }
}

/// A row that becomes no job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedRow {
    /// The list.
    pub list: String,
    /// The sheet of a workbook.
    pub sheet: Option<String>,
    /// Where in it.
    pub line: u64,
    /// What it said.
    pub value: String,
    /// Why.
    pub reason: RefusalReason,
    /// The same in words.
    pub detail: String,
}

/// A row whose serial is the device's but for a repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepairedRow {
    /// The list.
    pub list: String,
    /// Where in it.
    pub line: u64,
    /// What it said.
    pub value: String,
    /// The device's serial number.
    pub serial: String,
}

/// Who is to be assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// By whom Graph is told.
    pub user_principal_name: String,
    /// What greets them at the device.
    pub display_name: String,
}

/// What becomes of a row.
#[derive(Debug)]
pub enum Resolution<'a> {
    /// A job for this device.
    Planned {
        /// Its place in the inventory.
        index: usize,
        /// The device.
        device: &'a Device,
        /// Who is to be assigned; `None` where nobody is.
        new_user: Option<NewUser>,
    },
    /// The same device as an earlier line's.
    Merged {
        /// That line.
        first_line: u64,
    },
    /// None: the selection's conditions or exceptions leave its device out.
    LeftOut,
    /// None.
    Refused(RefusedRow),
}

/// What a plan comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PlanSummary {
    /// What is done to the devices.
    pub action: Action,
    /// Rows of the list.
    pub rows: u64,
    /// Devices to act on.
    pub planned: u64,
    /// Rows that named a device again.
    pub merged: u64,
    /// Rows whose device does not meet the conditions.
    pub left_out_by_condition: u64,
    /// Rows whose device is among the exceptions.
    pub left_out_by_exception: u64,
    /// Devices of the inventory that the exceptions name.
    pub excepted: u64,
    /// Rows of the exceptions that name no device of the inventory.
    pub unknown_exceptions: u64,
    /// Planned devices that were named by an id which is not the Autopilot id, by its kind.
    pub mapped: BTreeMap<By, u64>,
    /// Planned devices to which their row gives another name, too, which the inventory does not know.
    pub partly_unknown: u64,
    /// Planned devices that were found by their display name alone.
    pub by_name: u64,
    /// Rows whose keys held characters that nobody sees or that only look like others, by character.
    pub made_plain: BTreeMap<String, u64>,
    /// Planned devices whose serial in the list was repaired, by what was overlooked.
    pub repaired: BTreeMap<Repairs, u64>,
    /// The first few of them.
    pub first_repaired: Vec<RepairedRow>,
    /// Refused rows that exactly one device would fit, by the repairs that it takes.
    pub near_misses: BTreeMap<Repairs, u64>,
    /// Rows that name a device again under another device name.
    pub renamed: u64,
    /// The first of them, in words.
    pub first_renamed: String,
    /// Rows that hold a number where a name should be text.
    pub numbers: u64,
    /// The same rows by the workbooks' sheets: of each, `rows` is the sum of the other counts but
    /// for `hidden_skipped`.
    pub sheets: Vec<SheetCounts>,
    /// Rows refused.
    pub refused: u64,
    /// The same by reason.
    pub refused_by_reason: BTreeMap<RefusalReason, u64>,
    /// Devices that are refused as busy, by the campaign that has an open job for them.
    pub busy_by_campaign: BTreeMap<String, u64>,
    /// Planned devices whose jobs wait for another campaign's open job, by that campaign.
    pub waiting_by_campaign: BTreeMap<String, u64>,
    /// Users to whom devices are assigned.
    pub new_users: u64,
    /// Rows that say who is to be assigned, where nobody is.
    pub unread_new_users: u64,
    /// Planned devices that show no user.
    pub without_user: u64,
    /// Planned devices by group tag.
    pub by_group_tag: BTreeMap<String, u64>,
    /// Planned devices by model.
    pub by_model: BTreeMap<String, u64>,
    /// The first few.
    pub first: Vec<FirstDevice>,
    /// The first few refusals, or every one.
    pub refusals: Vec<RefusedRow>,
}

impl PlanSummary {
    /// Rows that name a device of the inventory, and were refused for who is to be assigned to it.
    #[must_use]
    pub fn refused_for_users(&self) -> u64 {
        let for_users = |reason: &RefusalReason| match reason {
            RefusalReason::Unknown
            | RefusalReason::Ambiguous
            | RefusalReason::WrongIdKind
            | RefusalReason::Contradictory
            | RefusalReason::Malformed
            | RefusalReason::Placeholder
            | RefusalReason::Uncertain
            | RefusalReason::Busy => false,
            RefusalReason::NoNewUser
            | RefusalReason::MalformedUser
            | RefusalReason::TwoNewUsers
            | RefusalReason::UnknownUser
            | RefusalReason::DisabledUser
            | RefusalReason::AlreadyAssigned
            | RefusalReason::HasUser
            | RefusalReason::OtherUserInCampaign => true,
        };
        let reasons = self.refused_by_reason.iter();
        reasons
            .filter(|(reason, _)| for_users(reason))
            .map(|(_, count)| count)
            .sum()
    }
}

/// One of the first devices of a plan: a person sees whether it is the right list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FirstDevice {
    /// Its serial number.
    pub serial: String,
    /// Its model.
    pub model: String,
    /// Its group tag.
    pub group_tag: String,
    /// Who is assigned.
    pub user: String,
    /// Who is to be assigned; empty where nobody is.
    pub new_user: String,
}

/// What becomes of the rows of one sheet of a workbook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SheetCounts {
    /// The list.
    pub list: String,
    /// The sheet.
    pub sheet: String,
    /// Rows that were read.
    pub rows: u64,
    /// Those that became a device of the plan.
    pub planned: u64,
    /// Those that named a device again.
    pub merged: u64,
    /// Those whose device the conditions or the exceptions leave out.
    pub left_out: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Those of the rows that were read which are hidden.
    pub hidden_included: u64,
    /// Hidden rows that were not read.
    pub hidden_skipped: u64,
}

/// As many refusals as a person reads at once.
pub const REFUSALS_SHOWN: usize = 20;
