//! Draining: a worker beside a view of its campaign, until the campaign ends, pauses or is stopped.

pub(crate) mod live_tenants;
pub(crate) mod notify;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use repilot_domain::{CampaignStatus, LaneKind, WorkerId, Zones};
use repilot_ledger::{Campaign, Ledger, LedgerError, WorkerRow};
use repilot_worker::{Attendance, Tenant, TenantDirectory, Worker, WorkerError, WorkerSettings};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::{self, App};
use crate::standings::Around;
use crate::terminal::output::say;
use crate::terminal::progress::CampaignBar;
use crate::{actor, profile};

/// How often the view looks at the ledger.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The exit code of a program that a second Ctrl-C ended, by convention.
const QUIT_AT_ONCE: i32 = 130;

/// A worker of this process.
pub(crate) fn worker(
    app: &App,
    ledger: &Ledger,
    tenants: Arc<dyn TenantDirectory>,
    attendance: Attendance,
) -> anyhow::Result<Worker> {
    let host = actor::host();
    let process_id = std::process::id();
    let chance: u32 = rand::random();
    let now = app.now();
    let row = WorkerRow {
        id: WorkerId(format!("{host}-{process_id}-{chance:08x}")),
        host,
        process_id: i64::from(process_id),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: now,
        heartbeat_at: now,
        in_flight: 0,
        trouble: String::new(),
        tz_version: Zones::current().version,
    };
    let retry = &app.settings.retry;
    let settings = WorkerSettings {
        concurrency: usize::try_from(app.settings.worker.concurrency)
            .unwrap_or(1)
            .max(1),
        retry: repilot_worker::RetrySettings {
            attempts: retry.attempts.max(1),
            backoff: retry.backoff.0,
            backoff_max: retry.backoff_max.0,
            look_after: retry.look_after.0,
        },
    };
    Ok(Worker::new(
        ledger.clone(),
        Arc::clone(&app.clock),
        row,
        tenants,
        settings,
        attendance,
        profile::links(app)?,
    ))
}

fn only(tenant: Tenant) -> Arc<dyn TenantDirectory> {
    Arc::new(BTreeMap::from([(tenant.name.clone(), tenant)]))
}

/// How a drain came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drained {
    /// The campaign ended.
    Ended,
    /// The campaign was paused.
    Paused,
    /// A person stopped it.
    Stopped,
}

/// Drains one campaign.
pub(crate) async fn campaign(
    app: &App,
    ledger: &Ledger,
    tenant: Tenant,
    campaign: Campaign,
) -> anyhow::Result<(Campaign, Drained)> {
    let worker = worker(app, ledger, only(tenant), Attendance::Campaign(campaign.id))?;
    let stop = CancellationToken::new();
    let mut running = tokio::spawn(worker.run(stop.clone()));
    let bar = CampaignBar::start(&campaign);
    let watched = tokio::select! {
        watched = watch(app, ledger, &campaign.name, &bar) => watched.map(Some),
        ended = &mut running => {
            bar.finish();
            ended.context("the worker failed")??;
            let campaign = app::campaign(ledger, &campaign.name).await?;
            return Ok((campaign, Drained::Stopped));
        }
        () = interrupted() => Ok(None),
    };
    if matches!(watched, Ok(None)) {
        bar.note("stopping: what is in flight ends first; Ctrl-C again to quit at once");
    }
    let stopped = stop_patiently(&stop, running).await;
    bar.finish();
    stopped?;
    let watched = watched?;
    let campaign = app::campaign(ledger, &campaign.name).await?;
    let drained = match watched {
        _ if campaign.has_ended() => Drained::Ended,
        Some(drained) => drained,
        None => Drained::Stopped,
    };
    Ok((campaign, drained))
}

/// Lets a worker end what is in flight; a second interruption quits at once.
pub(crate) async fn stop_patiently(
    stop: &CancellationToken,
    mut running: JoinHandle<Result<(), WorkerError>>,
) -> anyhow::Result<()> {
    stop.cancel();
    tokio::select! {
        ended = &mut running => Ok(ended.context("the worker failed")??),
        () = interrupted() => {
            say(
                "stopped at once: calls that were under way may or may not have gone through; \
                 the next run looks at those devices first",
            );
            std::process::exit(QUIT_AT_ONCE)
        }
    }
}

async fn watch(
    app: &App,
    ledger: &Ledger,
    name: &str,
    bar: &CampaignBar,
) -> anyhow::Result<Drained> {
    let mut told = false;
    loop {
        let looked = async {
            let Some(campaign) = ledger.campaign(name).await? else {
                return Ok(None);
            };
            let around = Around::of_tenant(app, ledger, &campaign.tenant).await?;
            Ok::<_, LedgerError>(Some((campaign, around)))
        };
        let (campaign, around) = match ledger.answered("look at a campaign", looked).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                let campaign = app::campaign(ledger, name).await?;
                let around = Around::of_tenant(app, ledger, &campaign.tenant).await?;
                (campaign, around)
            }
            // The worker tries again by itself, and so does whoever watches it.
            Err(error) if error.is_passing() => {
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let lane = around
            .lanes
            .iter()
            .find(|lane| lane.tenant == campaign.tenant && lane.kind == LaneKind::Writes);
        bar.show(&campaign, &around.of(&campaign), lane, around.now);
        if campaign.has_ended() {
            return Ok(Drained::Ended);
        }
        // What is in flight may yet come back; the worker's stop waits for it.
        if campaign.waits_for_sign_in() {
            if !told {
                bar.note(&format!(
                    "{}; this run goes on by itself after that",
                    campaign.status_reason
                ));
            }
            told = true;
        } else if campaign.status == CampaignStatus::Paused && campaign.counts.running == 0 {
            return Ok(Drained::Paused);
        } else {
            told = false;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits until this process is told to stop: by Ctrl-C, on Unix by SIGTERM, on Windows by Ctrl-Break, a
/// console that is closed, a log-off or a shutdown, which leave it a few seconds.
pub(crate) async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    #[cfg(windows)]
    {
        use tokio::signal::windows::{ctrl_break, ctrl_close, ctrl_logoff, ctrl_shutdown};
        if let (Ok(mut pressed), Ok(mut closed), Ok(mut left), Ok(mut down)) =
            (ctrl_break(), ctrl_close(), ctrl_logoff(), ctrl_shutdown())
        {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = pressed.recv() => {}
                _ = closed.recv() => {}
                _ = left.recv() => {}
                _ = down.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
