//! `verify`: the jobs that succeeded, held against the inventory as it is now.

use std::collections::BTreeMap;
use std::time::Duration;

use repilot_domain::{Timestamp, Verification};
use repilot_ledger::{Campaign, Ledger, LedgerError, Verifiable};
use serde::Serialize;

use crate::app::{self, App};
use crate::args::VerifyArguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::inventory::{self, Freshness};
use crate::output::{lasting, moment, print, print_json, say};
use crate::{drain, tenants};

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    campaign: String,
    /// The inventory is no younger.
    listed_at: Timestamp,
    /// Jobs that succeeded, by what it says of them.
    verification: BTreeMap<String, i64>,
    /// Jobs that succeeded too short a time before it.
    too_young: i64,
    /// Jobs that go round again.
    requeued: u64,
}

pub(crate) async fn run(app: &App, arguments: &VerifyArguments) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger_to_look().await?;
    let campaign = app::campaign(&ledger, &arguments.campaign).await?;
    must_be_known(&campaign)?;
    let after = arguments.after.0;
    let ready = ready(app, &ledger, &campaign, arguments).await?;
    if ready.old_enough == 0 {
        let why = if ready.too_young == 0 {
            "no job has succeeded yet".to_owned()
        } else {
            format!(
                "each of the {} jobs succeeded less than {} ago, and Graph shows effects late; --wait waits",
                ready.too_young,
                lasting(after)
            )
        };
        say(&format!("nothing to verify: {why}"));
        return Ok(Exit::Paused);
    }
    let tenant = tenants::build(&app.settings, &app.clock, &campaign.tenant)?;
    let listing = inventory::list(app, &ledger, &tenant, Freshness::Anew).await?;
    let until = listing.begun_at.before(after);
    let verified = ledger
        .verify(campaign.id, &listing, until, &app.actor, app.now())
        .await;
    let users = match verified {
        Err(LedgerError::Contended) => {
            return Err(Failure::error(
                "the campaign or the inventory changed while it was being verified",
                "run the same command again",
            ));
        }
        verified => verified?,
    };
    if users == 0 {
        say(
            "the inventory shows no user on any device of the tenant: that may be true, or Graph does not show users there",
        );
    }
    let requeued = if arguments.requeue {
        ledger.reopen(campaign.id, &app.actor, app.now()).await?
    } else {
        0
    };
    let too_young = ledger.verifiable(campaign.id, until).await?.too_young;
    let campaign = app::campaign(&ledger, &arguments.campaign).await?;
    let report = Report {
        campaign: campaign.name.clone(),
        listed_at: listing.begun_at,
        verification: campaign.counts.verification.clone(),
        too_young,
        requeued,
    };
    if app.json {
        print_json(&report)?;
    } else {
        print(&described(app, &campaign, &report, after)?);
    }
    ledger.close().await;
    Ok(exit(&report))
}

/// Of a campaign that was forgotten, or whose Graph is gone, nothing can be verified.
fn must_be_known(campaign: &Campaign) -> anyhow::Result<()> {
    if let Some(pruned_at) = campaign.pruned_at {
        return Err(Failure::error(
            format!(
                "the jobs of campaign `{}` were forgotten on {}",
                campaign.name,
                moment(pruned_at)
            ),
            "its totals, its verification and its audit are kept: `repilot report` shows them",
        ));
    }
    if campaign.tenant.as_str() == tenants::SIMULATED {
        return Err(Failure::error(
            format!(
                "campaign `{}` was a rehearsal, and its simulated Graph is gone",
                campaign.name
            ),
            "rehearse against `repilot simulate`, which stays up",
        ));
    }
    Ok(())
}

/// How much there is to verify; with `--wait` when all of it is old enough.
async fn ready(
    app: &App,
    ledger: &Ledger,
    campaign: &Campaign,
    arguments: &VerifyArguments,
) -> anyhow::Result<Verifiable> {
    let after = arguments.after.0;
    loop {
        let now = app.now();
        let ready = ledger.verifiable(campaign.id, now.before(after)).await?;
        let Some(last_at) = ready.last_at else {
            return Ok(ready);
        };
        if ready.too_young == 0 || !arguments.wait {
            return Ok(ready);
        }
        let due = last_at.after(after);
        let wait = due.since(now).max(Duration::from_millis(1));
        say(&format!(
            "{} jobs succeeded less than {} ago; waiting {}",
            ready.too_young,
            lasting(after),
            lasting(wait)
        ));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = drain::interrupted() => return Ok(ready),
        }
    }
}

fn described(
    app: &App,
    campaign: &Campaign,
    report: &Report,
    after: Duration,
) -> anyhow::Result<String> {
    let mut lines = vec![format!(
        "Campaign {}, held against the inventory of {}",
        campaign.name,
        moment(report.listed_at)
    )];
    for found in Verification::ALL {
        if let Some(jobs) = report.verification.get(found.as_str()) {
            lines.push(format!("  {jobs:>7}  {}", found.words()));
        }
    }
    if report.too_young > 0 {
        lines.push(format!(
            "  {:>7}  succeeded less than {} before it: not judged yet",
            report.too_young,
            lasting(after)
        ));
    }
    let (command, name) = (app.command()?, app::quoted(&campaign.name));
    if report.requeued > 0 {
        lines.push(format!(
            "{} jobs go round again; to drain them: {}",
            report.requeued,
            app.how_to_drain(campaign)?
        ));
    } else if again(report) > 0 {
        lines.push(format!(
            "each one   {command} jobs {name} --verification still-assigned"
        ));
        lines.push(format!("requeue    {command} verify {name} --requeue"));
    }
    Ok(lines.join("\n"))
}

/// Jobs that may be done again.
fn again(report: &Report) -> i64 {
    let may = |found: &&Verification| found.may_be_done_again();
    let count = |found: &Verification| report.verification.get(found.as_str());
    Verification::ALL.iter().filter(may).filter_map(count).sum()
}

fn exit(report: &Report) -> Exit {
    let verified = Verification::Verified.as_str();
    let others = report.verification.keys().any(|word| word != verified);
    if others {
        Exit::DeadLetters
    } else if report.too_young > 0 || report.requeued > 0 {
        Exit::Paused
    } else {
        Exit::Done
    }
}
