//! The pages.

pub(crate) mod campaigns;
mod layout;

pub(crate) use layout::{Here, bare, capitalised, hop, page};
