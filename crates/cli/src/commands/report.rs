//! `report`: one page for the record of a change.

use std::io::{BufWriter, Write};

use crate::app::{self, App};
use crate::args::ReportArguments;
use crate::report::{self, Html, Markdown, Page};
use crate::terminal::exit::Exit;
use crate::terminal::failure::Failure;
use crate::terminal::output::{reader_has_gone, say};
use crate::terminal::private;

pub(crate) async fn run(app: &App, arguments: &ReportArguments) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger_to_look().await?;
    let campaign = app::campaign_now(app, &ledger, &arguments.campaign).await?;
    let out: Box<dyn Write + Send> = match &arguments.output {
        None => Box::new(std::io::stdout()),
        Some(path) => {
            let created = private::create(path).map_err(|error| {
                Failure::error(
                    format!("cannot write {}: {error}", path.display()),
                    "does the folder exist, and is it yours?",
                )
            })?;
            Box::new(created)
        }
    };
    let out = BufWriter::new(out);
    let mut page: Box<dyn Page + Send> = if arguments.markdown {
        Box::new(Markdown(out))
    } else {
        Box::new(Html(out))
    };
    match report::write(page.as_mut(), &ledger, &campaign, app.now()).await {
        Err(error) if reader_has_gone(&error) => {}
        written => written?,
    }
    if let Some(path) = &arguments.output {
        say(&format!("written to {}", path.display()));
    }
    ledger.close().await;
    Ok(Exit::Done)
}
