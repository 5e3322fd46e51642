//! A PostgreSQL server.

/// A PostgreSQL server.
#[derive(Debug)]
pub struct Postgres;
