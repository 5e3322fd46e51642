//! What commands do with campaigns: their controls, enqueueing, rolling back, verifying, and what is said of them.

pub(crate) mod control_args;
pub(crate) mod enqueue;
pub(crate) mod give_back;
pub(crate) mod job_list;
pub(crate) mod outcome;
pub(crate) mod rollback;
pub(crate) mod several;
pub(crate) mod summary;
pub(crate) mod verification;
pub(crate) mod without_user;
