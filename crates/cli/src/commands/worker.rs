//! `worker`: drains every open campaign of the tenants in the settings.

use std::time::Duration;

use anyhow::Context as _;
use repilot_domain::{CampaignStatus, TenantName};
use repilot_ledger::{Campaign, Ledger};
use repilot_worker::{Attendance, Tenant};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::args::WorkerArguments;
use crate::exit::Exit;
use crate::output::{causes, print, print_json, say};
use crate::{drain, summary, tenants};

/// How often `--until-empty` looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(crate) async fn run(app: &App, arguments: &WorkerArguments) -> anyhow::Result<Exit> {
    let tenants = set_up(app)?;
    let names: Vec<TenantName> = tenants.iter().map(|tenant| tenant.name.clone()).collect();
    let ledger = app.open_ledger().await?;
    let before = open(&ledger).await?;
    for campaign in before.iter().filter(|found| !names.contains(&found.tenant)) {
        say(&format!(
            "campaign {} is left alone: the settings have no tenant {}",
            campaign.name, campaign.tenant
        ));
    }
    let worker = drain::worker(app, &ledger, tenants, Attendance::All);
    let stop = CancellationToken::new();
    let mut running = tokio::spawn(worker.run(stop.clone()));
    tracing::info!(ledger = %ledger.location(), "the worker is up");
    let empty = async {
        if !arguments.until_empty {
            std::future::pending::<()>().await;
        }
        until_empty(&ledger, &names).await
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
    emptied?;
    let exit = verdict(app, &ledger, &before).await?;
    ledger.close().await;
    Ok(exit)
}

/// Every tenant that can be set up: one whose settings are wrong stops no other.
fn set_up(app: &App) -> anyhow::Result<Vec<Tenant>> {
    let names = tenants::names(&app.settings)?;
    if names.is_empty() {
        tenants::choose(&app.settings, None)?;
    }
    let mut ready = Vec::with_capacity(names.len());
    let mut failed = None;
    for name in &names {
        match tenants::build(app, name) {
            Ok(tenant) => ready.push(tenant),
            Err(error) => {
                tracing::error!(tenant = %name, error = causes(&error), "this tenant is left alone");
                failed = Some(error);
            }
        }
    }
    match failed {
        Some(error) if ready.is_empty() => Err(error),
        _ => Ok(ready),
    }
}

async fn open(ledger: &Ledger) -> anyhow::Result<Vec<Campaign>> {
    let mut campaigns = ledger.campaigns().await?;
    campaigns.retain(|campaign| !campaign.has_ended());
    Ok(campaigns)
}

/// Until nothing is left that this worker could move on.
async fn until_empty(ledger: &Ledger, tenants: &[TenantName]) -> anyhow::Result<()> {
    loop {
        match ledger.campaigns().await {
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

fn moves(campaign: &Campaign, tenants: &[TenantName]) -> bool {
    if campaign.has_ended() || !tenants.contains(&campaign.tenant) {
        return false;
    }
    match campaign.status {
        // One whose enqueue was broken off is done with when its jobs are.
        CampaignStatus::Active => campaign.counts.open() > 0 || !campaign.is_incomplete(),
        CampaignStatus::Paused => campaign.counts.running > 0,
        CampaignStatus::Cancelled => true,
    }
}

/// What became of the campaigns that were open at the start, and the exit code for it.
async fn verdict(app: &App, ledger: &Ledger, before: &[Campaign]) -> anyhow::Result<Exit> {
    let mut after = Vec::with_capacity(before.len());
    for campaign in before {
        after.extend(ledger.campaign(&campaign.name).await?);
    }
    if app.json {
        print_json(&after)?;
    } else {
        let command = app.command()?;
        for campaign in &after {
            print(&summary::described(campaign, &command, app.now()));
        }
    }
    let left =
        |campaign: &Campaign| !campaign.has_ended() || campaign.status == CampaignStatus::Cancelled;
    let dead = |campaign: &Campaign| campaign.counts.dead > 0;
    Ok(if after.iter().any(left) {
        Exit::Paused
    } else if after.iter().any(dead) {
        Exit::DeadLetters
    } else {
        Exit::Done
    })
}
