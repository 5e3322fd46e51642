//! The plan in the making: each row against the inventory, each device once.

use std::collections::{BTreeMap, BTreeSet};

use repilot_domain::{By, Device};

use crate::Inventory;
use crate::plan::{
    FirstDevice, PlanSummary, REFUSALS_SHOWN, RefusalReason, RefusedRow, Resolution,
};
use crate::resolver::{Found, Resolver};
use crate::rows::Row;

/// As many devices as tell a person whether it is the right list.
const DEVICES_SHOWN: usize = 10;

/// Group tags and models counted apart; of more, the rest is counted as others.
const GROUPS_MAX: usize = 50;

/// Resolves rows, one after the other.
pub struct Planner<'a> {
    inventory: &'a Inventory,
    resolver: Resolver<'a>,
    /// The line that first named each device; 0 where none has.
    first_lines: Vec<u64>,
    excepted: BTreeSet<usize>,
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
            },
            first_lines: vec![0; inventory.len()],
            excepted: BTreeSet::new(),
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
            for (index, _) in self.resolver.candidates(key) {
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
            Ok(keys) => self.resolver.find(keys),
            Err((bad, shown)) => Err((
                RefusalReason::Malformed,
                shown.clone(),
                bad.words().to_owned(),
            )),
        };
        match found {
            Ok(found) => self.plan(found, row.line, is_meant),
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
        let found = Found {
            index,
            by: By::Id,
            partly_unknown: false,
        };
        self.plan(found, line, |_| is_meant)
    }

    fn plan(
        &mut self,
        found: Found,
        line: u64,
        is_meant: impl FnOnce(&Device) -> bool,
    ) -> Resolution<'a> {
        let Found {
            index,
            by,
            partly_unknown,
        } = found;
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

fn count(groups: &mut BTreeMap<String, u64>, group: &str) {
    let known = groups.len() < GROUPS_MAX || groups.contains_key(group);
    let group = if known { group } else { "(others)" };
    *groups.entry(group.to_owned()).or_default() += 1;
}
