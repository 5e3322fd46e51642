//! `campaign`: listed, paused, resumed, cancelled.

use repilot_domain::{JobAct, JobCondition, JobState, Timestamp};
use repilot_ledger::{Campaign, HEARD_WITHIN, JobSelection, Ledger};

use crate::app::{self, App};
use crate::args::CampaignCommand;
use crate::campaign::control_args::Meant as MeantControls;
use crate::campaign::job_list;
use crate::campaign::outcome::finish;
use crate::campaign::several::{self, Meant};
use crate::drain::{self, Drained, notify};
use crate::plan::controls_text;
use crate::standings;
use crate::tenant::tenants;
use crate::terminal::exit::Exit;
use crate::terminal::failure::Failure;
use crate::terminal::output::{ask, moment, plural, print, print_json, say};

/// What a cancel came to, with the jobs whose calls nobody knows the outcome of.
fn cancelled_in_words(name: &str, cancelled: u64, uncertain: i64) -> String {
    let will_not = format!(
        "campaign {name} is cancelled: {} will not be called",
        plural(cancelled, "job", "jobs")
    );
    match uncertain {
        0 => will_not,
        uncertain => format!(
            "{will_not}; {uncertain} are uncertain, since nobody knows what came of their calls: \
             a worker looks at their devices and calls nothing; start one with `repilot worker`"
        ),
    }
}

pub(crate) async fn run(app: &App, command: &CampaignCommand) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger_to_look().await?;
    let campaign = match command {
        // `status` lists them.
        CampaignCommand::List { .. } => return Ok(Exit::Done),
        CampaignCommand::Pause { which, reason } => match which.look_up(app, &ledger).await? {
            Meant::One(campaign) => *campaign,
            Meant::Several(campaigns) => {
                return several::pause(app, &ledger, &campaigns, reason).await;
            }
        },
        CampaignCommand::Resume { which, run, yes } => match which.look_up(app, &ledger).await? {
            Meant::One(campaign) => *campaign,
            Meant::Several(_) if *run => {
                return Err(Failure::error(
                    "--run drains a single campaign",
                    "name one, or resume them and start `repilot worker`; nothing was changed",
                ));
            }
            Meant::Several(campaigns) => {
                return several::resume(app, &ledger, &campaigns, *yes).await;
            }
        },
        CampaignCommand::Set { name, .. }
        | CampaignCommand::Cancel { name, .. }
        | CampaignCommand::Skip { name, .. } => app::campaign(&ledger, name).await?,
    };
    let name = &campaign.name;
    let by = &app.actor(&campaign.tenant);
    let done = match command {
        CampaignCommand::List { .. } => String::new(),
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
        CampaignCommand::Set { controls, .. } => {
            let meant = controls.meant(app, Some(&campaign))?;
            set(app, &ledger, &campaign, &meant).await?
        }
        CampaignCommand::Resume { run, .. } => {
            may_resume(&campaign, app.now())?;
            let resumed = ledger.resume(campaign.id, by, app.now()).await?;
            if *run {
                return drain_it(app, &ledger, &campaign, resumed).await;
            }
            said_of(app, &ledger, &campaign, resumed).await?
        }
        CampaignCommand::Cancel { search, yes, .. } if !search.is_empty() => {
            match act(app, &ledger, &campaign, JobAct::Cancel, search, *yes).await? {
                Some(jobs) => format!(
                    "{} of campaign {name} will not be called",
                    plural(jobs, "job", "jobs")
                ),
                None => return Ok(Exit::Error),
            }
        }
        CampaignCommand::Skip { search, yes, .. } => {
            match act(app, &ledger, &campaign, JobAct::Skip, search, *yes).await? {
                Some(1) => format!("1 job of campaign {name} is set aside"),
                Some(jobs) => format!("{jobs} jobs of campaign {name} are set aside"),
                None => return Ok(Exit::Error),
            }
        }
        CampaignCommand::Cancel { yes, .. } => {
            let open = campaign.counts.open();
            if campaign.has_ended() {
                return Err(Failure::error(
                    format!("campaign `{name}` has ended; there is nothing to cancel"),
                    format!(
                        "`repilot status {}` shows what it came to",
                        app::quoted(name)
                    ),
                ));
            }
            let question = format!(
                "Cancel {} of campaign {name} for good?",
                plural(open, "job", "jobs")
            );
            if !yes && !ask(&question)? {
                say("nothing changed");
                return Ok(Exit::Error);
            }
            let cancelled = ledger.cancel(campaign.id, by, app.now()).await?;
            let after = app::campaign(&ledger, name).await?;
            cancelled_in_words(name, cancelled, after.counts.uncertain)
        }
    };
    if app.json {
        let campaign = app::campaign(&ledger, name).await?;
        print_json(&standings::stood(app, &ledger, campaign).await?)?;
    } else {
        print(&done);
    }
    Ok(Exit::Done)
}

/// What is said of a campaign that was to go on: who moves it, or how.
async fn said_of(
    app: &App,
    ledger: &Ledger,
    campaign: &Campaign,
    resumed: bool,
) -> anyhow::Result<String> {
    let name = &campaign.name;
    if !resumed {
        return Ok(format!("campaign {name} is not paused; nothing changed"));
    }
    if is_attended(ledger, campaign, app.now()).await? {
        return Ok(format!(
            "campaign {name} may go on; a worker is up, and goes on with it"
        ));
    }
    let drain = app.how_to_drain(campaign)?;
    Ok(format!(
        "campaign {name} may go on; to drain it: {drain}, or the `run` that began it"
    ))
}

/// Whether a worker that is up attends to a campaign. It promises so to every open campaign of its tenants,
/// and a campaign that was paused may have an old promise.
async fn is_attended(ledger: &Ledger, campaign: &Campaign, now: Timestamp) -> anyhow::Result<bool> {
    let beats = ledger.workers(now.before(HEARD_WITHIN)).await?;
    let known = app::campaign(ledger, &campaign.name).await?;
    Ok(!beats.is_empty() && known.attended_until > now)
}

/// Drains a campaign that goes on, as `run` does.
async fn drain_it(
    app: &App,
    ledger: &Ledger,
    campaign: &Campaign,
    resumed: bool,
) -> anyhow::Result<Exit> {
    let name = &campaign.name;
    if campaign.has_ended() {
        say(&format!(
            "campaign {name} has ended already; nothing was called"
        ));
        return finish(app, ledger, campaign, Drained::Ended).await;
    }
    let tenant = tenants::choose(&app.settings, Some(&campaign.tenant))?;
    let tenant = tenants::build(&app.settings, &app.clock, &tenant)?;
    let found = app::campaign(ledger, name).await?;
    say(&format!(
        "campaign {name} {}: {} of {} left",
        if resumed { "goes on" } else { "was not paused" },
        found.counts.open(),
        found.counts.total
    ));
    for (label, words) in controls_text::in_words(&found.controls) {
        say(&format!("  {label:<9}  {words}"));
    }
    let notifier = notify::start(app, ledger).await;
    let drained = drain::campaign(app, ledger, tenant, found).await;
    if let Some(notifier) = notifier {
        notifier.end().await;
    }
    let (found, drained) = drained?;
    let exit = finish(app, ledger, &found, drained).await;
    ledger.close().await;
    exit
}

/// Does something to those jobs that fit and have not been called yet, if that is what is meant; to
/// how many.
async fn act(
    app: &App,
    ledger: &Ledger,
    campaign: &Campaign,
    act: JobAct,
    search: &[String],
    yes: bool,
) -> anyhow::Result<Option<u64>> {
    let states = JobState::sources_of(act.event());
    let query = job_list::query(search)?.and(JobCondition::State(states));
    let meant = ledger.jobs_meant(Some(campaign.id), &query).await?;
    let (jobs, name) = (meant.jobs, &campaign.name);
    let what = match act {
        JobAct::Skip => "Set aside",
        JobAct::Cancel | JobAct::Requeue | JobAct::Discard | JobAct::Restore => "Cancel",
    };
    let question = format!(
        "{what} {} of campaign {name} for good?",
        plural(jobs, "job", "jobs")
    );
    if jobs > 0 && !yes && !ask(&question)? {
        say("nothing changed");
        return Ok(None);
    }
    let selection = JobSelection::All {
        campaign: Some(campaign.id),
        query,
        meant,
    };
    let by = app.actor(&campaign.tenant);
    let acted_on = ledger.act(act, &selection, &by, app.now()).await?;
    Ok(Some(acted_on.jobs))
}

/// Changes what holds a campaign back, and says what is different.
async fn set(
    app: &App,
    ledger: &Ledger,
    campaign: &Campaign,
    meant: &MeantControls,
) -> anyhow::Result<String> {
    let name = &campaign.name;
    let differences = campaign.controls.differences(&meant.controls);
    if differences.is_empty() {
        return Ok(format!(
            "campaign {name} is held back like that already; nothing changed"
        ));
    }
    ledger
        .change_controls(
            campaign.id,
            &meant.changes,
            &app.actor(&campaign.tenant),
            app.now(),
        )
        .await?;
    Ok(format!("campaign {name}: {}", differences.join("; ")))
}

/// One whose deadline has passed would be paused again at once.
fn may_resume(campaign: &Campaign, now: Timestamp) -> anyhow::Result<()> {
    match campaign.controls.schedule.deadline {
        Some(deadline) if deadline <= now => Err(Failure::error(
            format!(
                "the deadline {} of campaign `{}` has passed",
                moment(deadline),
                campaign.name
            ),
            format!(
                "`repilot campaign set {} --deadline MOMENT`, or --no-deadline, then resume it",
                app::quoted(&campaign.name)
            ),
        )),
        _ => Ok(()),
    }
}
