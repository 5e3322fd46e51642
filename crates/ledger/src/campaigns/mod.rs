//! Campaigns as a whole: their rows, what steers them, what stops and ends them, how they stand.

pub(crate) mod breaker;
pub(crate) mod callable;
pub(crate) mod campaign;
pub(crate) mod canary;
pub(crate) mod cancel;
pub(crate) mod controls;
pub(crate) mod ending;
pub(crate) mod lifecycle;
pub(crate) mod pause;
mod rate;
mod sign_in;
mod standings;

pub use campaign::{Campaign, CampaignCounts, CampaignList, NewCampaign, OpenedCampaign};
pub use rate::RatedCampaign;
pub use standings::{HEARD_WITHIN, StandingCampaign, Surroundings, standings, worker_notices};
