//! The whole program, as a user runs it, against a simulated Graph.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod after_others;
mod aftermath;
mod answers;
mod api;
mod audit;
mod bad_input;
mod campaigns;
mod certificates;
mod controls;
mod crashes;
mod dead_letters;
#[cfg(unix)]
mod identity_providers;
mod in_doubt;
mod inventory;
#[cfg(unix)]
mod ledgers;
mod look;
#[cfg(unix)]
mod network;
mod notify;
mod plans;
mod reassign;
mod reassign_breaks;
#[cfg(unix)]
mod rollbacks;
mod searches;
mod shared;
#[cfg(unix)]
mod shared_controls;
mod sightings;
mod sign_in;
mod standing;
#[cfg(unix)]
mod strangers;
mod tenants;
mod without_user;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_repilot-under-test");
