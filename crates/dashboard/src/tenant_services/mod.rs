//! What needs a tenant, and is handed in by the program: planning lists, verifying, rolling back.

pub(crate) mod plan_list;
pub(crate) mod verify_and_rollback;

pub use plan_list::{Deed, Held, ListPlan, Lists, Refused, UploadedList};
pub use verify_and_rollback::{
    Progress, RollbackMeant, RollbackPlan, RolledBack, VerificationReport, Verify,
    VerifyAndRollback,
};
