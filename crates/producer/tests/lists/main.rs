//! Lists as administrators have them, and what the plan makes of them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod formats;
mod near;
mod plans;
mod rejects;
mod sheets;
mod support;
mod tables;
mod users;
mod workbook;
