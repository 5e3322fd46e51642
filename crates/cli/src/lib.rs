//! The program: one module a subcommand; settings become objects here and nowhere else.

mod actor;
mod afterwards;
mod app;
mod args;
mod browser;
mod commands;
mod control_args;
mod credentials;
mod dashboard_options;
mod deed;
mod directory;
#[cfg(test)]
mod documentation;
mod drain;
mod enqueue;
mod exit;
mod failure;
mod help;
mod inventory;
mod least_time;
mod live_tenants;
mod logging;
mod notify;
mod output;
mod plan_file;
mod plan_text;
mod planning;
mod private;
mod profile;
mod progress;
mod reading;
mod report;
mod rollback;
mod settings;
mod sign_ins;
mod standings;
mod summary;
mod target;
mod tenants;
mod uploads;
mod verification;
mod without_user;
mod zone_database;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Arguments;
use crate::exit::Exit;

/// A job is many small allocations, most of them given back on another thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Parses the command line, runs it, and says how it went.
#[must_use]
pub fn main() -> ExitCode {
    // Options may name zones.
    zone_database::install();
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let exit = match runtime {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(error) => {
            output::complain(&error.into());
            Exit::Error
        }
    };
    exit.into()
}

async fn run(arguments: Arguments) -> Exit {
    match Box::pin(commands::run(arguments)).await {
        Ok(exit) => exit,
        Err(error) => {
            output::complain(&error);
            Exit::Error
        }
    }
}
