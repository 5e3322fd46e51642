//! How long a worker may hold a job without a sign of life.

use std::time::Duration;

/// No lease is promised for longer: one that ends later was given before a clock was set back.
pub(crate) const LEASE_MAX: Duration = Duration::from_mins(1);
