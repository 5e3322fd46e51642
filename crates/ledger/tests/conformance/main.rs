//! What a ledger promises, on a real database.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::cast_possible_wrap, reason = "the tests' counts are small")]

mod bench;
mod campaigns;
mod claims;
mod dead;
mod enqueue;
mod file;
mod leases;
