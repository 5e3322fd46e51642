//! What the wire promises, within a process and over a real Redis.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bounds;
mod conformance;
mod dispatching;
mod figures;
mod harness;
mod outages;
mod sharing;
