//! What a ledger promises, on every database that it may be in.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::panic, reason = "a test that cannot go on fails")]
#![expect(clippy::cast_possible_wrap, reason = "the tests' counts are small")]

#[macro_use]
mod database;

mod access;
mod acts;
mod after_others;
mod aftermath;
mod ahead;
mod audit;
mod bench;
mod call_times;
mod campaigns;
mod claims;
mod concurrency;
mod controls;
#[cfg(unix)]
mod copies;
mod dead;
mod enqueue;
mod file;
mod in_doubt;
mod integrity;
mod leases;
mod listings;
mod migrations;
mod notify_cursors;
#[cfg(unix)]
mod outages;
mod search;
mod sightings;
mod steps;
mod without_user;
