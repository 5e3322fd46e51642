//! The ledger: every campaign, job and attempt, in SQL.
