//! What a client is made for.

use std::time::Duration;

use crate::{GraphRoot, SetupError};

/// Graph's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ApiVersion {
    /// What Microsoft recommends.
    #[default]
    V1,
    /// Where the longer route exists.
    Beta,
}

impl ApiVersion {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1.0",
            Self::Beta => "beta",
        }
    }
}

/// Which of the action's two routes is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Route {
    /// `…/windowsAutopilotDeviceIdentities/{id}/unassignUserFromDevice`.
    #[default]
    Identity,
    /// `…/{id}/deploymentProfile/assignedDevices/{id}/unassignUserFromDevice`; beta alone.
    DeploymentProfile,
}

/// What a client is made for.
#[derive(Debug, Clone)]
pub struct GraphSettings {
    /// Where Graph is.
    pub root: GraphRoot,
    /// Which version.
    pub version: ApiVersion,
    /// Which route.
    pub route: Route,
    /// How long a call may take before its outcome counts as unknown.
    pub timeout: Duration,
}

impl GraphSettings {
    pub(crate) fn check(&self) -> Result<(), SetupError> {
        match (self.version, self.route) {
            (ApiVersion::V1, Route::DeploymentProfile) => Err(SetupError::RouteNeedsBeta),
            (ApiVersion::V1 | ApiVersion::Beta, _) => Ok(()),
        }
    }
}
