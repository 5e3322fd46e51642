//! Who gets in, over real sockets, and what they can do there.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod harness;
mod links;
mod passwords;
mod requests;
