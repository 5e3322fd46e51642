//! `dead give-back`: devices without a user go back to whom they had.

use repilot_ledger::{Campaign, FollowUp, Ledger, NextUser};

use crate::app::{self, App, quoted};
use crate::args::GiveBackArguments;
use crate::campaign::outcome::finish;
use crate::drain;
use crate::tenant::tenants;
use crate::terminal::exit::Exit;
use crate::terminal::failure::Failure;
use crate::terminal::output::{ask, plural, print, print_json, say};

pub(crate) async fn run(
    app: &App,
    ledger: &Ledger,
    arguments: &GiveBackArguments,
) -> anyhow::Result<Exit> {
    let name = &arguments.campaign;
    let campaign = app::campaign_now(app, ledger, name).await?;
    let left = campaign.counts.left_without_user();
    if left == 0 {
        return Err(nothing(app, &campaign)?);
    }
    let devices = plural(left, "device", "devices");
    let question = format!(
        "Give {devices} of campaign {name} back to the users who had them? Each is looked at first; \
         one that has a user is left alone."
    );
    if !arguments.yes && !ask(&question)? {
        say("nothing was changed");
        return Ok(Exit::Error);
    }
    let (by, now) = (&app.actor(&campaign.tenant), app.now());
    let given = ledger
        .assign_left_behind(&campaign, NextUser::Former, by, now)
        .await?;
    let Some(back) = &given.campaign else {
        return Err(impossible(app, &campaign, &given)?);
    };
    if arguments.run {
        let tenant = tenants::choose(&app.settings, Some(&campaign.tenant))?;
        let tenant = tenants::build(&app.settings, &app.clock, &tenant)?;
        let back = app::campaign(ledger, back).await?;
        say(&format!("campaign {}: {devices}", back.name));
        let (back, drained) = drain::campaign(app, ledger, tenant, back).await?;
        return finish(app, ledger, &back, drained).await;
    }
    if app.json {
        print_json(&given)?;
        return Ok(Exit::Done);
    }
    let jobs = plural(given.jobs, "device", "devices");
    print(&format!(
        "campaign {back}: {jobs} to give back{}",
        besides(&given)
    ));
    let back = app::campaign(ledger, back).await?;
    print(&format!("drain it with: {}", app.how_to_drain(&back)?));
    Ok(Exit::Done)
}

/// Devices that were left out, in words.
fn besides(given: &FollowUp) -> String {
    let mut parts = Vec::new();
    if given.busy > 0 {
        parts.push(format!("{} are in another open campaign", given.busy));
    }
    if given.no_former_user > 0 {
        parts.push(format!("{} had nobody before", given.no_former_user));
    }
    if parts.is_empty() {
        return String::new();
    }
    format!("; left out: {}", parts.join(", "))
}

/// Why there is nothing to give back.
fn nothing(app: &App, campaign: &Campaign) -> anyhow::Result<anyhow::Error> {
    let (command, name) = (app.command()?, quoted(&campaign.name));
    let open = campaign.counts.without_user_open;
    if open > 0 {
        let devices = plural(open, "device", "devices");
        return Ok(Failure::error(
            format!(
                "{devices} of campaign `{}` without a user are still to be assigned by it",
                campaign.name
            ),
            format!(
                "let it go on, or `{command} campaign cancel {name} without:user` and then give them back"
            ),
        ));
    }
    Ok(Failure::error(
        format!(
            "no device of campaign `{}` is without a user",
            campaign.name
        ),
        format!("`{command} rollback {name}` takes back what it did; nothing was changed"),
    ))
}

/// Why none of the devices can be given back now.
fn impossible(app: &App, campaign: &Campaign, given: &FollowUp) -> anyhow::Result<anyhow::Error> {
    let command = app.command()?;
    Ok(if given.busy > 0 {
        Failure::error(
            format!(
                "{} of campaign `{}` are in another open campaign already",
                plural(given.busy, "device", "devices"),
                campaign.name
            ),
            format!("`{command} status` shows it; nothing was changed"),
        )
    } else {
        Failure::error(
            format!(
                "{} of campaign `{}` had nobody before",
                plural(given.no_former_user, "device", "devices"),
                campaign.name
            ),
            format!(
                "`{command} dead requeue {} --without-user` tries their assignment again",
                quoted(&campaign.name)
            ),
        )
    })
}
