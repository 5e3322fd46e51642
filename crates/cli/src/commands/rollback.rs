//! `rollback`: a campaign that takes another one back.

use repilot_dashboard::Progress;

use crate::app::{self, App};
use crate::args::RollbackArguments;
use crate::campaign::job_list::query;
use crate::campaign::outcome::finish;
use crate::campaign::rollback::{self, accept, described, enqueue, name_of, question};
use crate::drain;
use crate::inventory::{self, Freshness};
use crate::plan::least_time::least_time;
use crate::plan::make;
use crate::tenant::tenants;
use crate::terminal::exit::Exit;
use crate::terminal::failure::Failure;
use crate::terminal::output::{moment, print, print_json, say};

pub(crate) async fn run(app: &App, arguments: &RollbackArguments) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger_to_look().await?;
    let campaign = app::campaign(&ledger, &arguments.campaign).await?;
    if let Some(at) = campaign.pruned_at {
        return Err(Failure::error(
            format!(
                "what campaign `{}` did was forgotten at {}: nobody knows any more who had its devices",
                campaign.name,
                moment(at)
            ),
            "`repilot audit list` and its report are what is left of it",
        ));
    }
    let only = query(&arguments.search)?;
    let name = tenants::choose(&app.settings, Some(&campaign.tenant))?;
    let tenant = tenants::build(&app.settings, &app.clock, &name)?;
    let name = name_of(&ledger, arguments, &campaign, &only).await?;
    let known = ledger.campaign(&name).await?;
    let under_way = known.filter(|known| !known.is_incomplete() && !known.has_ended());
    let back = if let Some(under_way) = under_way {
        say(&format!("going on with campaign {}", under_way.name));
        under_way
    } else {
        let listed =
            inventory::obtain(app, &ledger, &tenant, Freshness::Now, &Progress::default()).await?;
        let known = ledger.campaign(&name).await?.map(|known| known.id);
        let busy = ledger.devices_in_hand(&campaign.tenant, known).await?;
        let back = rollback::plan(&ledger, &campaign, &only, &listed.inventory, &busy).await?;
        let takes = least_time(app, &ledger, &campaign.tenant, back.calls()).await?;
        let listed_at = moment(listed.listed_at);
        say(&described(&campaign, &only, &back, &listed_at, takes));
        accept(app, arguments, &campaign, &back)?;
        if !arguments.yes && !make::agreed(&question(&campaign, &back))? {
            return Ok(Exit::Error);
        }
        let sighting = (listed.listed_at, arguments.sighted_within);
        enqueue(app, &ledger, &campaign, &only, &name, &back, sighting).await?
    };
    if !arguments.run {
        if app.json {
            print_json(&back)?;
        } else {
            print(&format!("campaign {name}: {} jobs", back.counts.total));
            let command = app.command()?;
            print(&format!("drain it with: {command} worker --until-empty"));
        }
        return Ok(Exit::Done);
    }
    let (back, drained) = drain::campaign(app, &ledger, tenant, back).await?;
    let exit = finish(app, &ledger, &back, drained).await;
    ledger.close().await;
    exit
}
