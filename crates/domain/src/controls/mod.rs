//! What holds a campaign back: how it starts, when it stops by itself, when it may run, how fast.

mod canary;
mod changes;
mod forecast;
mod max_failures;
mod moment;
mod pause_cause;
mod priority;
mod rate;
mod schedule;
mod settings;
mod share;
mod sighted_within;
mod window;
mod windows_zone;
mod zone;
mod zones;

pub use canary::{Canary, CanaryPhase, Stratum, spread};
pub use changes::{Change, ControlChanges};
pub use forecast::{End, Forecast, Limit, Work};
pub use max_failures::{MaxFailures, RECENT_OUTCOMES, kind_of};
pub use moment::{check_moment, moment_in};
pub use pause_cause::PauseCause;
pub use priority::Priority;
pub use rate::Rate;
pub use schedule::{Schedule, ScheduleState, Stretch};
pub use settings::Controls;
pub use share::Share;
pub use sighted_within::{SightedWithin, is_fresh};
pub use window::Windows;
pub use zone::Zone;
pub use zones::Zones;

/// A control that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}: {why}")]
pub struct ControlError {
    what: &'static str,
    text: String,
    why: String,
}

impl ControlError {
    /// A deadline that has passed already: it would stop the campaign at once.
    #[must_use]
    pub fn past_deadline(deadline: crate::Timestamp) -> Self {
        Self::new(
            "deadline",
            &deadline.to_string(),
            "it has passed; give a later one, or none",
        )
    }

    pub(crate) fn new(what: &'static str, text: &str, why: impl Into<String>) -> Self {
        Self {
            what,
            text: text.to_owned(),
            why: why.into(),
        }
    }
}

/// One spelling for the ledger, `--json` and the command line: what `Display` says and `FromStr` reads.
macro_rules! as_text {
    ($type:ident) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some("As on the command line."))
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
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
use as_text;
