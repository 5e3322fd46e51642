//! Everything that holds a campaign back.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Canary, MaxFailures, Priority, Rate, Schedule, Share, SightedWithin};

/// Everything that holds a campaign back; by default nothing does.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Controls {
    /// These go first; then it waits.
    pub canary: Option<Canary>,
    /// It does not wait if at least this share of them succeeded.
    pub canary_auto: Option<Share>,
    /// It stops by itself at so many dead letters.
    pub max_failures: Option<MaxFailures>,
    /// When it may run.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// Before or after which others of its tenant it goes.
    pub priority: Priority,
    /// How fast it may go, whatever the tenant grants.
    pub rate: Option<Rate>,
    /// How old a look or a listing may be when a device is called.
    #[serde(default)]
    pub sighted_within: SightedWithin,
}
