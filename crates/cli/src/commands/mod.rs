//! One module a subcommand.

mod audit;
mod campaign;
mod check;
mod config;
mod dashboard;
mod dead;
mod enqueue;
mod export;
mod inventory;
mod job;
mod jobs;
mod ledger;
mod login;
mod logout;
mod notify;
mod plan;
mod prune;
mod refused;
mod report;
mod rollback;
mod run;
mod simulate;
mod status;
mod token;
mod user;
mod verify;
mod worker;

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::app::App;
use crate::args::{Arguments, CampaignCommand, Command};
use crate::terminal::exit::Exit;
use crate::terminal::logging;

/// Runs what the command line asks for.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<Exit> {
    if let Command::Completions { shell } = &arguments.command {
        let mut command = Arguments::command();
        clap_complete::generate(*shell, &mut command, "repilot", &mut std::io::stdout());
        return Ok(Exit::Done);
    }
    if let Command::ManPages { folder } = &arguments.command {
        clap_mangen::generate_to(Arguments::command(), folder)
            .with_context(|| format!("cannot write manual pages into {}", folder.display()))?;
        return Ok(Exit::Done);
    }
    if let Command::Config(crate::args::ConfigCommand::Default) = &arguments.command {
        return Ok(config::default());
    }
    let mut app = App::new(&arguments.global)?;
    // `run` decides for itself: beside a progress bar its log goes to a file.
    if !matches!(arguments.command, Command::Run(_)) {
        logging::start(&app.settings.log, None)?;
    }
    match arguments.command {
        Command::Run(arguments) => run::run(&mut app, &arguments).await,
        Command::Login(arguments) => login::run(&app, &arguments).await,
        Command::Logout(arguments) => logout::run(&app, &arguments).await,
        Command::Plan(arguments) => plan::run(&mut app, &arguments).await,
        Command::Enqueue(arguments) => enqueue::run(&mut app, &arguments).await,
        Command::Inventory(command) => inventory::run(&app, &command).await,
        Command::Worker(arguments) => worker::run(&app, &arguments).await,
        Command::Dashboard(arguments) => dashboard::run(&app, &arguments).await,
        Command::User(command) => user::run(&app, &command).await,
        Command::Token(command) => token::run(&app, &command).await,
        Command::Status(arguments) => status::run(&app, &arguments).await,
        Command::Jobs(arguments) => jobs::run(&app, &arguments).await,
        Command::Refused(arguments) => refused::run(&app, &arguments).await,
        Command::Job(arguments) => job::run(&app, &arguments).await,
        Command::Dead(command) => dead::run(&app, &command).await,
        Command::Report(arguments) => report::run(&app, &arguments).await,
        Command::Notify(command) => notify::run(&app, &command).await,
        Command::Verify(arguments) => verify::run(&app, &arguments).await,
        Command::Rollback(arguments) => rollback::run(&app, &arguments).await,
        Command::Prune(arguments) => prune::run(&app, &arguments).await,
        Command::Audit(command) => audit::run(&app, &command).await,
        Command::Campaign(CampaignCommand::List { tenant }) => status::list(&app, tenant).await,
        Command::Campaign(command) => campaign::run(&app, &command).await,
        Command::Export(arguments) => export::run(&app, &arguments).await,
        Command::Simulate(arguments) => simulate::run(&app, &arguments).await,
        Command::Ledger(command) => ledger::run(&app, &command).await,
        Command::Check(arguments) => check::run(&app, &arguments).await,
        Command::Config(_) => config::show(&app),
        Command::Completions { .. } | Command::ManPages { .. } => Ok(Exit::Done),
    }
}
