//! The client over real sockets: what is sent, and what each answer becomes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod calls;
mod harness;
mod inventory;
mod lost_answers;
