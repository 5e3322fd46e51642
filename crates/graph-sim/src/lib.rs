//! A simulated Microsoft Graph: Autopilot device identities, quotas, faults as data, counters.
//!
//! World and wire are apart: `world` knows devices and quotas and never a socket, `server`
//! speaks HTTP. It shares no type with the client, so that a wrong shape cannot hide on both sides.

mod answer;
mod counters;
mod fault;
mod fleet;
mod quota;
mod request;
mod scenario;
mod server;
mod simulator;
mod world;

pub use counters::Counters;
pub use fault::{BodyShape, Fault, FaultKind, On};
pub use fleet::{DeviceState, Fleet};
pub use quota::RetryAfter;
pub use scenario::{Latency, Quota, QuotaChange, Scenario, ScenarioError};
pub use simulator::Simulator;
