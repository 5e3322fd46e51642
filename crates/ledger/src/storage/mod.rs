//! The databases: where a ledger is, its connections, transactions, locks, migrations and what differs between `SQLite` and PostgreSQL.

pub(crate) mod commit_marks;
pub(crate) mod dialect;
pub(crate) mod file;
pub(crate) mod location;
pub(crate) mod locks;
pub(crate) mod migrations;
pub(crate) mod pools;
pub(crate) mod rows;
pub(crate) mod sequences;
pub(crate) mod tables;
pub(crate) mod transaction;

pub use location::{LedgerLocation, PostgresUrl};
