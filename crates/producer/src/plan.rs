//! The plan: each row against the inventory, each device once.

use std::collections::{BTreeMap, BTreeSet};

use repilot_domain::Device;
use serde::Serialize;

use crate::key::as_guid;
use crate::rows::Row;
use crate::{By, Inventory, Key, Malformed};

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

/// As many devices as tell a person whether it is the right list.
const DEVICES_SHOWN: usize = 10;

/// Group tags and models counted apart; of more, the rest is counted as others.
const GROUPS_MAX: usize = 50;

/// Resolves rows, one after the other.
pub struct Planner<'a> {
    inventory: &'a Inventory,
    /// The line that first named each device; 0 where none has.
    first_lines: Vec<u64>,
    excepted: BTreeSet<usize>,
    by: Option<By>,
    refusals_kept: usize,
    summary: PlanSummary,
}

/// Why a row is refused: the reason, what it named, and the same in words.
type Refusal = (RefusalReason, String, String);

impl<'a> Planner<'a> {
    /// A planner over an inventory.
    #[must_use]
    pub fn new(inventory: &'a Inventory) -> Self {
        Self {
            inventory,
            first_lines: vec![0; inventory.len()],
            excepted: BTreeSet::new(),
            by: None,
            refusals_kept: REFUSALS_SHOWN,
            summary: PlanSummary::default(),
        }
    }

    /// The same, taking every key for this name of its device and for no other.
    #[must_use]
    pub fn taking_keys_by(mut self, by: Option<By>) -> Self {
        self.by = by;
        self
    }

    /// The same, keeping every refusal in the summary rather than the first few.
    #[must_use]
    pub fn keeping_every_refusal(mut self) -> Self {
        self.refusals_kept = usize::MAX;
        self
    }

    /// Takes out every device that a row may mean, whichever of its names that is.
    pub fn except(&mut self, row: &Row) {
        let keys = row.keys.as_deref().unwrap_or_default();
        let mut known = false;
        for key in keys {
            for (index, _) in self.candidates(key) {
                known = true;
                self.excepted.insert(index);
            }
        }
        if !known {
            self.summary.unknown_exceptions += 1;
        }
    }

    /// What becomes of the next row of a list; a device that is not meant is left out.
    pub fn resolve(
        &mut self,
        row: &Row,
        list: &str,
        is_meant: impl FnOnce(&Device) -> bool,
    ) -> Resolution<'a> {
        self.summary.rows += 1;
        let found = match &row.keys {
            Ok(keys) => self.find(keys),
            Err((bad, shown)) => Err((
                RefusalReason::Malformed,
                shown.clone(),
                bad.words().to_owned(),
            )),
        };
        match found {
            Ok((index, by)) => self.plan(index, by, row.line, is_meant),
            Err((reason, value, detail)) => self.refuse(RefusedRow {
                list: list.to_owned(),
                line: row.line,
                value,
                reason,
                detail,
            }),
        }
    }

    /// What becomes of a device that no list names.
    pub fn resolve_device(&mut self, index: usize, line: u64, is_meant: bool) -> Resolution<'a> {
        self.summary.rows += 1;
        self.plan(index, By::Id, line, |_| is_meant)
    }

    /// The device that all of a row's keys mean, and by which of its names it was found.
    ///
    /// A key that the inventory does not know says nothing against the others: a device that was
    /// imported anew has another id and the same serial. Display names are not unique, and change:
    /// one counts in a row that has nothing better.
    fn find(&self, keys: &[Key]) -> Result<(usize, By), Refusal> {
        let is_name = |key: &&Key| self.by.or(key.by) == Some(By::Name);
        let (names, exact): (Vec<&Key>, Vec<&Key>) = keys.iter().partition(is_name);
        let keys = if exact.is_empty() { names } else { exact };
        let mut known: Option<(&Key, Vec<(usize, By)>)> = None;
        for key in &keys {
            let meant = self.named_by(key);
            if meant.is_empty() {
                continue;
            }
            let Some((first, candidates)) = &mut known else {
                known = Some((key, meant));
                continue;
            };
            let before = candidates[0];
            candidates.retain(|(index, _)| meant.iter().any(|(other, _)| other == index));
            if candidates.is_empty() {
                return Err(self.contradiction(first, before, key, meant[0]));
            }
        }
        match (known, keys.first()) {
            (Some((key, candidates)), _) => match candidates.as_slice() {
                [only] => match self.denied(&keys, only.0) {
                    Some(refused) => Err(refused),
                    None => Ok(*only),
                },
                several => Err(self.ambiguous(key, several)),
            },
            (None, Some(key)) => Err(self.unknown(key)),
            (None, None) => {
                let empty = Malformed::Empty.words().to_owned();
                Err((RefusalReason::Malformed, String::new(), empty))
            }
        }
    }

    /// A row that gives a device another Intune or Entra id than it has means another device: one
    /// that is no Autopilot device may share a serial such as `Default string` with one that is.
    fn denied(&self, keys: &[&Key], index: usize) -> Option<Refusal> {
        let device = self.inventory.device(index);
        keys.iter().find_map(|key| {
            let by = key.by.filter(|_| self.by.is_none())?;
            let own = match by {
                By::ManagedDeviceId => &device.managed_device_id,
                By::EntraDeviceId => &device.entra_device_id,
                By::Id | By::Serial | By::Name => return None,
            };
            let (own, said) = (as_guid(own).filter(|own| *own != 0)?, as_guid(&key.text)?);
            if own == said || !self.named_by(key).is_empty() {
                return None;
            }
            let detail = format!("the device {} has another {}", device.id, by.words());
            Some((RefusalReason::Contradictory, key.text.clone(), detail))
        })
    }

    /// The devices that a key names as what it is said to be; an id of another kind is recognised,
    /// unless the kind was forced.
    fn named_by(&self, key: &Key) -> Vec<(usize, By)> {
        let candidates = self.candidates(key);
        let Some(by) = self.by.or(key.by) else {
            // A bare key is no display name unless somebody says so.
            return narrowed(candidates, |by| by != By::Name);
        };
        let exact = narrowed(candidates.clone(), |kind| kind == by);
        if !exact.is_empty() || self.by.is_some() {
            return exact;
        }
        // A number in a column of ids is no serial: lists number their rows.
        let is_id = |kind| matches!(kind, By::Id | By::ManagedDeviceId | By::EntraDeviceId);
        match by {
            By::Id | By::ManagedDeviceId | By::EntraDeviceId | By::Serial => {
                narrowed(candidates, is_id)
            }
            By::Name => Vec::new(),
        }
    }

    /// Every device that goes by this, whichever of its names it is; of one device, its most exact
    /// name alone.
    fn candidates(&self, key: &Key) -> Vec<(usize, By)> {
        let mut candidates = Vec::new();
        if let Some(guid) = as_guid(&key.text) {
            candidates.extend_from_slice(self.inventory.by_guid(guid));
        }
        let serials = self.inventory.by_serial(&key.text);
        candidates.extend(serials.iter().map(|index| (*index, By::Serial)));
        let names = self.inventory.by_name(&key.text);
        candidates.extend(names.iter().map(|index| (*index, By::Name)));
        candidates
    }

    fn unknown(&self, key: &Key) -> Refusal {
        let value = key.text.clone();
        let Some((index, by)) = self.candidates(key).first().copied() else {
            let detail = "the inventory has no such device".to_owned();
            return (RefusalReason::Unknown, value, detail);
        };
        let device = self.inventory.device(index);
        let detail = format!(
            "this is the {} of the device with the Autopilot id {} (serial {}); --by {} takes it for that",
            by.words(),
            device.id,
            device.serial,
            by.as_str()
        );
        (RefusalReason::WrongIdKind, value, detail)
    }

    fn ambiguous(&self, key: &Key, several: &[(usize, By)]) -> Refusal {
        let ids: Vec<&str> = several
            .iter()
            .take(3)
            .map(|(index, _)| self.inventory.device(*index).id.as_str())
            .collect();
        let detail = format!(
            "{} devices have this {}: {}",
            several.len(),
            several[0].1.words(),
            ids.join(", ")
        );
        (RefusalReason::Ambiguous, key.text.clone(), detail)
    }

    fn contradiction(
        &self,
        first: &Key,
        (one, by): (usize, By),
        key: &Key,
        (other, other_by): (usize, By),
    ) -> Refusal {
        let detail = format!(
            "the {} {} is the device {}, but the {} {} is the device {}",
            by.words(),
            first.text,
            self.inventory.device(one).id,
            other_by.words(),
            key.text,
            self.inventory.device(other).id
        );
        (RefusalReason::Contradictory, key.text.clone(), detail)
    }

    fn plan(
        &mut self,
        index: usize,
        by: By,
        line: u64,
        is_meant: impl FnOnce(&Device) -> bool,
    ) -> Resolution<'a> {
        let device = self.inventory.device(index);
        if self.excepted.contains(&index) {
            self.summary.left_out_by_exception += 1;
            return Resolution::LeftOut;
        }
        if !is_meant(device) {
            self.summary.left_out_by_condition += 1;
            return Resolution::LeftOut;
        }
        let first_line = self.first_lines[index];
        if first_line != 0 {
            self.summary.merged += 1;
            return Resolution::Merged { first_line };
        }
        self.first_lines[index] = line;
        let summary = &mut self.summary;
        summary.planned += 1;
        if matches!(by, By::ManagedDeviceId | By::EntraDeviceId) {
            *summary.mapped.entry(by).or_default() += 1;
        }
        if device.user_principal_name.is_empty() {
            summary.without_user += 1;
        }
        if summary.first.len() < DEVICES_SHOWN {
            summary.first.push(FirstDevice {
                serial: device.serial.clone(),
                model: device.model.clone(),
                group_tag: device.group_tag.clone(),
                user: device.user_principal_name.clone(),
            });
        }
        count(&mut summary.by_group_tag, &device.group_tag);
        count(&mut summary.by_model, &device.model);
        Resolution::Planned { index, device }
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
        PlanSummary {
            excepted: self.excepted.len() as u64,
            ..self.summary
        }
    }
}

/// Those of a kind, each device once.
fn narrowed(candidates: Vec<(usize, By)>, is_kind: impl Fn(By) -> bool) -> Vec<(usize, By)> {
    let mut narrowed: Vec<(usize, By)> = Vec::new();
    for (index, by) in candidates {
        if is_kind(by) && !narrowed.iter().any(|(known, _)| *known == index) {
            narrowed.push((index, by));
        }
    }
    narrowed
}

fn count(groups: &mut BTreeMap<String, u64>, group: &str) {
    let known = groups.len() < GROUPS_MAX || groups.contains_key(group);
    let group = if known { group } else { "(others)" };
    *groups.entry(group.to_owned()).or_default() += 1;
}
