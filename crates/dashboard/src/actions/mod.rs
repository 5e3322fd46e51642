//! What people do on pages: to campaigns, jobs, controls, tokens, uploads; each takes an `Act`, which proves who sent it.

pub(crate) mod campaign;
pub(crate) mod controls;
pub(crate) mod held;
pub(crate) mod jobs;
pub(crate) mod several;
pub(crate) mod tokens;
pub(crate) mod upload;
pub(crate) mod verify_and_rollback;
pub(crate) mod without_user;
