//! Pages of the inventory.

use repilot_domain::Device;

/// A page's successor, exactly as Graph gave it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NextLink(pub(crate) String);

/// A page of the inventory.
#[derive(Debug)]
pub struct InventoryPage {
    /// Its devices.
    pub devices: Vec<Device>,
    /// Where the next page is; `None` at the end.
    pub next: Option<NextLink>,
}
