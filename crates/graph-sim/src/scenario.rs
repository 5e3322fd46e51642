//! What a simulated tenant does: data, written as TOML.

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, fits};
use crate::quota::RetryAfter;

/// A scenario; `scenarios/demo.toml` explains every key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// Every choice by chance follows from it.
    pub seed: u64,
    /// Tokens that are accepted: each is a tenant of its own.
    pub tokens: Vec<String>,
    /// A token expires after so many calls; one from `/_sim/identity` can follow.
    pub token_expires_after_calls: Option<u64>,
    /// Whatever token there is, is the first tenant's: those of an Entra beside it.
    pub any_token: bool,
    /// What a 401 of an expired token asks the next one to fulfil (JSON), as Conditional Access does.
    pub claims_challenge: Option<String>,
    /// The domain that tenants go by.
    pub domain: String,
    /// Permissions that an issued token carries.
    pub token_roles: Vec<String>,
    /// Patterns of serials that the inventory lacks.
    pub missing: Vec<String>,
    /// Patterns of user principal names that the directory lacks.
    pub missing_users: Vec<String>,
    /// Patterns of user principal names whose accounts are disabled.
    pub disabled_users: Vec<String>,
    /// How long an answer takes.
    pub latency: Latency,
    /// What a tenant grants.
    pub quota: Quota,
    /// Writes that the n-th tenant grants, where that is not what `quota` says.
    pub writes_of_tenants: Vec<u32>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

/// How long an answer takes.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Latency {
    /// At least, in milliseconds.
    pub fixed_ms: u64,
    /// And up to so many milliseconds more.
    pub jitter_ms: u64,
}

/// What a tenant grants in a sliding window of arrivals.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Writes; unlimited without it.
    pub writes: Option<u32>,
    /// Requests of any kind; unlimited without it.
    pub requests: Option<u32>,
    /// The window, in milliseconds.
    pub window_ms: u64,
    /// Whether refused calls count, too.
    pub refused_count: bool,
    /// What a 429 says of when to come back.
    pub retry_after: RetryAfter,
    /// How the grant of writes changes.
    pub changes: Vec<QuotaChange>,
}

/// Another grant of writes, from some moment on.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaChange {
    /// After so many writes arrived.
    #[serde(default)]
    pub after_writes: Option<u64>,
    /// So many milliseconds after the first call.
    #[serde(default)]
    pub after_ms: Option<u64>,
    /// What is granted then.
    pub writes: u32,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            writes: None,
            requests: None,
            window_ms: 20_000,
            refused_count: true,
            retry_after: RetryAfter::Decimal,
            changes: Vec::new(),
        }
    }
}

impl Default for Scenario {
    /// Unthrottled, without faults, at once.
    fn default() -> Self {
        Self {
            seed: 1,
            tokens: vec!["simulated".to_owned()],
            token_expires_after_calls: None,
            any_token: false,
            claims_challenge: None,
            domain: "contoso.example".to_owned(),
            token_roles: vec!["DeviceManagementServiceConfig.ReadWrite.All".to_owned()],
            missing: Vec::new(),
            missing_users: Vec::new(),
            disabled_users: Vec::new(),
            latency: Latency::default(),
            quota: Quota::default(),
            writes_of_tenants: Vec::new(),
            faults: Vec::new(),
        }
    }
}

/// A scenario that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the scenario cannot be read")]
pub struct ScenarioError(#[from] toml::de::Error);

impl Scenario {
    /// The same, with what the n-th tenant grants.
    pub(crate) fn of_tenant(&self, tenant: usize) -> Self {
        let mut scenario = self.clone();
        if let Some(writes) = self.writes_of_tenants.get(tenant) {
            scenario.quota.writes = Some(*writes);
        }
        scenario
    }

    /// Reads a scenario.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        Ok(toml::from_str(text)?)
    }

    /// The text of the built-in demonstration.
    #[must_use]
    pub const fn demo_text() -> &'static str {
        include_str!("../scenarios/demo.toml")
    }

    /// The built-in demonstration.
    pub fn demo() -> Result<Self, ScenarioError> {
        Self::parse(Self::demo_text())
    }

    /// Unthrottled but for a grant of writes per 20 s.
    #[must_use]
    pub fn granting(writes: u32) -> Self {
        Self {
            quota: Quota {
                writes: Some(writes),
                ..Quota::default()
            },
            ..Self::default()
        }
    }

    /// Whether the directory lacks a user.
    pub(crate) fn lacks_user(&self, user: &str) -> bool {
        // What no directory can hold, it does not have.
        let holds = |c: char| c.is_ascii_alphanumeric() || "'.-_!#^~@".contains(c);
        !user.chars().all(holds) || any_fits(&self.missing_users, user)
    }

    /// Whether a user's account is disabled.
    pub(crate) fn disables_user(&self, user: &str) -> bool {
        any_fits(&self.disabled_users, user)
    }

    /// Whether the inventory lacks a serial.
    #[must_use]
    pub fn lacks(&self, serial: &str) -> bool {
        self.missing.iter().any(|pattern| fits(pattern, serial))
    }
}

/// Whether any pattern fits a user, whatever their case.
fn any_fits(patterns: &[String], user: &str) -> bool {
    let user = user.to_lowercase();
    patterns
        .iter()
        .any(|pattern| fits(&pattern.to_lowercase(), &user))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demonstration_is_a_scenario() {
        let demo = Scenario::demo().unwrap();
        assert!(demo.lacks("PF3-UNKNOWN") && !demo.lacks("PF3"));
        assert_eq!(demo.quota.writes, Some(80));
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = Scenario::parse("speed = 1").unwrap_err();
        let text = std::error::Error::source(&error).unwrap().to_string();
        assert!(text.contains("speed"), "{text}");
    }
}
