//! Plans: what a list would have done and refused, kept in files, told in words, asked about.

pub(crate) mod check_users;
pub(crate) mod controls_text;
pub(crate) mod file;
pub(crate) mod least_time;
pub(crate) mod lists;
pub(crate) mod made;
pub(crate) mod make;
pub(crate) mod question;
pub(crate) mod target;
pub(crate) mod text;
