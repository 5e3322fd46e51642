//! `run`: plan, ask, enqueue, drain; again, to resume.

use repilot_domain::CampaignStatus;
use repilot_ledger::{Campaign, Ledger};
use repilot_producer::campaign_name;

use crate::app::{self, App};
use crate::args::RunArguments;
use crate::drain::{self, Drained};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{confirm, print, print_json, say};
use crate::planning::{self, Target};
use crate::{enqueue, logging, progress, summary};

pub(crate) async fn run(app: &mut App, arguments: &RunArguments) -> anyhow::Result<Exit> {
    let target = planning::target(app, &arguments.list, Some(&arguments.simulation)).await?;
    let log_file = progress::shown().then(|| app.log_file()).transpose()?;
    logging::start(&app.settings.log, log_file.as_deref())?;
    let ledger = app.open_ledger().await?;
    let name = name(app, &ledger, arguments, &target).await?;
    let known = ledger.campaign(&name).await?;
    let resumable = known.filter(|campaign| {
        campaign.enqueued_at.is_some() && campaign.list_sha256 == target.list.sha256()
    });
    let campaign = match resumable {
        Some(campaign) => resume(&ledger, campaign).await?,
        None => match begin(app, &ledger, arguments, &target, &name).await? {
            Some(campaign) => campaign,
            None => return Ok(Exit::Error),
        },
    };
    if campaign.status == CampaignStatus::Paused {
        return finish(app, &campaign, Drained::Paused);
    }
    if campaign.has_ended() {
        say(&format!(
            "campaign {name} has ended already; nothing was called"
        ));
        return finish(app, &campaign, Drained::Ended);
    }
    let (campaign, drained) =
        drain::campaign(app, &ledger, target.tenant.clone(), campaign).await?;
    ledger.close().await;
    if let Some(simulator) = target.simulator {
        simulator.shutdown().await;
    }
    finish(app, &campaign, drained)
}

/// The campaign's name. A rehearsal that has ended is rehearsed anew under the next number.
async fn name(
    app: &App,
    ledger: &Ledger,
    arguments: &RunArguments,
    target: &Target,
) -> anyhow::Result<String> {
    let name = arguments
        .campaign
        .clone()
        .unwrap_or_else(|| campaign_name(&target.list, &target.tenant.name));
    if target.simulator.is_none() || arguments.campaign.is_some() {
        return Ok(name);
    }
    let mut numbered = name.clone();
    for number in 2.. {
        let ended = ledger
            .campaign(&numbered)
            .await?
            .is_some_and(|campaign| campaign.has_ended());
        if !ended {
            break;
        }
        numbered = format!("{name}-{number}");
    }
    let _ = app;
    Ok(numbered)
}

async fn resume(ledger: &Ledger, campaign: Campaign) -> anyhow::Result<Campaign> {
    let counts = &campaign.counts;
    if campaign.status == CampaignStatus::Cancelled {
        return Err(Failure::error(
            format!("campaign `{}` was cancelled", campaign.name),
            "choose another name with --campaign NAME",
        ));
    }
    if campaign.has_ended() {
        return Ok(campaign);
    }
    say(&format!(
        "resuming campaign {}: {} of {} devices are done, {} to go",
        campaign.name,
        counts.total - counts.open(),
        counts.total,
        counts.open()
    ));
    // What a worker paused because the tenant refused may go on once a person tries again; what a
    // person paused goes on when a person says so.
    if campaign.status == CampaignStatus::Paused && !campaign.is_paused_by_person() {
        say(&format!("it was paused: {}", campaign.status_reason));
        ledger.resume(campaign.id).await?;
        return app::campaign(ledger, &campaign.name).await;
    }
    Ok(campaign)
}

/// A new campaign, or a longer list for one that there is; `None` when the person said no.
async fn begin(
    app: &App,
    ledger: &Ledger,
    arguments: &RunArguments,
    target: &Target,
    name: &str,
) -> anyhow::Result<Option<Campaign>> {
    let (plan, inventory) = planning::plan(target).await?;
    planning::show(&plan);
    planning::accept(&plan, arguments.list.strict)?;
    let question = format!("Unassign the users of {} devices?", plan.summary.planned);
    if !arguments.yes && !arguments.simulation.simulate && !confirm(&question) {
        say("nothing was enqueued");
        return Ok(None);
    }
    let (_, enqueued) = enqueue::enqueue(app, ledger, target, &inventory, name).await?;
    let present = if enqueued.present > 0 {
        format!(", {} were there already", enqueued.present)
    } else {
        String::new()
    };
    say(&format!(
        "campaign {name}: {} jobs enqueued{present}",
        enqueued.added
    ));
    Ok(Some(app::campaign(ledger, name).await?))
}

/// Says how it ended, and gives the exit code for it.
pub(crate) fn finish(app: &App, campaign: &Campaign, drained: Drained) -> anyhow::Result<Exit> {
    if app.json {
        print_json(campaign)?;
    } else {
        print(&summary::described(campaign, &app.command()?, app.now()));
    }
    match drained {
        Drained::Ended if campaign.counts.dead > 0 => Ok(Exit::DeadLetters),
        Drained::Ended => Ok(Exit::Done),
        Drained::Paused => {
            let command = app.command()?;
            say(&format!(
                "paused; once it is mended: {command} campaign resume {}",
                campaign.name
            ));
            Ok(Exit::Paused)
        }
        Drained::Stopped => {
            say("stopped; run the same command again to resume, nothing is called twice");
            Ok(Exit::Paused)
        }
    }
}
