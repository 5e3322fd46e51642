//! What keeps a ledger sound and small: copies, checks, pruning.

pub(crate) mod copy;
pub(crate) mod integrity;
pub(crate) mod prune;

pub use copy::Copied;
pub use integrity::{Integrity, Miscount};
pub use prune::{Forgettable, Forgotten};
