//! `campaign`: listed, paused, resumed, cancelled.

use crate::app::{self, App};
use crate::args::{CampaignCommand, StatusArguments};
use crate::commands::status;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{ask, print, print_json, say};

pub(crate) async fn run(app: &App, command: &CampaignCommand) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger_to_look().await?;
    let name = match command {
        CampaignCommand::List => {
            if app.json {
                print_json(&ledger.campaigns().await?)?;
                return Ok(Exit::Done);
            }
            let all = StatusArguments {
                campaign: None,
                watch: false,
            };
            return status::run(app, &all).await;
        }
        CampaignCommand::Pause { name, .. }
        | CampaignCommand::Resume { name }
        | CampaignCommand::Cancel { name, .. } => name,
    };
    let campaign = app::campaign(&ledger, name).await?;
    let by = &app.actor;
    let done = match command {
        CampaignCommand::List => String::new(),
        CampaignCommand::Pause { reason, .. } => {
            if ledger
                .pause_by_person(campaign.id, reason, by, app.now())
                .await?
            {
                format!("campaign {name} is paused; what is in flight ends")
            } else {
                format!("campaign {name} is not active; nothing changed")
            }
        }
        CampaignCommand::Resume { .. } => {
            if ledger.resume(campaign.id, by, app.now()).await? {
                let drain = app.how_to_drain(&campaign)?;
                format!(
                    "campaign {name} may go on; to drain it: {drain}, or the `run` that began it"
                )
            } else {
                format!("campaign {name} is not paused; nothing changed")
            }
        }
        CampaignCommand::Cancel { yes, .. } => {
            let open = campaign.counts.open();
            if campaign.has_ended() {
                return Err(Failure::error(
                    format!("campaign `{name}` has ended; there is nothing to cancel"),
                    format!("`repilot status {name}` shows what it came to"),
                ));
            }
            let question = format!("Cancel {open} jobs of campaign {name} for good?");
            if !yes && !ask(&question)? {
                say("nothing changed");
                return Ok(Exit::Error);
            }
            let cancelled = ledger.cancel(campaign.id, by, app.now()).await?;
            format!("campaign {name} is cancelled: {cancelled} jobs will not be called")
        }
    };
    if app.json {
        print_json(&app::campaign(&ledger, name).await?)?;
    } else {
        print(&done);
    }
    Ok(Exit::Done)
}
