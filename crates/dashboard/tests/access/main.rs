//! Who gets in, over real sockets, and what they can do there.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "the API's tests use the rest")]
mod harness;
mod links;
mod oidc;
mod passwords;
mod provider;
mod requests;
mod strangers;
mod tls;
