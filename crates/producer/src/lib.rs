//! From a device list to a plan: what would be done, what is refused, and why.
//!
//! Lists are streamed, whatever their size; the inventory alone is held in memory.

mod error;
mod format;
mod inventory;
mod list;
mod name;
mod plan;
mod reader;
mod row;
mod rows;
mod table;

pub use error::ListError;
pub use inventory::Inventory;
pub use list::DeviceList;
pub use name::campaign_name;
pub use plan::{PlanSummary, Planner, RefusalReason, RefusedRow, Resolution};
pub use row::{Key, Malformed, Row};
pub use rows::Rows;
