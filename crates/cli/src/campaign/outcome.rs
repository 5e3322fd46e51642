//! How a command ends that drained a campaign: its last words, and the exit code.

use repilot_domain::{CampaignStatus, PauseCause};
use repilot_ledger::{Campaign, Ledger};

use crate::app::{self, App};
use crate::campaign::summary;
use crate::drain::Drained;
use crate::standings;
use crate::tenant::tenants;
use crate::terminal::exit::Exit;
use crate::terminal::output::{print, print_json, say};

/// Says how it ended, and gives the exit code for it.
pub(crate) async fn finish(
    app: &App,
    ledger: &Ledger,
    campaign: &Campaign,
    drained: Drained,
) -> anyhow::Result<Exit> {
    let found = standings::stood(app, ledger, campaign.clone()).await?;
    if app.json {
        print_json(&found)?;
    } else {
        print(&summary::described(
            campaign,
            &found.standing,
            &app.command()?,
            app.now(),
        ));
    }
    match drained {
        Drained::Ended if campaign.status == CampaignStatus::Cancelled => Ok(Exit::Paused),
        Drained::Ended if campaign.counts.dead > 0 => Ok(Exit::DeadLetters),
        Drained::Ended => Ok(Exit::Done),
        Drained::Paused => {
            let (command, name) = (app.command()?, app::quoted(&campaign.name));
            // The simulated Graph of a rehearsal is gone with it.
            let resume = if campaign.tenant.as_str() == tenants::SIMULATED {
                format!("{command} campaign resume {name}, and run the same command again")
            } else {
                format!("{command} campaign resume {name} --run")
            };
            say(&match campaign.pause_cause {
                Some(PauseCause::Canary) => format!(
                    "{}: {resume} goes on with the rest; {command} campaign cancel {name} ends it",
                    campaign.status_reason
                ),
                Some(PauseCause::Deadline) => format!(
                    "campaign paused: {command} campaign set {name} --deadline MOMENT gives it more time, then {resume}"
                ),
                _ => format!("campaign paused: mend the cause above, then {resume}"),
            });
            Ok(Exit::Paused)
        }
        Drained::Stopped => {
            say(
                "stopped; run the same command again to resume: devices that are done are not called again",
            );
            Ok(Exit::Paused)
        }
    }
}
