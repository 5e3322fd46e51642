//! `jobs`: what a search finds among a campaign's jobs, or all.

use crate::app::App;
use crate::args::JobsArguments;
use crate::campaign::job_list;
use crate::terminal::exit::Exit;

pub(crate) async fn run(app: &App, arguments: &JobsArguments) -> anyhow::Result<Exit> {
    job_list::show(app, arguments, "").await
}
