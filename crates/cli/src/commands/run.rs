//! `run`: plan, ask, enqueue, drain; again, to resume.

use repilot_domain::CampaignStatus;
use repilot_ledger::{Campaign, Ledger};
use repilot_producer::campaign_name;

use crate::app::{self, App};
use crate::args::RunArguments;
use crate::campaign::control_args::Meant;
use crate::campaign::enqueue;
use crate::campaign::outcome::finish;
use crate::dashboard_services::serve;
use crate::drain::{self, Drained, notify};
use crate::plan::made::Making;
use crate::plan::make::{self, agreed};
use crate::plan::target::{self, Target};
use crate::plan::{question, text};
use crate::terminal::exit::Exit;
use crate::terminal::output::{plural, say};
use crate::terminal::{logging, progress};

pub(crate) async fn run(app: &mut App, arguments: &RunArguments) -> anyhow::Result<Exit> {
    let target = target::target(app, &arguments.selection, Some(&arguments.simulation)).await?;
    let log_file = progress::shown().then(|| app.log_file()).transpose()?;
    logging::start(&app.settings.log, log_file.as_deref())?;
    let ledger = app.open_ledger().await?;
    let _dashboard = if arguments.dashboard {
        Some(serve::beside(app, &ledger).await?)
    } else {
        None
    };
    let name = name(&ledger, arguments, &target).await?;
    let known = ledger.campaign(&name).await?;
    if let Some(known) = &known {
        target.fits(known)?;
    }
    let meant = arguments.controls.meant(app, known.as_ref())?;
    let notifier = notify::start(app, &ledger).await;
    let has_list = known
        .as_ref()
        .is_some_and(|known| known.has_list(&target.selection.sha256()));
    // Conditions may hold for other devices by now: what has ended is planned anew.
    let anew =
        !target.selection.conditions.is_empty() && known.as_ref().is_some_and(Campaign::has_ended);
    let prepared = async {
        match known {
            Some(campaign) if has_list && !anew => {
                resume(app, &ledger, campaign, &meant).await.map(Some)
            }
            known => begin(app, &ledger, arguments, &target, &name, known, &meant).await,
        }
    };
    let campaign = tokio::select! {
        prepared = prepared => prepared?,
        () = drain::interrupted() => {
            say("stopped before the list was all in; run the same command again to go on");
            return Ok(Exit::Paused);
        }
    };
    let Some(campaign) = campaign else {
        return Ok(Exit::Error);
    };
    if campaign.has_ended() {
        say(&format!(
            "campaign {name} has ended already; nothing was called"
        ));
        return finish(app, &ledger, &campaign, Drained::Ended).await;
    }
    if campaign.status == CampaignStatus::Paused {
        return finish(app, &ledger, &campaign, Drained::Paused).await;
    }
    let drained = drain::campaign(app, &ledger, target.tenant.clone(), campaign).await;
    if let Some(notifier) = notifier {
        notifier.end().await;
    }
    let (campaign, drained) = drained?;
    let exit = finish(app, &ledger, &campaign, drained).await;
    ledger.close().await;
    if let Some(simulator) = target.simulator {
        simulator.shutdown().await;
    }
    exit
}

/// The campaign's name. A rehearsal that has ended is rehearsed anew under the next number.
async fn name(
    ledger: &Ledger,
    arguments: &RunArguments,
    target: &Target,
) -> anyhow::Result<String> {
    let name = arguments
        .campaign
        .clone()
        .unwrap_or_else(|| campaign_name(&target.selection, &target.tenant.name));
    if target.simulator.is_none() || arguments.campaign.is_some() {
        return Ok(name);
    }
    let mut numbered = name.clone();
    let mut number = 2;
    while let Some(known) = ledger.campaign(&numbered).await? {
        if !known.has_ended() && known.status != CampaignStatus::Cancelled {
            break;
        }
        numbered = format!("{name}-{number}");
        number += 1;
    }
    Ok(numbered)
}

async fn resume(
    app: &App,
    ledger: &Ledger,
    campaign: Campaign,
    meant: &Meant,
) -> anyhow::Result<Campaign> {
    let counts = &campaign.counts;
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
    let by = app.actor(&campaign.tenant);
    ledger
        .change_controls(campaign.id, &meant.changes, &by, app.now())
        .await?;
    // What a worker paused because the tenant refused may go on once a person tries again; what a
    // person paused, or what stopped by itself to be looked at, goes on when a person says so.
    if campaign.status == CampaignStatus::Paused && campaign.may_be_tried_again() {
        say(&format!("it was paused: {}", campaign.status_reason));
        ledger.resume(campaign.id, &by, app.now()).await?;
        return app::campaign(ledger, &campaign.name).await;
    }
    app::campaign(ledger, &campaign.name).await
}

/// A new campaign, or another list for one that there is; `None` when the person said no.
async fn begin(
    app: &App,
    ledger: &Ledger,
    arguments: &RunArguments,
    target: &Target,
    name: &str,
    known: Option<Campaign>,
    meant: &Meant,
) -> anyhow::Result<Option<Campaign>> {
    let making = Making {
        every_refusal: false,
        campaign: known.as_ref(),
        controls: &meant.controls,
    };
    let selection = &arguments.selection;
    let made = make::plan(app, ledger, target, selection, making).await?;
    let plan = &made.plan;
    text::show(plan);
    make::accept(app, plan, selection)?;
    let waiting = known.map_or(0, |known| known.counts.open());
    if waiting > 0 {
        say(&format!(
            "  campaign {name} exists; {} of its earlier lists are left, and are done as well",
            plural(waiting, "device", "devices")
        ));
    }
    let question = question::question(&plan.summary, waiting, &target.tenant.name);
    let may_ask = !arguments.yes && !arguments.simulation.simulate;
    if may_ask && !agreed(&question)? {
        return Ok(None);
    }
    let enqueued = enqueue::enqueue(app, ledger, target, &made, name, meant, false).await?;
    let present = if enqueued.present > 0 {
        format!(", {} were there already", enqueued.present)
    } else {
        String::new()
    };
    say(&format!(
        "campaign {name}: {} enqueued{present}",
        plural(enqueued.added, "job", "jobs")
    ));
    Ok(Some(app::campaign(ledger, name).await?))
}
