//! Dispatch from the ledger, and the apalis wire.
