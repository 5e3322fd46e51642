//! `worker`: drains every open campaign.

use std::time::Duration;

use anyhow::Context as _;
use repilot_domain::CampaignStatus;
use repilot_ledger::{Campaign, Ledger};
use repilot_worker::Attendance;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::args::WorkerArguments;
use crate::exit::Exit;
use crate::output::say;
use crate::{drain, tenants};

/// How often `--until-empty` looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(crate) async fn run(app: &App, arguments: &WorkerArguments) -> anyhow::Result<Exit> {
    let names = tenants::names(&app.settings)?;
    if names.is_empty() {
        tenants::choose(&app.settings, None)?;
    }
    let tenants = names
        .iter()
        .map(|name| tenants::build(app, name))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let ledger = app.open_ledger().await?;
    let before = open(&ledger).await?;
    let worker = drain::worker(app, &ledger, tenants, Attendance::All);
    let stop = CancellationToken::new();
    let mut running = std::pin::pin!(tokio::spawn(worker.run(stop.clone())));
    tracing::info!(ledger = %ledger.location(), "the worker is up");
    let empty = async {
        if !arguments.until_empty {
            std::future::pending::<()>().await;
        }
        until_empty(&ledger).await
    };
    tokio::select! {
        ended = &mut running => ended.context("the worker failed")??,
        () = drain::interrupted() => say("stopping: what is in flight ends first"),
        result = empty => result?,
    }
    stop.cancel();
    if !running.is_finished() {
        running.await.context("the worker failed")??;
    }
    let exit = verdict(&ledger, &before).await?;
    ledger.close().await;
    Ok(exit)
}

async fn open(ledger: &Ledger) -> anyhow::Result<Vec<Campaign>> {
    let mut campaigns = ledger.campaigns().await?;
    campaigns.retain(|campaign| !campaign.has_ended());
    Ok(campaigns)
}

/// Until nothing is left that a worker could move on.
async fn until_empty(ledger: &Ledger) -> anyhow::Result<()> {
    loop {
        let active = |campaign: &Campaign| campaign.status == CampaignStatus::Active;
        let busy = |campaign: &Campaign| campaign.counts.running > 0;
        if !open(ledger)
            .await?
            .iter()
            .any(|campaign| active(campaign) || busy(campaign))
        {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What became of the campaigns that were open at the start.
async fn verdict(ledger: &Ledger, before: &[Campaign]) -> anyhow::Result<Exit> {
    let (mut dead, mut left) = (false, false);
    for campaign in before {
        if let Some(now) = ledger.campaign(&campaign.name).await? {
            dead |= now.counts.dead > 0;
            left |= !now.has_ended();
        }
    }
    Ok(match (left, dead) {
        (true, _) => Exit::Paused,
        (false, true) => Exit::DeadLetters,
        (false, false) => Exit::Done,
    })
}
