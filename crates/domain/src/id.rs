//! What things are called.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A campaign's number in its ledger.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(transparent)]
pub struct CampaignId(pub i64);

/// A job's number in its ledger: what `repilot job` takes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(transparent)]
pub struct JobId(pub i64);

impl std::fmt::Display for CampaignId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

impl std::fmt::Display for JobId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The id of a Windows Autopilot device identity: the one that Graph's route needs.
///
/// Kept as Graph gave it (a GUID in lower case, so far as anybody has seen).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct DeviceId(pub String);

impl DeviceId {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for DeviceId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A worker process, for as long as it runs: host, process id and something by chance.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct WorkerId(pub String);

impl std::fmt::Display for WorkerId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The name that the settings give a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(transparent)]
pub struct TenantName(String);

/// A tenant's name that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no tenant name: use 1 to 64 letters, digits, `.`, `_` and `-`")]
pub struct TenantNameError(String);

/// Long enough for a domain or a GUID, short enough for a table's column.
const TENANT_NAME_MAX_CHARS: usize = 64;

impl TenantName {
    /// Takes 1 to 64 letters, digits, `.`, `_` and `-`.
    pub fn new(name: &str) -> Result<Self, TenantNameError> {
        let fits = !name.is_empty() && name.len() <= TENANT_NAME_MAX_CHARS;
        let plain = name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        if fits && plain {
            Ok(Self(name.to_owned()))
        } else {
            Err(TenantNameError(name.to_owned()))
        }
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for TenantName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(&self.0)
    }
}

impl std::str::FromStr for TenantName {
    type Err = TenantNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl<'de> Deserialize<'de> for TenantName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(&name).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_name_is_1_to_64_plain_characters() {
        assert!(TenantName::new("contoso.onmicrosoft.com").is_ok());
        assert!(TenantName::new(&"a".repeat(TENANT_NAME_MAX_CHARS)).is_ok());
        for bad in [
            "",
            "con toso",
            "a/b",
            &"a".repeat(TENANT_NAME_MAX_CHARS + 1),
        ] {
            assert!(TenantName::new(bad).is_err(), "{bad}");
        }
    }
}
