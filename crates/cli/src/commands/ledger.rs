//! `ledger`: brought up to date, checked, copied.

use repilot_ledger::{Copied, Integrity, Ledger, LedgerLocation};
use serde::Serialize;

use crate::app::App;
use crate::args::LedgerCommand;
use crate::terminal::exit::Exit;
use crate::terminal::failure::Failure;
use crate::terminal::output::{plain, print, print_json, rendered, say, table};

pub(crate) async fn run(app: &App, command: &LedgerCommand) -> anyhow::Result<Exit> {
    match command {
        LedgerCommand::Migrate => migrate(app).await,
        LedgerCommand::Check => check(app).await,
        LedgerCommand::Copy { from, to, force } => copy(app, from, to, *force).await,
    }
}

#[derive(Serialize)]
struct Migrated<'a> {
    ledger: &'a LedgerLocation,
    version: i64,
}

async fn migrate(app: &App) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger().await?;
    let migrated = Migrated {
        ledger: ledger.location(),
        version: ledger.version().await?,
    };
    if app.json {
        print_json(&migrated)?;
    } else {
        let Migrated { ledger, version } = &migrated;
        print(&plain(&format!("{ledger} has version {version}")));
    }
    ledger.close().await;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Checked<'a> {
    ledger: &'a LedgerLocation,
    #[serde(flatten)]
    integrity: &'a Integrity,
}

async fn check(app: &App) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger_to_look().await?;
    let integrity = ledger.check().await?;
    if app.json {
        print_json(&Checked {
            ledger: ledger.location(),
            integrity: &integrity,
        })?;
    } else {
        print(&described(ledger.location(), &integrity));
    }
    ledger.close().await;
    if integrity.is_sound() {
        return Ok(Exit::Done);
    }
    say("hint: keep a copy, then report this with the whole message");
    Ok(Exit::Error)
}

fn described(location: &LedgerLocation, integrity: &Integrity) -> String {
    let mut lines = vec![format!(
        "{location} has version {} and {} jobs",
        integrity.version, integrity.jobs
    )];
    for damage in &integrity.damage {
        lines.push(format!("FAIL  damaged: {damage}"));
    }
    for miscount in &integrity.miscounts {
        let reason = match miscount.reason.as_str() {
            "" => String::new(),
            reason => format!(" ({reason})"),
        };
        lines.push(format!(
            "FAIL  campaign {} counts {} {}{reason}, and has {}",
            miscount.campaign, miscount.counted, miscount.counter, miscount.there
        ));
    }
    if let Some(broken) = &integrity.audit.broken {
        lines.push(format!("FAIL  audit: row {} {}", broken.seq, broken.what));
    }
    if integrity.is_sound() {
        lines.push(
            "ok    whole, its audit as it was recorded, and its counters say what its jobs say"
                .to_owned(),
        );
    }
    let lines: Vec<String> = lines.iter().map(|line| plain(line)).collect();
    lines.join("\n")
}

#[derive(Serialize)]
struct Copy<'a> {
    from: &'a LedgerLocation,
    to: &'a LedgerLocation,
    tables: &'a [Copied],
}

async fn copy(app: &App, from: &str, to: &str, force: bool) -> anyhow::Result<Exit> {
    let [from, to] = [LedgerLocation::parse(from)?, LedgerLocation::parse(to)?];
    if from.path().is_some_and(|path| !path.exists()) {
        return Err(Failure::error(
            format!("there is no ledger {from}"),
            "check the path; the ledger as it is comes first, the empty one second",
        ));
    }
    let source = Ledger::open(&from).await?;
    let target = Ledger::open(&to).await?;
    let tables = source.copy_to(&target, force, app.now()).await?;
    if app.json {
        print_json(&Copy {
            from: &from,
            to: &to,
            tables: &tables,
        })?;
    } else {
        let mut rows = table(&["table", "rows"]);
        for copied in &tables {
            rows.add_row([copied.table.to_owned(), copied.rows.to_string()]);
        }
        print(&rendered(&rows));
        say(&format!(
            "from now on set `[ledger] url` to the copy, {to}; nothing else may go on with {from}"
        ));
    }
    source.close().await;
    target.close().await;
    Ok(Exit::Done)
}
