//! `status`: campaigns, lanes, workers.

use std::time::Duration;

use repilot_domain::{CampaignStatus, CanaryPhase, Timestamp};
use repilot_ledger::{Campaign, LaneState, Ledger, WorkerRow};
use serde::Serialize;

use crate::app::{self, App};
use crate::args::StatusArguments;
use crate::exit::Exit;
use crate::output::{clear, cut, lasting, moment, plain, print, print_json, rendered, table};
use crate::sign_ins::{self, Shown};
use crate::without_user::alarm;
use crate::{drain, progress, summary, zone_database};

/// How often `--watch` looks.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// A worker that was not heard of for so long is gone.
pub(crate) const HEARD_WITHIN: Duration = Duration::from_secs(15);

/// Characters of a pause's reason in the table; `status NAME` says all of it.
const REASON_SHOWN: usize = 60;

/// What `--json` prints.
#[derive(Serialize)]
struct Status {
    now: Timestamp,
    campaigns: Vec<Campaign>,
    lanes: Vec<LaneState>,
    workers: Vec<WorkerRow>,
    /// Who is signed in on this machine.
    sign_ins: Vec<Shown>,
}

pub(crate) async fn run(app: &App, arguments: &StatusArguments) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger_to_look().await?;
    loop {
        let status = read(app, &ledger, arguments.campaign.as_deref()).await?;
        if app.json {
            print_json(&status)?;
            return Ok(Exit::Done);
        }
        let text = described(app, &status, arguments.campaign.is_some())?;
        if !arguments.watch {
            print(&text);
            return Ok(Exit::Done);
        }
        clear();
        print(&text);
        tokio::select! {
            () = tokio::time::sleep(WATCH_EVERY) => {}
            () = drain::interrupted() => return Ok(Exit::Done),
        }
    }
}

async fn read(app: &App, ledger: &Ledger, name: Option<&str>) -> anyhow::Result<Status> {
    let campaigns = match name {
        Some(name) => vec![app::campaign_now(app, ledger, name).await?],
        None => ledger.campaigns_at(app.now()).await?,
    };
    let now = app.now();
    let mut lanes = ledger.lane_states().await?;
    if name.is_some() {
        lanes.retain(|lane| {
            campaigns
                .iter()
                .any(|campaign| campaign.tenant == lane.tenant)
        });
    }
    Ok(Status {
        campaigns,
        lanes,
        sign_ins: sign_ins::all().iter().map(Shown::of).collect(),
        workers: ledger.workers(now.before(HEARD_WITHIN)).await?,
        now,
    })
}

fn described(app: &App, status: &Status, one: bool) -> anyhow::Result<String> {
    let mut parts = Vec::new();
    match status.campaigns.as_slice() {
        [] => parts.push("no campaigns yet; `repilot run LIST` makes one".to_owned()),
        [campaign] if one => {
            parts.push(summary::described(campaign, &app.command()?, status.now));
        }
        campaigns => {
            let command = app.command()?;
            let alarms: Vec<String> = campaigns
                .iter()
                .flat_map(|campaign| alarm(campaign, &command))
                .collect();
            if !alarms.is_empty() {
                parts.push(alarms.join("\n"));
            }
            let mut rows = table(&[
                "CAMPAIGN", "TENANT", "STATE", "DONE", "DEAD", "LEFT", "429", "SINCE",
            ]);
            for campaign in campaigns {
                rows.add_row(row(campaign, status));
            }
            parts.push(rendered(&rows));
        }
    }
    if !status.lanes.is_empty() {
        let mut rows = table(&["LANE", "KIND", "THROTTLE", "RATE", "429", "SEEN"]);
        for lane in &status.lanes {
            let age = status.now.since(lane.updated_at);
            let (throttle, rate) = if age > HEARD_WITHIN {
                ("idle".to_owned(), "-".to_owned())
            } else {
                let rate = format!("{:.1}/s", lane.rate_per_second);
                (progress::throttle(lane, status.now), rate)
            };
            rows.add_row([
                lane.tenant.to_string(),
                lane.kind.to_string(),
                throttle,
                rate,
                lane.throttled.to_string(),
                format!("{} ago", lasting(age)),
            ]);
        }
        parts.push(rendered(&rows));
    }
    let workers: Vec<String> = status
        .workers
        .iter()
        .map(|worker| {
            let trouble = match worker.trouble.as_str() {
                "" => String::new(),
                trouble => format!("; {}", plain(trouble)),
            };
            format!("{} ({} in flight{trouble})", worker.id, worker.in_flight)
        })
        .collect();
    parts.push(match workers.as_slice() {
        [] => "no worker is running".to_owned(),
        workers => format!("workers: {}", workers.join(", ")),
    });
    parts.extend(zone_database::disagreement(&status.workers).map(|differ| plain(&differ)));
    for sign_in in &status.sign_ins {
        let words = plain(&sign_in.in_words(status.now));
        parts.push(format!("signed in to {}: {words}", sign_in.tenant));
    }
    Ok(parts.join("\n\n"))
}

fn row(campaign: &Campaign, status: &Status) -> [String; 8] {
    let counts = &campaign.counts;
    let state = if campaign.status == CampaignStatus::Cancelled {
        "cancelled".to_owned()
    } else if campaign.pruned_at.is_some() {
        "ended, forgotten".to_owned()
    } else if campaign.has_ended() {
        "ended".to_owned()
    } else if campaign.status == CampaignStatus::Paused {
        format!(
            "paused: {}",
            cut(&plain(&campaign.status_reason), REASON_SHOWN)
        )
    } else if campaign.is_incomplete() {
        "enqueue incomplete: run the same command again".to_owned()
    } else if let Some(held) = progress::held_back(campaign, status.now) {
        held
    } else if campaign.attended_until < status.now {
        "waits for a worker".to_owned()
    } else if campaign.canary_phase == CanaryPhase::Running {
        "running: canary".to_owned()
    } else {
        "running".to_owned()
    };
    [
        campaign.name.clone(),
        campaign.tenant.to_string(),
        state,
        format!("{}/{}", counts.succeeded, counts.total),
        counts.dead.to_string(),
        counts.open().to_string(),
        counts.throttled.to_string(),
        moment(campaign.created_at),
    ]
}
