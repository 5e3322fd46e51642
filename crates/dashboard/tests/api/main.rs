//! The REST API over real sockets: what it says, to whom, and what it refuses.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "the other tests use the rest")]
#[path = "../access/harness.rs"]
mod harness;

mod calls;
mod description;
mod metrics;
mod refusals;
mod support;
