//! Whether the wire carries.

use repilot_domain::Timestamp;

/// Whether a process can take deliveries from the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireHealth {
    /// It can.
    Up {
        /// How often it could not before. Each time, what was on the wire may have been lost.
        outages: u64,
    },
    /// It cannot; it tries again all the time.
    Down {
        /// Since when.
        since: Timestamp,
        /// Why, in words.
        why: String,
    },
}
