//! Which devices are meant: lists, conditions over the inventory, and what is taken out again.

use repilot_domain::{Action, By, Device, HiddenRows, Reading, Repairs, Timestamp};

use crate::fingerprint::Fingerprint;
use crate::plan::{PlanSummary, RefusalReason, RefusedRow, Resolution};
use crate::planner::Planner;
use crate::rows::{Row, Rows};
use crate::{Condition, DeviceList, Foreknowledge, Inventory, ListError, Malformed};

/// What a campaign is made of.
#[derive(Debug, Default)]
pub struct Selection {
    /// The devices on these; without any, the whole inventory.
    pub lists: Vec<DeviceList>,
    /// Of those, the ones that all of these hold for.
    pub conditions: Vec<Condition>,
    /// Of those, the ones that are not on these.
    pub except: Vec<DeviceList>,
    /// What every key is, whatever the lists say.
    pub by: Option<By>,
    /// What is overlooked between a serial of the lists and a device's.
    pub repairs: Repairs,
    /// What is done to them.
    pub action: Action,
    /// The column that says who is to be assigned; without it, the one whose name can mean nothing
    /// else.
    pub user_column: Option<String>,
}

impl Selection {
    /// What people call it: the list's name.
    #[must_use]
    pub fn name(&self) -> String {
        match self.lists.as_slice() {
            [] => {
                let conditions: Vec<String> =
                    self.conditions.iter().map(ToString::to_string).collect();
                conditions.join(" and ")
            }
            [list] => list.name().to_owned(),
            [first, more @ ..] => format!("{} and {} more", first.name(), more.len()),
        }
    }

    /// What it follows from, in hexadecimal: of one list alone, the SHA-256 of its bytes.
    #[must_use]
    pub fn sha256(&self) -> String {
        let lists = self.lists.iter().chain(&self.except);
        let as_they_are = lists
            .clone()
            .all(|list| *list.reading() == Reading::default());
        if let ([list], [], [], None, true, Action::Unassign, true) = (
            self.lists.as_slice(),
            self.conditions.as_slice(),
            self.except.as_slice(),
            self.by,
            self.repairs.is_empty(),
            self.action,
            as_they_are,
        ) {
            return list.sha256().to_owned();
        }
        let mut fingerprint = Fingerprint::default();
        let mut part = |kind: &str, text: &str| {
            fingerprint.part(kind);
            fingerprint.part(text);
        };
        for list in &self.lists {
            part("list", list.sha256());
        }
        for condition in &self.conditions {
            part("where", &condition.to_string());
        }
        for list in &self.except {
            part("except", list.sha256());
        }
        part("by", self.by.map_or("", By::as_str));
        // Of what was there before there were others, it is what it was.
        if !self.repairs.is_empty() {
            part("repair", &self.repairs.to_string());
        }
        if self.action != Action::Unassign {
            part("action", self.action.as_str());
            part("user", self.user_column.as_deref().unwrap_or_default());
        }
        for list in lists.filter(|_| !as_they_are) {
            let reading = list.reading();
            part("column", reading.column.as_deref().unwrap_or_default());
            for sheet in &reading.sheets {
                part("sheet", sheet);
            }
            part("hidden", reading.hidden_rows.map_or("", HiddenRows::as_str));
        }
        fingerprint.finish()
    }

    /// What each part was understood to be, for people.
    #[must_use]
    pub fn described(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for list in &self.lists {
            let users = match list.user_column(self.user_column.as_deref()) {
                Ok(column) if self.action.needs_user() => format!(", new users by `{column}`"),
                _ => String::new(),
            };
            lines.push(format!("{}: {}{users}", list.name(), list.described()));
        }
        if let Some(by) = self.by {
            lines.push(format!("every key is taken for the {}", by.words()));
        }
        if !self.repairs.is_empty() {
            lines.push(format!("serials may differ in {}", self.repairs));
        }
        for condition in &self.conditions {
            lines.push(format!("where {condition}"));
        }
        for list in &self.except {
            lines.push(format!("except {}: {}", list.name(), list.described()));
        }
        lines
    }

    /// What somebody may have meant otherwise with its lists.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        let lists = self.lists.iter().chain(&self.except);
        lists.flat_map(DeviceList::hints).collect()
    }

    /// Whether the lists' bytes are still what they were when they were opened.
    pub fn verify(&self) -> Result<(), ListError> {
        let lists = self.lists.iter().chain(&self.except);
        lists.into_iter().try_for_each(DeviceList::verify)
    }

    /// Resolves it, device by device.
    pub fn steps<'a>(
        &'a self,
        inventory: &'a Inventory,
        now: Timestamp,
    ) -> Result<Steps<'a>, ListError> {
        let mut planner = Planner::new(inventory)
            .taking_keys_by(self.by)
            .repairing(self.repairs)
            .doing(self.action);
        for list in &self.except {
            // What is not read may name a device that must not be touched.
            if let Some(sheet) = list.unread_sheet()
                && list.reading().sheets.is_empty()
            {
                return Err(ListError::UnreadException {
                    name: list.name().to_owned(),
                    sheet: sheet.to_owned(),
                });
            }
            let mut rows = 0;
            planner.reading(None);
            for row in list.rows()? {
                let row = row?;
                rows += 1;
                if planner.needs_kept(&row) {
                    planner.reading(list.kept()?);
                }
                // A row that cannot be read may name a device that must not be touched.
                if let Err((bad, _)) = &row.keys
                    && *bad != Malformed::Empty
                {
                    return Err(ListError::BadException {
                        name: list.name().to_owned(),
                        line: row.line,
                        why: bad.words().to_owned(),
                    });
                }
                planner
                    .except(&row)
                    .map_err(|(value, why)| ListError::NearException {
                        name: list.name().to_owned(),
                        line: row.line,
                        value,
                        why,
                    })?;
            }
            if rows == 0 {
                return Err(list.empty());
            }
        }
        planner.reading(None);
        self.note_users(&mut planner)?;
        Ok(Steps {
            selection: self,
            inventory,
            now,
            planner,
            keep_cells: false,
            next_list: 0,
            rows: None,
            rows_of_list: 0,
            next_device: 0,
        })
    }
}

impl Selection {
    /// Whether it says who is to be assigned, where somebody is.
    pub fn check(&self) -> Result<(), ListError> {
        if !self.action.needs_user() {
            return Ok(());
        }
        if self.lists.is_empty() {
            return Err(ListError::NoUsers);
        }
        let column = self.user_column.as_deref();
        self.lists
            .iter()
            .try_for_each(|list| list.user_column(column).map(drop))
    }

    /// Has each row's new user noted, where one is needed.
    fn note_users(&self, planner: &mut Planner<'_>) -> Result<(), ListError> {
        if !self.action.needs_user() {
            return Ok(());
        }
        self.check()?;
        let column = self.user_column.as_deref();
        for list in &self.lists {
            for row in list.rows_naming(column)? {
                planner.note_user(&row?, list.name());
            }
        }
        Ok(())
    }
}

/// What becomes of a row, and where it is.
#[derive(Debug)]
pub struct Step<'a> {
    /// The list, by its place in the selection; `None` of a device that no list names.
    pub list: Option<usize>,
    /// The sheet, by its place among those of the workbook that are read.
    pub sheet: Option<usize>,
    /// The row.
    pub line: u64,
    /// What becomes of it.
    pub resolution: Resolution<'a>,
    /// The refused row as it came, where [`Steps::keeping_refused_rows`].
    pub cells: Option<Vec<String>>,
}

/// A selection's rows, one by one.
pub struct Steps<'a> {
    selection: &'a Selection,
    inventory: &'a Inventory,
    now: Timestamp,
    planner: Planner<'a>,
    keep_cells: bool,
    next_list: usize,
    rows: Option<Rows>,
    rows_of_list: u64,
    next_device: usize,
}

impl<'a> Steps<'a> {
    /// Keeps every refusal in the summary rather than the first few.
    #[must_use]
    pub fn keeping_every_refusal(mut self) -> Self {
        self.planner = self.planner.keeping_every_refusal();
        self
    }

    /// Knows this of users and devices.
    #[must_use]
    pub fn knowing(mut self, known: &'a Foreknowledge) -> Self {
        self.planner = self.planner.knowing(known);
        self
    }

    /// Gives refused rows as they came.
    #[must_use]
    pub fn keeping_refused_rows(mut self) -> Self {
        self.keep_cells = true;
        self
    }

    /// How far they are, and how far that is in all: bytes of the lists, or devices.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        let lists = &self.selection.lists;
        if lists.is_empty() {
            return (self.next_device as u64, self.inventory.len() as u64);
        }
        let begun = self.next_list.saturating_sub(1);
        let length = |lists: &[DeviceList]| lists.iter().map(DeviceList::length).sum::<u64>();
        let here = self.rows.as_ref().map_or(0, Rows::bytes_read);
        (length(&lists[..begun]) + here, length(lists))
    }

    /// What it came to.
    #[must_use]
    pub fn finish(self) -> PlanSummary {
        self.planner.finish()
    }

    fn next_of_inventory(&mut self) -> Option<Step<'a>> {
        let device = self.inventory.get(self.next_device)?;
        let index = self.next_device;
        self.next_device += 1;
        let line = self.next_device as u64;
        let is_meant = Condition::all_hold(&self.selection.conditions, device, self.now);
        Some(Step {
            list: None,
            sheet: None,
            line,
            resolution: self.planner.resolve_device(index, line, is_meant),
            cells: None,
        })
    }

    fn next_of_lists(&mut self) -> Result<Option<Step<'a>>, ListError> {
        loop {
            let Some(rows) = &mut self.rows else {
                let Some(list) = self.selection.lists.get(self.next_list) else {
                    return Ok(None);
                };
                let column = self.selection.user_column.as_deref();
                self.rows = Some(list.rows_naming(column)?);
                self.planner.reading(None);
                self.next_list += 1;
                self.rows_of_list = 0;
                continue;
            };
            let list = self.next_list - 1;
            let Some(row) = rows.next().transpose()? else {
                let list = &self.selection.lists[list];
                for (sheet, count) in list.sheets().into_iter().zip(rows.hidden()) {
                    let were_read = list.reading().hidden_rows == Some(HiddenRows::Include);
                    self.planner
                        .note_hidden(list.name(), sheet, count.hidden, were_read);
                }
                if self.rows_of_list == 0 {
                    return Err(list.empty());
                }
                if self.next_list == self.selection.lists.len() {
                    return Ok(None);
                }
                self.rows = None;
                continue;
            };
            self.rows_of_list += 1;
            if self.planner.needs_kept(&row) {
                self.planner.reading(self.selection.lists[list].kept()?);
            }
            let (selection, now) = (self.selection, self.now);
            let is_meant =
                |device: &Device| Condition::all_hold(&selection.conditions, device, now);
            let of = &selection.lists[list];
            let sheet = row.sheet.and_then(|sheet| of.sheets().get(sheet).copied());
            let resolution = self.planner.resolve(&row, of.name(), sheet, is_meant);
            let cells = match &resolution {
                Resolution::Refused(refused) if self.keep_cells => Some(as_refused(
                    rows.cells(&row, selection.action),
                    &row,
                    refused,
                )),
                _ => None,
            };
            return Ok(Some(Step {
                list: Some(list),
                sheet: row.sheet,
                line: row.line,
                resolution,
                cells,
            }));
        }
    }
}

/// The cells of a refused row. A number that fits several serials would be text in the table of
/// refused rows, and mean one of them when it is read again: it is written as all of them.
fn as_refused(mut cells: Vec<String>, row: &Row, refused: &RefusedRow) -> Vec<String> {
    let keys = row.keys.as_deref().unwrap_or_default();
    let numbers = keys.iter().filter(|key| key.digits.is_some());
    for number in numbers.filter(|_| refused.reason == RefusalReason::Uncertain) {
        for cell in cells.iter_mut().filter(|cell| **cell == number.text) {
            cell.clone_from(&refused.value);
        }
    }
    cells
}

impl<'a> Iterator for Steps<'a> {
    type Item = Result<Step<'a>, ListError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.selection.lists.is_empty() {
            return self.next_of_inventory().map(Ok);
        }
        self.next_of_lists().transpose()
    }
}
