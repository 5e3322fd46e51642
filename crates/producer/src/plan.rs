//! What a plan comes to: what becomes of each row, and how much that is.

use std::collections::BTreeMap;

use repilot_domain::{By, Device};
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
        }
    }
}

/// A row that becomes no job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedRow {
    /// The list.
    pub list: String,
    /// Where in it.
    pub line: u64,
    /// What it said.
    pub value: String,
    /// Why.
    pub reason: RefusalReason,
    /// The same in words.
    pub detail: String,
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
    /// Rows refused.
    pub refused: u64,
    /// The same by reason.
    pub refused_by_reason: BTreeMap<RefusalReason, u64>,
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
}

/// As many refusals as a person reads at once.
pub const REFUSALS_SHOWN: usize = 20;
