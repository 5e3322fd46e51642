//! Pages that stay true by themselves.
//!
//! However many pages are open, the ledger is asked once a second for what all of them show
//! (`overview_cache`), and once a second for each view beyond that, and only while somebody looks.
//! What changed of a page is sent to it by server-sent events, section by section.

mod hub;
mod overview;
mod overview_cache;
mod pace;
mod stream;
mod streams;

pub(crate) use overview::Overview;
pub(crate) use overview_cache::OverviewCache;
pub(crate) use stream::stream;
pub(crate) use streams::Streams;
