//! What a campaign is called when nobody names it: the same list, the same campaign.

use repilot_domain::TenantName;
use sha2::{Digest as _, Sha256};

use crate::DeviceList;
use crate::reader::hexadecimal;

/// Enough of a hash that two lists of one name do not meet.
const SUFFIX_BYTES: usize = 4;

/// The list's name made plain, and eight digits that follow from its bytes and the tenant.
#[must_use]
pub fn campaign_name(list: &DeviceList, tenant: &TenantName) -> String {
    let stem = list
        .name()
        .rsplit_once('.')
        .map_or(list.name(), |(stem, _)| stem);
    let mut plain = String::new();
    for c in stem.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') {
            plain.push(c.to_ascii_lowercase());
        } else if !plain.ends_with('-') {
            plain.push('-');
        }
    }
    let plain = plain.trim_matches('-');
    let plain = if plain.is_empty() { "list" } else { plain };
    let mut hasher = Sha256::new();
    hasher.update(list.sha256().as_bytes());
    hasher.update([0]);
    hasher.update(tenant.as_str().as_bytes());
    format!(
        "{plain}-{}",
        hexadecimal(&hasher.finalize()[..SUFFIX_BYTES])
    )
}
