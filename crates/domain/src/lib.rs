//! The words of the field: devices, campaigns, jobs and their one transition function.
//!
//! Nothing here reads a clock, a file or a socket; everything else depends on it.

mod actor;
mod audit_event;
mod by;
mod campaign;
mod causes;
mod clock;
mod command_line;
mod controls;
mod dead_reason;
mod device;
mod duration;
mod id;
mod job;
mod job_act;
mod job_query;
mod lane;
mod minute_outcome;
mod reading;
mod repair;
mod role;
pub mod standing;
mod state;
mod step;
mod untrusted;
mod user;
mod verification;
mod way_back;

pub use actor::Actor;
pub use audit_event::AuditEvent;
pub use by::By;
pub use campaign::{Action, CampaignStatus};
pub use causes::WithCauses;
pub use clock::{Clock, ManualClock, SyncedClock, SystemClock, Timestamp};
pub use command_line::Shell;
pub use controls::{
    Canary, CanaryPhase, Change, ControlChanges, ControlError, Controls, End, Forecast, Limit,
    MaxFailures, PauseCause, Priority, RECENT_OUTCOMES, Rate, Schedule, ScheduleState, Share,
    SightedWithin, Stratum, Stretch, Windows, Work, Zone, Zones, check_moment, is_fresh, kind_of,
    moment_in, spread,
};
pub use dead_reason::DeadReason;
pub use device::{Device, EnrollmentState};
pub use duration::{DurationError, duration_of};
pub use id::{CampaignId, DeviceId, JobId, TenantName, TenantNameError, WorkerId};
pub use job::{AttemptOutcome, AttemptStep};
pub use job_act::JobAct;
pub use job_query::{JobCondition, JobQuery, JobQueryError, JobTerm, JobText, Pattern, folded};
pub use lane::LaneKind;
pub use minute_outcome::MinuteOutcome;
pub use reading::{HiddenRows, Reading};
pub use repair::{Repair, Repairs};
pub use role::Role;
pub use state::{IllegalTransition, JobEvent, JobState};
pub use step::{Progress, Step, Stepped};
pub use untrusted::untrusted;
pub use user::{UserNameError, check_user_principal_name, is_same_user};
pub use verification::Verification;
pub use way_back::{NoWayBack, Past};

/// A word that the ledger or a caller used for one of the enumerations here, and that none of them knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no {what}; known are {known}")]
pub struct UnknownWord {
    /// What was looked for, as in "job state".
    pub what: &'static str,
    /// The word as it came.
    pub word: String,
    /// The words that would have done.
    pub known: String,
}

/// Gives an enumeration its words: one spelling for the ledger, `--json` and the command line.
macro_rules! words {
    ($type:ident, $what:literal, { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $type {
            /// Every value, in the order in which people read them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it in the ledger, in `--json` and on the command line.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|value| value.as_str() == word)
                    .ok_or_else(|| $crate::UnknownWord {
                        what: $what,
                        word: word.to_owned(),
                        known: Self::ALL.iter().map(|value| value.as_str()).collect::<Vec<_>>().join(", "),
                    })
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some(concat!("A ", $what, ".")))
                    .enum_values(Some(Self::ALL.iter().map(|value| value.as_str())))
                    .into()
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
use words;
