//! Which tenants a worker may call: they may be added, changed and taken away while it runs.

use std::collections::BTreeMap;

use repilot_domain::TenantName;

use crate::Tenant;

/// Where a worker's tenants come from. Asked every few seconds, so it must answer at once.
pub trait TenantDirectory: Send + Sync + 'static {
    /// The tenants that there are now.
    fn names(&self) -> Vec<TenantName>;

    /// One of them.
    fn tenant(&self, name: &TenantName) -> Option<Tenant>;
}

/// Tenants that stay as they are.
impl TenantDirectory for BTreeMap<TenantName, Tenant> {
    fn names(&self) -> Vec<TenantName> {
        self.keys().cloned().collect()
    }

    fn tenant(&self, name: &TenantName) -> Option<Tenant> {
        self.get(name).cloned()
    }
}
