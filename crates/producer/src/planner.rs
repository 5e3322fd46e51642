//! The plan in the making: each row against the inventory, each device once.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher as _;

use repilot_domain::{Action, By, Device, Repairs};

use crate::assigning::Assigning;
use crate::plain::named;
use crate::plan::{
    FirstDevice, PlanSummary, REFUSALS_SHOWN, RefusalReason, RefusedRow, RepairedRow, Resolution,
    SheetCounts,
};
use crate::resolver::{Found, Refusal, Resolver};
use crate::rows::Row;
use crate::twins::Kept;
use crate::{Foreknowledge, Inventory, Key};

/// As many devices as tell a person whether it is the right list.
const DEVICES_SHOWN: usize = 10;

/// Repaired rows that are shown one by one.
const REPAIRS_SHOWN: usize = 10;

/// Group tags and models counted apart; of more, the rest is counted as others.
const GROUPS_MAX: usize = 50;

/// Resolves rows, one after the other.
pub struct Planner<'a> {
    inventory: &'a Inventory,
    resolver: Resolver<'a>,
    /// The line that first named each device; 0 where none has.
    first_lines: Vec<u64>,
    excepted: BTreeSet<usize>,
    /// Devices that were refused, since another campaign has an open job for them.
    busy: BTreeSet<usize>,
    names: DeviceNames,
    assigning: Assigning<'a>,
    refusals_kept: usize,
    summary: PlanSummary,
}

impl<'a> Planner<'a> {
    /// A planner over an inventory.
    #[must_use]
    pub fn new(inventory: &'a Inventory) -> Self {
        Self {
            inventory,
            resolver: Resolver {
                inventory,
                by: None,
                repairs: Repairs::NONE,
                kept: None,
            },
            first_lines: vec![0; inventory.len()],
            excepted: BTreeSet::new(),
            busy: BTreeSet::new(),
            names: DeviceNames::default(),
            assigning: Assigning::default(),
            refusals_kept: REFUSALS_SHOWN,
            summary: PlanSummary::default(),
        }
    }

    /// The same, taking every key for this name of its device and for no other.
    #[must_use]
    pub fn taking_keys_by(mut self, by: Option<By>) -> Self {
        self.resolver.by = by;
        self
    }

    /// The same, overlooking these differences between a row's serial and a device's.
    #[must_use]
    pub fn repairing(mut self, repairs: Repairs) -> Self {
        self.resolver.repairs = repairs;
        self
    }

    /// The same, doing this to the devices.
    #[must_use]
    pub fn doing(mut self, action: Action) -> Self {
        self.assigning = Assigning::new(action, self.inventory);
        self.summary.action = action;
        self
    }

    /// The same, knowing this of users and devices.
    #[must_use]
    pub fn knowing(mut self, known: &'a Foreknowledge) -> Self {
        self.assigning.known = Some(known);
        self
    }

    /// The same, keeping every refusal in the summary rather than the first few.
    #[must_use]
    pub fn keeping_every_refusal(mut self) -> Self {
        self.refusals_kept = usize::MAX;
        self
    }

    /// Reads a list of text from now on, of which this is known to have been kept; `None` of a list
    /// whose texts are certain.
    pub(crate) fn reading(&mut self, kept: Option<Kept>) {
        self.resolver.kept = kept;
    }

    /// Whether what a list has kept must be known to read a row of it.
    pub(crate) fn needs_kept(&self, row: &Row) -> bool {
        let keys = row.keys.as_deref().unwrap_or_default();
        self.resolver.kept.is_none() && self.resolver.has_twin(keys)
    }

    /// Takes out every device that a row may mean, whichever of its names that is. A row that no device
    /// fits, and some nearly fit, is an error: it may mean one that must not be touched.
    pub fn except(&mut self, row: &Row) -> Result<(), (String, String)> {
        let keys = row.keys.as_deref().unwrap_or_default();
        if let Some(uncertain) = self.resolver.uncertain_exception(keys) {
            return Err(uncertain);
        }
        if self.resolver.kept.is_some()
            && let Err((RefusalReason::Uncertain, value, why)) = self.resolver.find(keys)
        {
            return Err((value, why));
        }
        let mut known = false;
        for key in keys {
            for (index, _) in self.resolver.candidates(key) {
                known = true;
                self.excepted.insert(index);
            }
        }
        if known {
            return Ok(());
        }
        for key in keys {
            if let Some(near) = self.resolver.near_miss(key) {
                return Err((key.text.clone(), format!("{}{}", near.detail, key.note())));
            }
        }
        self.summary.unknown_exceptions += 1;
        Ok(())
    }

    /// Takes note of whom a row says for its device; of all rows, before the first is resolved.
    pub fn note_user(&mut self, row: &Row, list: &str) {
        let Ok(keys) = &row.keys else { return };
        if let Ok(found) = self.resolver.find(keys) {
            self.assigning.note(found.index, row, list);
        }
    }

    /// What becomes of the next row of a list and, of a workbook, of the sheet of this name; a device
    /// that is not meant is left out.
    pub fn resolve(
        &mut self,
        row: &Row,
        list: &str,
        sheet: Option<&str>,
        is_meant: impl FnOnce(&Device) -> bool,
    ) -> Resolution<'a> {
        let resolution = self.resolve_row(row, list, sheet, is_meant);
        if let Some(sheet) = sheet {
            let counts = self.sheet_counts(list, sheet);
            counts.rows += 1;
            match resolution {
                Resolution::Planned { .. } => counts.planned += 1,
                Resolution::Merged { .. } => counts.merged += 1,
                Resolution::LeftOut => counts.left_out += 1,
                Resolution::Refused(_) => counts.refused += 1,
            }
        }
        resolution
    }

    /// The counts of a sheet: the one that is read now, or the next one.
    fn sheet_counts(&mut self, list: &str, sheet: &str) -> &mut SheetCounts {
        let sheets = &mut self.summary.sheets;
        let is_it = |counts: &SheetCounts| counts.list == list && counts.sheet == sheet;
        if let Some(at) = sheets.iter().rposition(is_it) {
            return &mut sheets[at];
        }
        sheets.push(SheetCounts {
            list: list.to_owned(),
            sheet: sheet.to_owned(),
            ..SheetCounts::default()
        });
        let at = sheets.len() - 1;
        &mut sheets[at]
    }

    /// Notes how many rows of a sheet a spreadsheet hides, and whether they were read.
    pub(crate) fn note_hidden(&mut self, list: &str, sheet: &str, hidden: u64, were_read: bool) {
        let counts = self.sheet_counts(list, sheet);
        if were_read {
            counts.hidden_included += hidden;
        } else {
            counts.hidden_skipped += hidden;
        }
    }

    fn resolve_row(
        &mut self,
        row: &Row,
        list: &str,
        sheet: Option<&str>,
        is_meant: impl FnOnce(&Device) -> bool,
    ) -> Resolution<'a> {
        self.summary.rows += 1;
        let is_number = |key: &Key| key.digits.is_some();
        let has_number = match &row.keys {
            Ok(keys) => keys.iter().any(is_number),
            Err((bad, _)) => bad.is_number(),
        };
        self.summary.numbers += u64::from(has_number);
        let said = row.new_user.as_deref().filter(|user| !user.is_empty());
        let is_read = self.summary.action.needs_user();
        if said.is_some() && !is_read {
            self.summary.unread_new_users += 1;
        }
        let keys = row.keys.as_deref().unwrap_or_default();
        self.note_made_plain(keys);
        let found = match &row.keys {
            Ok(keys) => self.resolver.find(keys),
            Err((bad, shown)) => {
                let reason = if bad.is_uncertain() {
                    RefusalReason::Uncertain
                } else {
                    RefusalReason::Malformed
                };
                Err((reason, shown.clone(), bad.words().to_owned()))
            }
        };
        let planned = match found {
            Ok(found) => {
                self.note_name(found, row, list);
                let planned = self.plan(found, row.line, said, is_meant);
                if let Ok(Resolution::Planned { device, .. }) = planned {
                    self.note_repair(found, device, row, list);
                }
                planned
            }
            Err(refusal) => {
                if refusal.0 == RefusalReason::Unknown {
                    self.note_near_miss(keys);
                }
                Err(refusal)
            }
        };
        match planned {
            Ok(resolution) => resolution,
            Err((reason, value, detail)) => self.refuse(RefusedRow {
                list: list.to_owned(),
                sheet: sheet.map(str::to_owned),
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
        let found = Found {
            index,
            by: By::Id,
            partly_unknown: false,
            repaired: Repairs::NONE,
        };
        match self.plan(found, line, None, |_| is_meant) {
            Ok(resolution) => resolution,
            Err((reason, value, detail)) => self.refuse(RefusedRow {
                list: String::new(),
                sheet: None,
                line,
                value,
                reason,
                detail,
            }),
        }
    }

    fn plan(
        &mut self,
        found: Found,
        line: u64,
        said: Option<&str>,
        is_meant: impl FnOnce(&Device) -> bool,
    ) -> Result<Resolution<'a>, Refusal> {
        let Found {
            index,
            by,
            partly_unknown,
            repaired: _,
        } = found;
        let device = self.inventory.device(index);
        if self.excepted.contains(&index) {
            self.summary.left_out_by_exception += 1;
            return Ok(Resolution::LeftOut);
        }
        if !is_meant(device) {
            self.summary.left_out_by_condition += 1;
            return Ok(Resolution::LeftOut);
        }
        let new_user = self.assigning.new_user(index, device, said)?;
        if let Some(campaign) = self.assigning.busy(device) {
            let waits = self.assigning.waits_for_others();
            if self.busy.insert(index) {
                let counts = if waits {
                    &mut self.summary.waiting_by_campaign
                } else {
                    &mut self.summary.busy_by_campaign
                };
                *counts.entry(campaign.to_owned()).or_default() += 1;
            }
            if !waits {
                let detail = format!("the device has an open job in campaign {campaign}");
                return Err((RefusalReason::Busy, device.serial.clone(), detail));
            }
        }
        let first_line = self.first_lines[index];
        if first_line != 0 {
            self.summary.merged += 1;
            return Ok(Resolution::Merged { first_line });
        }
        self.first_lines[index] = line;
        if let Some(user) = &new_user {
            self.assigning.planned(user);
        }
        let summary = &mut self.summary;
        summary.planned += 1;
        if matches!(by, By::ManagedDeviceId | By::EntraDeviceId) {
            *summary.mapped.entry(by).or_default() += 1;
        }
        if by == By::Name {
            summary.by_name += 1;
        }
        if partly_unknown {
            summary.partly_unknown += 1;
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
                new_user: new_user
                    .as_ref()
                    .map(|user| user.user_principal_name.clone())
                    .unwrap_or_default(),
            });
        }
        count(&mut summary.by_group_tag, &device.group_tag);
        count(&mut summary.by_model, &device.model);
        Ok(Resolution::Planned {
            index,
            device,
            new_user,
        })
    }

    /// Counts characters that keys were read without.
    fn note_made_plain(&mut self, keys: &[Key]) {
        let characters: BTreeSet<char> = keys
            .iter()
            .flat_map(|key| key.made_plain.iter().copied())
            .collect();
        for character in characters {
            *self.summary.made_plain.entry(named(character)).or_default() += 1;
        }
    }

    /// Counts a planned row whose serial is another one's but for what is overlooked.
    fn note_repair(&mut self, found: Found, device: &Device, row: &Row, list: &str) {
        if found.repaired.is_empty() {
            return;
        }
        *self.summary.repaired.entry(found.repaired).or_default() += 1;
        if self.summary.first_repaired.len() < REPAIRS_SHOWN {
            let keys = row.keys.as_deref().unwrap_or_default();
            let serial = keys
                .iter()
                .find(|key| key.by.is_none_or(|by| by == By::Serial));
            self.summary.first_repaired.push(RepairedRow {
                list: list.to_owned(),
                line: row.line,
                value: serial.map(|key| key.text.clone()).unwrap_or_default(),
                serial: device.serial.clone(),
            });
        }
    }

    /// Counts an unknown row that a repair would give a device.
    fn note_near_miss(&mut self, keys: &[Key]) {
        let near = keys.iter().find_map(|key| self.resolver.near_miss(key));
        if let Some(repairs) = near.and_then(|near| near.repairs) {
            *self.summary.near_misses.entry(repairs).or_default() += 1;
        }
    }

    /// Counts a row that gives a device another name than an earlier row did: two machines may have one
    /// serial.
    fn note_name(&mut self, found: Found, row: &Row, list: &str) {
        let keys = row.keys.as_deref().unwrap_or_default();
        let Some(name) = keys.iter().find(|key| key.by == Some(By::Name)) else {
            return;
        };
        if !self
            .names
            .is_new(found.index, self.inventory.len(), &name.text)
        {
            return;
        }
        self.summary.renamed += 1;
        if self.summary.first_renamed.is_empty() {
            self.summary.first_renamed = format!(
                "line {} of {list} calls {} `{}`, as an earlier one does not",
                row.line,
                self.inventory.device(found.index).serial,
                name.text
            );
        }
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
            new_users: self.assigning.users(),
            ..self.summary
        }
    }
}

/// The device names that rows gave to devices, by their hashes: a list may have a million.
#[derive(Default)]
struct DeviceNames {
    hasher: RandomState,
    /// By device; 0 where no row gave one. Empty until a row gives one.
    hashes: Vec<u64>,
}

impl DeviceNames {
    /// Whether an earlier row gave the device another name.
    fn is_new(&mut self, index: usize, devices: usize, name: &str) -> bool {
        if self.hashes.is_empty() {
            self.hashes = vec![0; devices];
        }
        let hash = self.hasher.hash_one(name.to_lowercase()).max(1);
        let first = &mut self.hashes[index];
        if *first == 0 {
            *first = hash;
        }
        *first != hash
    }
}

fn count(groups: &mut BTreeMap<String, u64>, group: &str) {
    let known = groups.len() < GROUPS_MAX || groups.contains_key(group);
    let group = if known { group } else { "(others)" };
    *groups.entry(group.to_owned()).or_default() += 1;
}
