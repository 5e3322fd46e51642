//! The lane: a tenant's budget, its gate, and what it learns of the granted rate.
