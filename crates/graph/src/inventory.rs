//! Pages of the inventory.

use std::fmt;

use repilot_domain::Device;
use serde::{Deserialize, Serialize};

/// A page's successor, exactly as Graph gave it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NextLink(pub(crate) String);

impl NextLink {
    /// The link, to be kept; `GraphClient::next_link` makes it one again.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A page of the inventory.
#[derive(Debug)]
pub struct InventoryPage {
    /// Its devices.
    pub devices: Vec<Device>,
    /// Items that are no devices as far as they can be read.
    pub broken: Vec<BrokenItem>,
    /// `@odata.count`, where the page has it.
    pub count: Option<u64>,
    /// Where the next page is; `None` at the end.
    pub next: Option<NextLink>,
}

/// An item of a listing that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenItem {
    /// Number of its page, from 1.
    pub page: u64,
    /// Its place on the page, from 1.
    pub item: u64,
    /// Its id; empty where that cannot be read.
    pub id: String,
    /// Its serial number; empty where that cannot be read.
    pub serial: String,
    /// Why it cannot be read.
    pub why: String,
}

impl fmt::Display for BrokenItem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "item {} of page {}", self.item, self.page)?;
        if !self.serial.is_empty() {
            write!(formatter, ", serial {}", self.serial)?;
        }
        if !self.id.is_empty() {
            write!(formatter, ", id {}", self.id)?;
        }
        write!(formatter, ": {}", self.why)
    }
}
