//! `verify`: the jobs that succeeded, held against the inventory as it is now.

use std::time::Duration;

use repilot_dashboard::{Progress, VerificationReport, Verify};
use repilot_domain::Verification;
use repilot_ledger::{Campaign, Ledger, Verifiable};

use crate::app::{self, App};
use crate::args::VerifyArguments;
use crate::campaign::verification::{self, Verified};
use crate::drain;
use crate::terminal::exit::Exit;
use crate::terminal::output::{lasting, moment, print, print_json, say};

pub(crate) async fn run(app: &App, arguments: &VerifyArguments) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger_to_look().await?;
    let campaign = app::campaign(&ledger, &arguments.campaign).await?;
    verification::must_be_known(&campaign)?;
    let after = arguments.after.0;
    let ready = ready(app, &ledger, &campaign, arguments).await?;
    if ready.old_enough == 0 {
        let why = verification::nothing(ready.too_young, after);
        let wait = if ready.too_young > 0 {
            "; --wait waits"
        } else {
            ""
        };
        say(&format!("nothing to verify: {why}{wait}"));
        return Ok(Exit::Paused);
    }
    let verify = Verify {
        after,
        requeue: arguments.requeue,
    };
    let progress = Progress::default();
    let Verified {
        report,
        shows_users,
    } = verification::verify(app, &ledger, &campaign, verify, &progress).await?;
    if !shows_users {
        say(
            "the inventory shows no user on any device of the tenant: that may be true, or Graph does not show users there",
        );
    }
    let campaign = app::campaign(&ledger, &arguments.campaign).await?;
    if app.json {
        print_json(&report)?;
    } else {
        print(&described(app, &campaign, &report, after)?);
    }
    ledger.close().await;
    Ok(exit(&report))
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
    report: &VerificationReport,
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
fn again(report: &VerificationReport) -> i64 {
    let may = |found: &&Verification| found.may_be_done_again();
    let count = |found: &Verification| report.verification.get(found.as_str());
    Verification::ALL.iter().filter(may).filter_map(count).sum()
}

fn exit(report: &VerificationReport) -> Exit {
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
