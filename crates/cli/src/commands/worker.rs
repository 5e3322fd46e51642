//! `worker`: drains every open campaign of the tenants in the settings.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use repilot_domain::{CampaignStatus, CanaryPhase};
use repilot_ledger::{Campaign, Ledger, StandingCampaign};
use repilot_worker::{Attendance, TenantDirectory};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::args::WorkerArguments;
use crate::campaign::summary;
use crate::drain::live_tenants::LiveTenants;
use crate::drain::{self, notify};
use crate::standings;
use crate::terminal::exit::Exit;
use crate::terminal::output::{print, print_json, say};

/// How often `--until-empty` looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(crate) async fn run(app: &App, arguments: &WorkerArguments) -> anyhow::Result<Exit> {
    let tenants = Arc::new(LiveTenants::new(app)?);
    let ledger = app.open_ledger().await?;
    let before = open(&ledger).await?;
    for campaign in before
        .iter()
        .filter(|found| tenants.tenant(&found.tenant).is_none())
    {
        say(&format!(
            "campaign {} is left alone: the settings have no tenant {}",
            campaign.name, campaign.tenant
        ));
    }
    let worker = drain::worker(app, &ledger, Arc::clone(&tenants) as _, Attendance::All)?;
    let notifier = notify::start(app, &ledger).await;
    let stop = CancellationToken::new();
    let mut running = tokio::spawn(worker.run(stop.clone()));
    tracing::info!(ledger = %ledger.location(), "the worker is up");
    let empty = async {
        if !arguments.until_empty {
            std::future::pending::<()>().await;
        }
        until_empty(&ledger, &*tenants).await
    };
    let emptied = tokio::select! {
        ended = &mut running => {
            ended.context("the worker failed")??;
            return verdict(app, &ledger, &before).await;
        }
        () = drain::interrupted() => {
            say("stopping: what is in flight ends first; Ctrl-C again to quit at once");
            Ok(())
        }
        result = empty => result,
    };
    drain::stop_patiently(&stop, running).await?;
    if let Some(notifier) = notifier {
        notifier.end().await;
    }
    emptied?;
    let exit = verdict(app, &ledger, &before).await?;
    ledger.close().await;
    Ok(exit)
}

async fn open(ledger: &Ledger) -> anyhow::Result<Vec<Campaign>> {
    let mut campaigns = ledger.campaigns().await?;
    campaigns.retain(|campaign| !campaign.has_ended());
    Ok(campaigns)
}

/// Until nothing is left that this worker could move on.
async fn until_empty(ledger: &Ledger, tenants: &dyn TenantDirectory) -> anyhow::Result<()> {
    loop {
        let asked = ledger.answered("list campaigns", ledger.campaigns());
        match asked.await {
            Ok(campaigns) if !campaigns.iter().any(|campaign| moves(campaign, tenants)) => {
                return Ok(());
            }
            Ok(_) => {}
            // The worker tries again by itself, and so does whoever watches it.
            Err(error) if error.is_passing() => {}
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn moves(campaign: &Campaign, tenants: &dyn TenantDirectory) -> bool {
    if campaign.has_ended() || tenants.tenant(&campaign.tenant).is_none() {
        return false;
    }
    match campaign.status {
        // Nothing goes out before its canary is chosen, and that is when all of it is in.
        CampaignStatus::Active if campaign.canary_phase == CanaryPhase::Choosing => false,
        // One whose enqueue was broken off is done with when its jobs are.
        CampaignStatus::Active => campaign.counts.open() > 0 || !campaign.is_incomplete(),
        // One that waits for a sign-in goes on by itself after that.
        CampaignStatus::Paused => {
            campaign.counts.running > 0
                || campaign.waits_for_sign_in()
                || campaign.counts.uncertain > 0 && campaign.looks_while_paused()
        }
        CampaignStatus::Cancelled => true,
    }
}

/// What became of the campaigns that were open at the start, and the exit code for it.
async fn verdict(app: &App, ledger: &Ledger, before: &[Campaign]) -> anyhow::Result<Exit> {
    let mut after = Vec::with_capacity(before.len());
    for campaign in before {
        let asked = ledger.campaign(&campaign.name);
        if let Some(campaign) = ledger.answered("read a campaign", asked).await? {
            after.push(standings::stood(app, ledger, campaign).await?);
        }
    }
    if app.json {
        print_json(&after)?;
    } else {
        let command = app.command()?;
        for StandingCampaign { campaign, standing } in &after {
            print(&summary::described(campaign, standing, &command, app.now()));
        }
    }
    let left =
        |campaign: &Campaign| !campaign.has_ended() || campaign.status == CampaignStatus::Cancelled;
    let dead = |campaign: &Campaign| campaign.counts.dead > 0;
    let mut after = after.iter().map(|found| &found.campaign);
    Ok(if after.clone().any(left) {
        Exit::Paused
    } else if after.any(dead) {
        Exit::DeadLetters
    } else {
        Exit::Done
    })
}
