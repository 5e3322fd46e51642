//! The lane: how fast one tenant may be called, and when not at all.
//!
//! A pure core (budget, gate, estimate, pacer) that is told the time, within a thin asynchronous
//! shell, [`Lane`]. It knows nothing of jobs, HTTP or SQL. A lane belongs to one process, or its
//! state lives in Redis and all processes of a tenant share it: the core is the same.
//!
//! - **Budget**: at most the limit in any sliding window, used to the full. The server counts
//!   arrivals, which nobody here can see: a slot is free a window after its *answer*.
//! - **Gate**: one 429 closes the lane for everybody, for Retry-After or a backoff with jitter.
//!   Calls that left before the gate closed and are throttled, too, belong to the same event.
//! - **Estimate**: what the tenant really grants. What went through in the window before a throttle
//!   is the measure; from there it probes upwards, gently, and less often after each failure.

mod budget;
mod core;
mod estimate;
mod gate;
mod lane;
mod local;
mod pacer;
mod settings;
mod shared;
mod snapshot;
mod state;

pub use crate::core::{Answer, Core, Grant, Refusal};
pub use lane::{Lane, Permit};
pub use settings::{CallHistory, LaneSeed, LaneSettings, SeededCall};
pub use shared::SharedBudgets;
pub use snapshot::{GateCause, GateState, LaneSnapshot};
pub use state::CoreState;
