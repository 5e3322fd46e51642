//! The dashboard in a real browser: headless Chromium, driven through its own driver.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod afterwards;
mod door;
mod harness;
mod journey;
mod looks;
mod sign_in;
