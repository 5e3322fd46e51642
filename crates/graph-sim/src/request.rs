//! A call of a tenant, apart from the wire that it came by.

use crate::fault::On;

/// A call, as the wire understood it.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    List {
        skip: usize,
        top: usize,
        contains: Option<String>,
        count: bool,
    },
    Count,
    Look {
        id: String,
    },
    Act {
        id: String,
    },
    Assign {
        id: String,
        user: String,
        name: String,
    },
    User {
        name: String,
    },
}

impl Request {
    pub(crate) fn is_write(&self) -> bool {
        matches!(self, Self::Act { .. } | Self::Assign { .. })
    }

    pub(crate) const fn on(&self) -> On {
        match self {
            Self::List { .. } | Self::Count => On::List,
            Self::Look { .. } => On::Look,
            Self::Act { .. } => On::Unassign,
            Self::Assign { .. } => On::Assign,
            Self::User { .. } => On::User,
        }
    }
}
