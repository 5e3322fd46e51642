//! Looking for jobs: pages by key, bounded whatever is asked.
//!
//! What is asked becomes one or a few *walks*: each goes along an index in the order of the page, a
//! stretch at a time, and tests what the index does not bear. Where an index leads to few jobs all
//! are gathered and sorted. A page looks at no more than `LOOKED_AT` rows: what is rarer than that
//! comes with a cursor that says how far the search has come, and goes on from there. Indexes over
//! what never changes are on `job_keys`, apart from the jobs, so that they cost the drain nothing.

mod act;
mod count;
mod cursor;
mod dead_letters;
mod fill;
mod gather;
mod page;
mod plan;
mod resolve;
mod sort;
mod sql;
mod test;
mod walk;

pub use act::{ActedOn, JobSelection};
pub use count::{JobCount, JobsMeant};
pub use cursor::{JobCursor, JobCursorError};
pub use dead_letters::{DeadGroup, DeadSelection, FoundWithOthers};
pub use page::{FoundJobs, JobSearch, Seek};
pub use sort::JobSort;

/// Rows that one page looks at, at most: some 5 ms.
const LOOKED_AT: u64 = 9_000;

/// Rows that are looked at for what is to be said at once.
const GLANCED_AT: u64 = 1_000;

/// An index that leads to no more jobs than this is read to its end, and its jobs are sorted.
const GATHERED: i64 = 10_000;
