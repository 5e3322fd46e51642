//! Where Redis is, and how it is reached: for the wire and for the budgets alike.

mod address;
mod connect;

pub use address::{AddressError, RedisAddress};
pub use connect::PATIENCE;
