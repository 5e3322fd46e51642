//! `status`: campaigns, lanes, workers.

use std::time::Duration;

use repilot_domain::standing::{Grade, Notice};
use repilot_domain::{TenantName, Timestamp};
use repilot_ledger::{HEARD_WITHIN, LaneState, Ledger, StandingCampaign, WorkerRow};
use serde::Serialize;

use crate::app::{self, App};
use crate::args::StatusArguments;
use crate::campaign::several::is_of;
use crate::campaign::summary;
use crate::campaign::without_user::alarm;
use crate::standings::{self, Around};
use crate::tenant::sign_ins::{self, Shown};
use crate::terminal::exit::Exit;
use crate::terminal::output::{
    clear, cut, lasting, moment, plain, print, print_json, rendered, table,
};
use crate::terminal::progress;
use crate::{drain, zone_database};

/// How often `--watch` looks.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Characters of a campaign's state in the table; `status NAME` says all of it.
const STATE_SHOWN: usize = 60;

/// What `--json` prints.
#[derive(Serialize)]
struct Status {
    now: Timestamp,
    campaigns: Vec<StandingCampaign>,
    /// What is wrong with the workers.
    notices: Vec<Notice>,
    lanes: Vec<LaneState>,
    workers: Vec<WorkerRow>,
    /// Who is signed in on this machine.
    sign_ins: Vec<Shown>,
}

pub(crate) async fn run(app: &App, arguments: &StatusArguments) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger_to_look().await?;
    loop {
        let status = read(app, &ledger, arguments).await?;
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

/// `campaign list`: every campaign, and how it stands.
pub(crate) async fn list(app: &App, tenant: Option<TenantName>) -> anyhow::Result<Exit> {
    let all = StatusArguments {
        campaign: None,
        tenant,
        watch: false,
    };
    if app.json {
        let ledger = app.open_ledger_to_look().await?;
        print_json(&read(app, &ledger, &all).await?.campaigns)?;
        return Ok(Exit::Done);
    }
    run(app, &all).await
}

async fn read(app: &App, ledger: &Ledger, which: &StatusArguments) -> anyhow::Result<Status> {
    let (campaigns, around) = if let Some(name) = &which.campaign {
        let campaign = app::campaign_now(app, ledger, name).await?;
        let around = Around::of_tenant(app, ledger, &campaign.tenant).await?;
        (vec![campaign], around)
    } else {
        let mut campaigns = ledger.campaigns_at(app.now()).await?;
        let open = campaigns.clone();
        campaigns.retain(|campaign| is_of(which.tenant.as_ref(), campaign));
        (campaigns, Around::with(app, ledger, open).await?)
    };
    let standings = around.all(&campaigns);
    let notices = around.notices();
    let Around {
        now,
        mut lanes,
        workers,
        ..
    } = around;
    if let Some(tenant) = &which.tenant {
        lanes.retain(|lane| lane.tenant == *tenant);
    } else if which.campaign.is_some() {
        lanes.retain(|lane| {
            campaigns
                .iter()
                .any(|campaign| campaign.tenant == lane.tenant)
        });
    }
    Ok(Status {
        campaigns: campaigns
            .into_iter()
            .zip(standings)
            .map(|(campaign, standing)| StandingCampaign { campaign, standing })
            .collect(),
        notices,
        lanes,
        sign_ins: sign_ins::all().iter().map(Shown::of).collect(),
        workers,
        now,
    })
}

fn described(app: &App, status: &Status, one: bool) -> anyhow::Result<String> {
    let command = app.command()?;
    let mut parts = Vec::new();
    if !one {
        // Devices that have no user now come before everything else.
        let alarms: Vec<String> = status
            .campaigns
            .iter()
            .flat_map(|found| alarm(&found.campaign, &command))
            .collect();
        if !alarms.is_empty() {
            parts.push(alarms.join("\n"));
        }
    }
    parts.extend(needs(status, &command, one));
    match status.campaigns.as_slice() {
        [] => parts.push("no campaigns yet; `repilot run LIST` makes one".to_owned()),
        [campaign] if one => {
            let StandingCampaign { campaign, standing } = campaign;
            parts.push(summary::described(campaign, standing, &command, status.now));
        }
        campaigns => {
            let mut rows = table(&[
                "CAMPAIGN", "TENANT", "STATE", "DONE", "DEAD", "LEFT", "429", "SINCE",
            ]);
            for campaign in campaigns {
                rows.add_row(row(campaign));
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

/// What needs somebody: campaigns that wait for a person, and what is wrong with the workers, the
/// worst first; of a single campaign its own words say it.
fn needs(status: &Status, command: &str, one: bool) -> Option<String> {
    let mut lines: Vec<(Grade, String)> = Vec::new();
    for notice in &status.notices {
        lines.push((notice.grade, format!("  {}", plain(&notice.what))));
    }
    let pressing = status
        .campaigns
        .iter()
        .filter(|found| found.standing.grade != Grade::Fine && !one);
    for StandingCampaign { campaign, standing } in pressing {
        let mut line = format!("  {}: {}", campaign.name, plain(&standing.in_words()));
        let typed = standing
            .acts
            .iter()
            .filter_map(|act| standings::to_type(*act, campaign, command));
        for typed in typed {
            line.push_str("\n      ");
            line.push_str(&typed);
        }
        lines.push((standing.grade, line));
    }
    if lines.is_empty() {
        return None;
    }
    lines.sort_by_key(|(grade, _)| std::cmp::Reverse(*grade));
    let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    Some(format!("What needs you:\n{}", lines.join("\n")))
}

fn row(found: &StandingCampaign) -> [String; 8] {
    let StandingCampaign { campaign, standing } = found;
    let counts = &campaign.counts;
    let state = if campaign.pruned_at.is_some() {
        format!("{}, forgotten", standing.says)
    } else if standing.grade == Grade::Fine && !standing.state.is_over() {
        cut(&plain(&standing.in_words()), STATE_SHOWN)
    } else {
        // Said in full above, or over.
        plain(&standing.says)
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
