//! What a dashboard is handed: how it serves, plans of lists, verifying and rolling back.

pub(crate) mod options;
pub(crate) mod plan_list;
pub(crate) mod serve;
pub(crate) mod verify_and_rollback;
