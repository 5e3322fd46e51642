//! Device list to plan to ledger.
