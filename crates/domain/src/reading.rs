//! How a device list is to be read, where its own content does not say it.

use serde::{Deserialize, Serialize};

use crate::words;

/// What becomes of rows that a spreadsheet hides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HiddenRows {
    /// They are left out.
    Skip,
    /// They are read as the others are.
    Include,
}

words!(HiddenRows, "way with hidden rows", {
    Skip => "skip",
    Include => "include",
});

/// What a list's own content does not say, or says otherwise than it is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// The header of the column that names the devices.
    #[serde(default)]
    pub column: Option<String>,
    /// The sheets of a workbook that are read, or [`Reading::ALL_SHEETS`] alone; without any, the
    /// first one that names devices.
    #[serde(default)]
    pub sheets: Vec<String>,
    /// What becomes of hidden rows; without it, a list that has some is refused.
    #[serde(default)]
    pub hidden_rows: Option<HiddenRows>,
}

impl Reading {
    /// Names every visible sheet that names devices.
    pub const ALL_SHEETS: &'static str = "all";

    /// Whether every visible sheet is meant.
    #[must_use]
    pub fn all_sheets(&self) -> bool {
        matches!(self.sheets.as_slice(), [all] if all.eq_ignore_ascii_case(Self::ALL_SHEETS))
    }
}
