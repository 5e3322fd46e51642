//! `audit`: who did what, and whether that is still as it was recorded.

use repilot_ledger::{AuditFilter, AuditRow, Chain, Ledger, LedgerLocation};
use serde::Serialize;

use crate::app::{self, App};
use crate::args::{AuditCommand, AuditListArguments};
use crate::terminal::audit_detail::in_words;
use crate::terminal::exit::Exit;
use crate::terminal::output::{moment, plain, print, print_json, rendered, say, table};

/// Rows that people see when they do not say how many.
const SHOWN: u32 = 50;

pub(crate) async fn run(app: &App, command: &AuditCommand) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger_to_look().await?;
    match command {
        AuditCommand::List(arguments) => list(app, &ledger, arguments).await,
        AuditCommand::Verify { head } => verify(app, &ledger, head.as_deref()).await,
    }
}

async fn list(app: &App, ledger: &Ledger, arguments: &AuditListArguments) -> anyhow::Result<Exit> {
    let campaign = match &arguments.campaign {
        Some(name) => Some(app::campaign(ledger, name).await?.id),
        None => None,
    };
    let filter = AuditFilter { campaign };
    let limit = match arguments.limit {
        Some(limit) => limit,
        None if app.json => u32::MAX,
        None => SHOWN,
    };
    let mut rows = ledger.newest_audit(&filter, None, limit).await?;
    rows.reverse();
    if app.json {
        print_json(&rows)?;
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        print("nothing was recorded");
        return Ok(Exit::Done);
    }
    let mut shown = table(&["NO", "WHEN", "WHO", "FROM", "CAMPAIGN", "WHAT", "DETAIL"]);
    for row in &rows {
        shown.add_row(cells(row));
    }
    print(&rendered(&shown));
    if rows[0].seq > 1 && rows.len() == limit as usize {
        say(&format!("the last {limit}; more with --limit N"));
    }
    Ok(Exit::Done)
}

fn cells(row: &AuditRow) -> Vec<String> {
    vec![
        row.seq.to_string(),
        moment(row.at),
        plain(&row.actor),
        plain(&row.origin),
        plain(row.campaign.as_deref().unwrap_or("-")),
        row.event.to_string(),
        plain(&in_words(&row.detail)),
    ]
}

#[derive(Serialize)]
struct Verified<'a> {
    ledger: &'a LedgerLocation,
    #[serde(flatten)]
    chain: &'a Chain,
}

async fn verify(app: &App, ledger: &Ledger, head: Option<&str>) -> anyhow::Result<Exit> {
    let chain = ledger.verify_audit(head).await?;
    if app.json {
        print_json(&Verified {
            ledger: ledger.location(),
            chain: &chain,
        })?;
    } else {
        for line in described(&chain, head) {
            print(&line);
        }
    }
    if chain.is_whole() {
        if head.is_none() && chain.head.is_some() {
            say(
                "hint: keep the head elsewhere, and give it with --head another time: rows that are missing at the end, or a chain that was made anew, show only against it",
            );
        }
        return Ok(Exit::Done);
    }
    say(
        "hint: somebody changed the ledger beside the program, or it was damaged; keep a copy as it is, and compare it with a backup",
    );
    Ok(Exit::Error)
}

fn described(chain: &Chain, kept: Option<&str>) -> Vec<String> {
    let mut lines = Vec::new();
    match &chain.broken {
        Some(broken) => lines.push(format!("FAIL  row {} {}", broken.seq, broken.what)),
        None => lines.push(format!(
            "ok    {} rows, each as it was recorded",
            chain.rows
        )),
    }
    match (kept, chain.has_kept_head) {
        (Some(kept), Some(true)) => lines.push(format!("ok    {} is in the chain", plain(kept))),
        (Some(kept), _) => lines.push(format!("FAIL  {} is not in the chain", plain(kept))),
        (None, _) => {}
    }
    if let Some(head) = &chain.head {
        lines.push(format!("head  {head}"));
    }
    lines
}
