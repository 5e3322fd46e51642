//! Serving: what strangers' connections may cost.

mod connections;
mod files;

pub(crate) use connections::{Bounded, Connections};
pub(crate) use files::{report_refused_connection, room_for_connections};
