//! What pages are put together from.

mod bar;
mod number;
mod when;

pub(crate) use bar::{bar, done};
pub(crate) use number::count;
pub(crate) use when::ago;
