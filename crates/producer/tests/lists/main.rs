//! Lists as administrators have them, and what the plan makes of them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(
    clippy::format_collect,
    reason = "the XML of a test is short, and reads best in one piece"
)]

mod formats;
mod near;
mod oracle;
mod packed;
mod plans;
mod rejects;
mod sheets;
mod support;
mod tables;
mod users;
mod workbook;
