//! What a person or a token may do.

use crate::words;

/// What a person or a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Looks, and changes nothing.
    Viewer,
    /// Steers campaigns as well, and says who else may.
    Operator,
}

words!(Role, "role", {
    Viewer => "viewer",
    Operator => "operator",
});

impl Role {
    /// Whether whoever has this role may do what `needed` may.
    #[must_use]
    pub fn covers(self, needed: Self) -> bool {
        self >= needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_may_what_a_viewer_may_and_not_the_other_way_round() {
        assert!(Role::Operator.covers(Role::Viewer));
        assert!(Role::Operator.covers(Role::Operator));
        assert!(Role::Viewer.covers(Role::Viewer));
        assert!(!Role::Viewer.covers(Role::Operator));
    }
}
