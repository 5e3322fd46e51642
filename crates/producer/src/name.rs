//! What a campaign is called when nobody names it: the same list, the same campaign.

use repilot_domain::TenantName;

use crate::{Fingerprint, Selection};

/// Enough of a hash that two lists of one name do not meet.
const SUFFIX_DIGITS: usize = 8;

/// Enough of a name to know the list by.
const STEM_MAX_CHARS: usize = 60;

/// The list's name made plain, and eight digits that follow from its bytes and the tenant.
#[must_use]
pub fn campaign_name(selection: &Selection, tenant: &TenantName) -> String {
    let name = selection.name();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let stem: String = stem.chars().take(STEM_MAX_CHARS).collect();
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
    let mut fingerprint = Fingerprint::default();
    fingerprint.part(selection.sha256());
    fingerprint.part(tenant.as_str());
    let digits = fingerprint.finish();
    format!("{plain}-{}", &digits[..SUFFIX_DIGITS])
}
