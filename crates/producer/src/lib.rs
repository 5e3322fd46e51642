//! From a device list to a plan: what would be done, what is refused, and why.
//!
//! Lists are streamed, whatever their size; the inventory alone is held in memory.

mod alike;
mod assigning;
mod cell;
mod columns;
mod condition;
mod dates;
mod encoding;
mod error;
mod fingerprint;
mod foreign;
mod format;
mod inventory;
mod json;
mod key;
mod list;
mod mangled;
mod name;
mod near_miss;
mod number_format;
mod numbers;
mod placeholder;
mod plain;
mod plan;
mod planner;
mod reader;
mod rejects;
mod resolver;
mod rows;
mod selection;
mod source;
mod spreadsheet;
mod table;
mod text_workbook;
mod twins;
mod user_column;
mod workbook;

pub use assigning::{Account, Foreknowledge, Promised};
pub use condition::{Condition, ConditionError};
pub use error::ListError;
pub use fingerprint::Fingerprint;
pub use inventory::Inventory;
pub use key::{Bad, Key, Malformed};
pub use list::DeviceList;
pub use name::campaign_name;
pub use plan::{
    FirstDevice, NewUser, PlanSummary, REFUSALS_SHOWN, RefusalReason, RefusedRow, RepairedRow,
    Resolution, SheetCounts,
};
pub use planner::Planner;
pub use rejects::Rejects;
pub use rows::{HiddenCount, Row, Rows};
pub use selection::{Selection, Step, Steps};
pub use spreadsheet::defused;
