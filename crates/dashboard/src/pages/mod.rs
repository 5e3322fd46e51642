//! What stands around pages, and pages of their own.

mod done;
mod layout;

pub(crate) use done::Done;
pub(crate) use layout::{Here, bare, capitalised, hop, live, page};
