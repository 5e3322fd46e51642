//! What pages are put together from.

mod bar;
mod chart;
mod figures;
mod form;
mod number;
mod segment;
mod table;
mod when;

pub(crate) use bar::{bar, done};
pub(crate) use chart::chart;
pub(crate) use figures::unchanged;
pub(crate) use form::{Form, chip};
pub(crate) use number::{count, devices, per_second};
pub(crate) use segment::{decoded, encoded};
pub(crate) use table::{empty, fact, wide};
pub(crate) use when::{ago, clock, moment};
