//! How long a worker may hold a job without a sign of life.

use std::time::Duration;

/// How long what a process holds stays its own without being renewed: what a killed process leaves behind
/// runs again after as long.
pub const LEASE: Duration = Duration::from_secs(10);

/// No lease is promised for longer: one that ends later was given before a clock was set back.
pub(crate) const LEASE_MAX: Duration = Duration::from_mins(1);
