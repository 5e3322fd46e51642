//! `refused`: the rows of a campaign's lists that became no job, and why.

use crate::app::{self, App};
use crate::args::RefusedArguments;
use crate::terminal::exit::Exit;
use crate::terminal::output::{plain, print, print_json, rendered, table};

pub(crate) async fn run(app: &App, arguments: &RefusedArguments) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger_to_look().await?;
    let campaign = app::campaign(&ledger, &arguments.campaign).await?;
    let refusals = ledger.refusals(campaign.id).await?;
    if app.json {
        print_json(&refusals)?;
        return Ok(Exit::Done);
    }
    if refusals.is_empty() {
        print("no row was refused");
        return Ok(Exit::Done);
    }
    let mut rows = table(&["LIST", "LINE", "VALUE", "REASON", "BECAUSE"]);
    for recorded in &refusals {
        let refusal = &recorded.refusal;
        rows.add_row([
            plain(&recorded.list),
            refusal.line.to_string(),
            plain(&refusal.value),
            refusal.reason.clone(),
            plain(&refusal.detail),
        ]);
    }
    print(&rendered(&rows));
    Ok(Exit::Done)
}
