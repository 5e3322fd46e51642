//! A tenant's devices: as Graph listed them, as each was last seen, and as verifying found them.

mod listing;
mod listing_claim;
mod sighting;
mod verify;

pub use listing::Listing;
pub use sighting::{ListingCost, Seen, Sighting, SightingNeed, SightingRule};
pub use verify::Verifiable;

pub(crate) use sighting::{go_round_again, keep_seen, must_look, rule};
