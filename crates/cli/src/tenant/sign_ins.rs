//! Sign-ins of persons: where they are kept, and which tenants they make.

use anyhow::Context as _;
use repilot_domain::{TenantName, Timestamp};
use repilot_graph::{KeptIn, SignInRecord, SignInStore};
use serde::Serialize;

use crate::settings::{CredentialKind, Settings, TenantSettings, folders};
use crate::terminal::output::causes;

/// The folder of sign-ins, beside where the ledger is by default: on this machine, and not in a
/// profile that roams.
const FOLDER: &str = "sign-ins";

/// Where this user's sign-ins are kept.
pub(crate) fn store() -> anyhow::Result<SignInStore> {
    let folder =
        folders::ledger().context("cannot find the home folder, where sign-ins are kept")?;
    Ok(SignInStore::new(folder.join(FOLDER)))
}

/// Every sign-in that can be read; the log names the others.
pub(crate) fn all() -> Vec<SignInRecord> {
    let Ok(store) = store() else {
        return Vec::new();
    };
    let (records, broken) = store.all();
    for error in broken {
        tracing::warn!(
            error = causes(&anyhow::Error::new(error)),
            "a sign-in is left out"
        );
    }
    records
}

/// The sign-in of a tenant of that name.
pub(crate) fn of(name: &TenantName) -> anyhow::Result<Option<SignInRecord>> {
    Ok(store()?.load(name)?)
}

/// The names of sign-ins whose tenant the settings do not name: each makes a tenant of its own. One
/// that they name has one lane, under its name there.
pub(crate) fn own_tenants(settings: &Settings) -> Vec<TenantName> {
    let records = all();
    let own = records
        .iter()
        .filter(|record| section_of(settings, &record.tenant_id, &record.domain).is_none())
        .filter_map(|record| TenantName::new(&record.tenant).ok())
        .filter(|name| !settings.tenants.contains_key(name));
    own.collect()
}

/// The section of the settings that means this tenant.
pub(crate) fn section_of<'a>(
    settings: &'a Settings,
    tenant_id: &str,
    domain: &str,
) -> Option<(&'a TenantName, &'a TenantSettings)> {
    let means = |section: &TenantSettings| {
        let meant = section.tenant_id.trim();
        !meant.is_empty()
            && (meant.eq_ignore_ascii_case(tenant_id) || meant.eq_ignore_ascii_case(domain))
    };
    settings.tenants.iter().find(|(_, section)| means(section))
}

/// Whose sign-in a tenant is called with; nobody's where it is called with another credential.
pub(crate) fn person(settings: &Settings, tenant: &TenantName) -> Option<SignInRecord> {
    if settings.token.is_some() {
        return None;
    }
    match settings.tenants.get(tenant) {
        Some(section) if section.credential != CredentialKind::SignIn => None,
        _ => of(tenant).ok().flatten(),
    }
}

/// A sign-in, as `login`, `logout`, `status` and `check` print it.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    pub(crate) tenant: String,
    pub(crate) tenant_id: String,
    pub(crate) user: String,
    pub(crate) name: String,
    pub(crate) cloud: String,
    pub(crate) client_id: String,
    pub(crate) permissions: Vec<String>,
    pub(crate) signed_in_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) kept_in: KeptIn,
    /// Why somebody has to sign in again; empty where nobody has to.
    pub(crate) lost: String,
}

impl Shown {
    pub(crate) fn of(record: &SignInRecord) -> Self {
        let lost = record.lost.as_ref().map(|lost| lost.why.clone());
        Self {
            tenant: record.tenant.clone(),
            tenant_id: record.tenant_id.clone(),
            user: record.user.clone(),
            name: record.user_name.clone(),
            cloud: record.cloud.clone(),
            client_id: record.client_id.clone(),
            permissions: record.permissions.clone(),
            signed_in_at: record.signed_in_at,
            expires_at: record.expires_at,
            kept_in: record.kept_in,
            lost: lost.unwrap_or_default(),
        }
    }

    /// In a line.
    pub(crate) fn in_words(&self, now: Timestamp) -> String {
        if !self.lost.is_empty() {
            return format!("{}: sign in again: {}", self.user, self.lost);
        }
        let until = if self.expires_at <= now {
            "to be refreshed with the next call".to_owned()
        } else {
            let until = crate::terminal::output::moment(self.expires_at);
            format!("until {until}, refreshed by itself")
        };
        format!(
            "{}, {until}; permissions {}; kept in {}",
            self.user,
            self.permissions.join(", "),
            self.kept_in
        )
    }
}
