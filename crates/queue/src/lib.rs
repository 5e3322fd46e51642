//! Dispatch and the wire: job ids travel from the ledger to workers, bounded and disposable.
//!
//! The wire is apalis: its in-memory backend within one process, `apalis-redis` across processes.
//! It carries ids only, and always hears of success: retries, backoff and dead letters are the
//! ledger's. If the wire is lost, leases run out and the jobs are dispatched again.

mod delivery;
mod dispatcher;
mod handler_pool;
mod health;
mod memory;
mod shared;
mod wire;

pub use delivery::{Delivery, Slots};
pub use dispatcher::{DispatchError, Dispatcher, TakenUp};
pub use health::WireHealth;
pub use wire::{Receiver, Wire, WireError};
