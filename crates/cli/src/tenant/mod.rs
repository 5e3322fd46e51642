//! Tenants: their credentials and sign-ins, and reading what they have.

pub(crate) mod credentials;
pub(crate) mod sign_ins;
pub(crate) mod tenants;
