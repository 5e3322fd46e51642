//! The two budgets that a tenant has.

use crate::words;

/// Which of a tenant's budgets: Graph counts writes apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LaneKind {
    /// POST, PUT, PATCH and DELETE.
    Writes,
    /// GET.
    Reads,
}

words!(LaneKind, "kind of lane", {
    Writes => "writes",
    Reads => "reads",
});
