//! Pages of the inventory.

use repilot_domain::Device;

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
    /// Where the next page is; `None` at the end.
    pub next: Option<NextLink>,
}
