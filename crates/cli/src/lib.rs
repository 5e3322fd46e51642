//! The program: one module a subcommand; settings become objects here and nowhere else.

mod actor;
mod app;
mod args;
mod campaign;
mod commands;
mod dashboard_services;
#[cfg(test)]
mod documentation;
mod drain;
mod help;
mod inventory;
mod plan;
mod profile;
mod report;
mod settings;
mod standings;
mod tenant;
mod terminal;
mod zone_database;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Arguments;
use crate::terminal::exit::Exit;
use crate::terminal::output;

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
