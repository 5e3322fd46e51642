//! The plan: each row against the inventory, each device once.

use std::collections::BTreeMap;

use repilot_domain::Device;
use serde::Serialize;

use crate::inventory::GuidKind;
use crate::row::{Key, Row};
use crate::{Inventory, Malformed};

/// Why a row becomes no job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalReason {
    /// The inventory has no such device.
    Unknown,
    /// Several identities have this serial.
    Ambiguous,
    /// A GUID, but of another kind.
    WrongIdKind,
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
            Self::Malformed => "malformed",
        }
    }
}

/// A row that becomes no job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedRow {
    /// Where in the list.
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
    Planned(&'a Device),
    /// The same device as an earlier line's.
    Merged {
        /// That line.
        first_line: u64,
    },
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
    /// Rows refused.
    pub refused: u64,
    /// The same by reason.
    pub refused_by_reason: BTreeMap<RefusalReason, u64>,
    /// Planned devices that show no user.
    pub without_user: u64,
    /// Planned devices by group tag.
    pub by_group_tag: BTreeMap<String, u64>,
    /// Serials of the first few.
    pub first: Vec<String>,
    /// The first few refusals, or every one.
    pub refusals: Vec<RefusedRow>,
}

/// As many refusals as a person reads at once.
const REFUSALS_SHOWN: usize = 20;

/// As many serials as tell a person whether it is the right list.
const SERIALS_SHOWN: usize = 5;

/// Group tags counted apart; a list with more has them counted as others.
const GROUP_TAGS_MAX: usize = 50;

/// Resolves rows, one after the other.
pub struct Planner<'a> {
    inventory: &'a Inventory,
    /// The line that first named each device; 0 where none has.
    first_lines: Vec<u64>,
    refusals_kept: usize,
    summary: PlanSummary,
}

impl<'a> Planner<'a> {
    /// A planner over an inventory.
    #[must_use]
    pub fn new(inventory: &'a Inventory) -> Self {
        Self {
            inventory,
            first_lines: vec![0; inventory.len()],
            refusals_kept: REFUSALS_SHOWN,
            summary: PlanSummary::default(),
        }
    }

    /// The same, keeping every refusal in the summary rather than the first few.
    #[must_use]
    pub fn keeping_every_refusal(mut self) -> Self {
        self.refusals_kept = usize::MAX;
        self
    }

    /// What becomes of the next row.
    pub fn resolve(&mut self, row: Row) -> Resolution<'a> {
        self.summary.rows += 1;
        let line = row.line;
        let found = match row.key {
            Ok(key) => self
                .find(&key)
                .map_err(|(reason, detail)| (key.as_str().to_owned(), reason, detail)),
            Err((bad, shown)) => Err((shown, RefusalReason::Malformed, words(bad))),
        };
        match found {
            Ok(index) => self.plan(index, line),
            Err((value, reason, detail)) => self.refuse(RefusedRow {
                line,
                value,
                reason,
                detail,
            }),
        }
    }

    fn find(&self, key: &Key) -> Result<usize, (RefusalReason, String)> {
        match key {
            Key::Guid(guid) => match self.inventory.by_guid(guid) {
                Some((index, GuidKind::Autopilot)) => Ok(index),
                Some((index, kind)) => {
                    let device = self.inventory.device(index);
                    let detail = format!(
                        "this is {}; the device's Autopilot id is {} (serial {})",
                        kind.words(),
                        device.id,
                        device.serial
                    );
                    Err((RefusalReason::WrongIdKind, detail))
                }
                None => self.find_serial(guid),
            },
            Key::Serial(serial) => self.find_serial(serial),
        }
    }

    fn find_serial(&self, serial: &str) -> Result<usize, (RefusalReason, String)> {
        match self.inventory.by_serial(serial) {
            [index] => Ok(*index),
            [] => {
                let detail = "the inventory has no such device".to_owned();
                Err((RefusalReason::Unknown, detail))
            }
            several => {
                let ids: Vec<&str> = several
                    .iter()
                    .take(3)
                    .map(|index| self.inventory.device(*index).id.as_str())
                    .collect();
                let detail = format!(
                    "{} devices have this serial: {}",
                    several.len(),
                    ids.join(", ")
                );
                Err((RefusalReason::Ambiguous, detail))
            }
        }
    }

    fn plan(&mut self, index: usize, line: u64) -> Resolution<'a> {
        let first_line = self.first_lines[index];
        if first_line != 0 {
            self.summary.merged += 1;
            return Resolution::Merged { first_line };
        }
        self.first_lines[index] = line;
        let device = self.inventory.device(index);
        let summary = &mut self.summary;
        summary.planned += 1;
        if device.user_principal_name.is_empty() {
            summary.without_user += 1;
        }
        if summary.first.len() < SERIALS_SHOWN {
            summary.first.push(device.serial.clone());
        }
        let tags = &mut summary.by_group_tag;
        let known = tags.len() < GROUP_TAGS_MAX || tags.contains_key(&device.group_tag);
        let tag = if known {
            device.group_tag.as_str()
        } else {
            "(others)"
        };
        *tags.entry(tag.to_owned()).or_default() += 1;
        Resolution::Planned(device)
    }

    fn refuse(&mut self, refused: RefusedRow) -> Resolution<'a> {
        let summary = &mut self.summary;
        summary.refused += 1;
        *summary.refused_by_reason.entry(refused.reason).or_default() += 1;
        if summary.refusals.len() < self.refusals_kept {
            summary.refusals.push(refused.clone());
        }
        Resolution::Refused(refused)
    }

    /// What it came to.
    #[must_use]
    pub fn finish(self) -> PlanSummary {
        self.summary
    }
}

fn words(bad: Malformed) -> String {
    bad.words().to_owned()
}
