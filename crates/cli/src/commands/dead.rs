//! `dead`: dead letters listed, requeued, discarded, restored; devices without a user given back.

use repilot_domain::{Actor, JobAct, JobCondition, JobId, JobState, TenantName};
use repilot_ledger::{Campaign, DeadGroup, DeadSelection, JobSelection, Ledger, TriedAgain};
use serde::Serialize;

use crate::app::{self, App, quoted};
use crate::args::{
    DeadArguments, DeadCommand, DeadListArguments, DiscardArguments, JobOrder, JobsArguments,
    RequeueArguments,
};
use crate::campaign::several::is_of;
use crate::campaign::without_user::alarm;
use crate::campaign::{give_back, job_list};
use crate::terminal::exit::Exit;
use crate::terminal::failure::Failure;
use crate::terminal::output::{ask, plain, plural, print, print_json, rendered, say, table};

/// What `--json` prints of a change.
#[derive(Serialize)]
struct Changed {
    jobs: u64,
}

/// The dead letters that a person means.
struct Letters {
    /// The campaign, where one is named.
    campaign: Option<Campaign>,
    /// The tenant, where one is named.
    tenant: Option<TenantName>,
    selection: DeadSelection,
}

impl Letters {
    /// Who it is, as whoever signed in to the campaign's tenant where one campaign is meant.
    fn actor(&self, app: &App) -> Actor {
        match &self.campaign {
            Some(campaign) => app.actor(&campaign.tenant),
            None => app.actor.clone(),
        }
    }
}

pub(crate) async fn run(app: &App, command: &DeadCommand) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger_to_look().await?;
    match command {
        DeadCommand::List(arguments) => list(app, &ledger, arguments).await,
        DeadCommand::Requeue(arguments) if arguments.without_user => {
            requeue_without_user(app, &ledger, arguments).await
        }
        DeadCommand::Requeue(arguments) => {
            let RequeueArguments { letters, yes, .. } = arguments;
            let letters = meant(app, &ledger, letters).await?;
            let meant = ledger.dead_meant(JobAct::Requeue, &letters.selection);
            let meant = meant.await?;
            let by = letters.actor(app);
            let taken = *yes || ledger.found_with_others(&meant, NAMED).await?.jobs > 0;
            if !yes && !may_be_taken(&ledger, &meant).await? {
                return Ok(Exit::Error);
            }
            let acted = if taken {
                ledger.act(JobAct::Requeue, &meant, &by, app.now()).await?
            } else {
                let acted = ledger.act_sparing_users(JobAct::Requeue, &meant, &by, app.now());
                acted.await?
            };
            let jobs = acted.jobs;
            let next = match &letters.campaign {
                Some(campaign) => app.how_to_drain(campaign)?,
                None => format!("`{} worker --until-empty`", app.command()?),
            };
            let next = format!("to drain them: {next}");
            changed(app, jobs, "requeued", &next)
        }
        DeadCommand::Discard(arguments) => {
            let DiscardArguments { letters, yes } = arguments;
            let letters = meant(app, &ledger, letters).await?;
            let meant = ledger.dead_meant(JobAct::Discard, &letters.selection);
            let meant = meant.await?;
            if !yes && !may_be_discarded(&ledger, &letters, &meant).await? {
                return Ok(Exit::Error);
            }
            let by = letters.actor(app);
            let acted = ledger.act(JobAct::Discard, &meant, &by, app.now());
            let jobs = acted.await?.jobs;
            let next = format!(
                "their attempts stay in the ledger, and `{} dead restore` takes it back",
                app.command()?
            );
            changed(app, jobs, "discarded", &next)
        }
        DeadCommand::Restore(arguments) => {
            let letters = meant(app, &ledger, arguments).await?;
            let (selection, by) = (&letters.selection, letters.actor(app));
            let jobs = ledger.restore(selection, &by, app.now()).await?;
            let next = format!("`{} dead list` has them again", app.command()?);
            changed(app, jobs, "restored", &next)
        }
        DeadCommand::GiveBack(arguments) => give_back::run(app, &ledger, arguments).await,
    }
}

/// Whether dead letters may be set aside; asks where there are any.
async fn may_be_discarded(
    ledger: &Ledger,
    letters: &Letters,
    selection: &JobSelection,
) -> anyhow::Result<bool> {
    let JobSelection::All {
        campaign,
        query,
        meant,
    } = selection
    else {
        return Ok(true);
    };
    if meant.jobs == 0 {
        return Ok(true);
    }
    let of = match &letters.campaign {
        Some(campaign) => format!(" of campaign {}", plain(&campaign.name)),
        None => letters.tenant.as_ref().map_or_else(
            || " of all campaigns".to_owned(),
            |tenant| format!(" of tenant {tenant}"),
        ),
    };
    let stranded = query.clone().and(JobCondition::WithoutUser);
    let stranded = ledger.jobs_meant(*campaign, &stranded).await?;
    let warning = match stranded.jobs {
        0 => String::new(),
        1 => " One of these devices has no user now, and stays without one.".to_owned(),
        jobs => format!(" {jobs} of these devices have no user now, and stay without one."),
    };
    let agreed = ask(&format!(
        "Discard {}{of}?{warning}",
        plural(meant.jobs, "dead letter", "dead letters")
    ))?;
    if !agreed {
        say("nothing was discarded");
    }
    Ok(agreed)
}

/// As many devices that others have as a question names.
const NAMED: u32 = 3;

/// Whether devices that other users have now may be taken from them; asks where there are any.
async fn may_be_taken(ledger: &Ledger, meant: &JobSelection) -> anyhow::Result<bool> {
    let taken = ledger.found_with_others(meant, NAMED).await?;
    if taken.jobs == 0 {
        return Ok(true);
    }
    let named = match taken.in_words() {
        words if words.is_empty() => String::new(),
        words => format!(" ({})", plain(&words)),
    };
    let agreed = ask(&format!(
        "{} of these devices are with another user now{named}. Requeue them, so that these users lose them?",
        taken.jobs
    ))?;
    if !agreed {
        say("nothing was requeued");
    }
    Ok(agreed)
}

async fn list(app: &App, ledger: &Ledger, arguments: &DeadListArguments) -> anyhow::Result<Exit> {
    let (campaign, search) = named(ledger, arguments.campaign.as_ref(), &arguments.search).await?;
    if !search.is_empty() {
        let each = each_of(arguments, campaign.as_ref(), &search);
        return job_list::show(app, &each, "dead letter").await;
    }
    let mut campaigns = ledger.campaigns_at(app.now()).await?;
    campaigns.retain(|found| {
        let named = campaign.as_ref().is_none_or(|named| named.id == found.id);
        named && is_of(arguments.tenant.as_ref(), found)
    });
    let mut groups = ledger.dead_groups().await?;
    groups.retain(|group| {
        let named = campaigns.iter().any(|found| found.name == group.campaign);
        named && arguments.reason.is_none_or(|reason| reason == group.reason)
    });
    if app.json {
        print_json(&groups)?;
        return Ok(Exit::Done);
    }
    let command = app.command()?;
    let alarms: Vec<String> = campaigns
        .iter()
        .flat_map(|found| alarm(found, &command))
        .collect();
    if !alarms.is_empty() {
        print(&format!("{}\n", alarms.join("\n")));
    }
    if groups.is_empty() {
        print("no dead letters");
        return Ok(Exit::Done);
    }
    let mut rows = table(&["CAMPAIGN", "REASON", "JOBS", "MEANING", "WHAT TO DO"]);
    for group in &groups {
        rows.add_row([
            group.campaign.clone(),
            group.reason.to_string(),
            group.jobs.to_string(),
            group.meaning.to_owned(),
            group.advice.to_owned(),
        ]);
    }
    print(&rendered(&rows));
    print(&what_next(&groups, &command));
    Ok(Exit::Done)
}

/// The commands that go on from a list of dead letters, of every group.
fn what_next(groups: &[DeadGroup], command: &str) -> String {
    let mut lines = Vec::new();
    for group in groups {
        let (campaign, reason) = (quoted(&group.campaign), group.reason);
        lines.push(format!("\n{} {reason} of {}", group.jobs, group.campaign));
        lines.push(format!(
            "  each one   {command} jobs {campaign} state:dead reason:{reason}"
        ));
        for (label, act) in [("requeue", "requeue"), ("discard", "discard")] {
            lines.push(format!(
                "  {label:9}  {command} dead {act} {campaign} --reason {reason}"
            ));
        }
    }
    lines.join("\n")
}

/// Each dead letter that fits.
fn each_of(
    arguments: &DeadListArguments,
    campaign: Option<&Campaign>,
    search: &[String],
) -> JobsArguments {
    JobsArguments {
        campaign: campaign.map(|campaign| campaign.name.clone()),
        search: search.to_vec(),
        everywhere: campaign.is_none(),
        tenant: arguments.tenant.clone(),
        state: Some(JobState::Dead),
        reason: arguments.reason.map(|reason| reason.to_string()),
        verification: None,
        limit: None,
        after: None,
        sort: JobOrder::Job,
        reverse: false,
    }
}

/// The campaign that is named by its option or by the first word, and the words that are left to search
/// for: a word that is the name of a campaign means the campaign.
async fn named(
    ledger: &Ledger,
    option: Option<&String>,
    search: &[String],
) -> anyhow::Result<(Option<Campaign>, Vec<String>)> {
    if let Some(name) = option {
        let campaign = app::campaign(ledger, name).await?;
        return Ok((Some(campaign), search.to_vec()));
    }
    if let Some((first, rest)) = search.split_first()
        && let Some(campaign) = ledger.campaign(first).await?
    {
        return Ok((Some(campaign), rest.to_vec()));
    }
    Ok((None, search.to_vec()))
}

async fn meant(app: &App, ledger: &Ledger, arguments: &DeadArguments) -> anyhow::Result<Letters> {
    let (campaign, search) = named(ledger, arguments.campaign.as_ref(), &arguments.search).await?;
    if let Some(pruned_at) = campaign.as_ref().and_then(|found| found.pruned_at) {
        return Err(Failure::error(
            format!("the jobs of this campaign were forgotten at {pruned_at}"),
            format!("`{} audit list` is what is left of it", app.command()?),
        ));
    }
    let selection = DeadSelection {
        campaign: campaign.as_ref().map(|campaign| campaign.id),
        reason: arguments.reason,
        job: arguments.job.map(JobId),
        query: job_list::of_tenant(job_list::query(&search)?, arguments.tenant.as_ref()),
    };
    Ok(Letters {
        campaign,
        tenant: arguments.tenant.clone(),
        selection,
    })
}

/// Tries the assignment of a campaign's devices without a user again.
async fn requeue_without_user(
    app: &App,
    ledger: &Ledger,
    arguments: &RequeueArguments,
) -> anyhow::Result<Exit> {
    let which = &arguments.letters;
    let (campaign, search) = named(ledger, which.campaign.as_ref(), &which.search).await?;
    let command = app.command()?;
    let Some(campaign) =
        campaign.filter(|_| search.is_empty() && which.reason.is_none() && which.job.is_none())
    else {
        return Err(Failure::error(
            "--without-user goes with the name of a campaign, and with nothing else",
            format!("`{command} dead list` names the campaigns that left devices without a user"),
        ));
    };
    let (by, now) = (&app.actor(&campaign.tenant), app.now());
    let tried = ledger.try_assigning_again(&campaign, by, now).await?;
    if app.json {
        print_json(&tried)?;
    }
    let TriedAgain {
        requeued,
        follow_up,
    } = &tried;
    if *requeued == 0 && follow_up.campaign.is_none() {
        let name = &campaign.name;
        let (what, hint) = if follow_up.busy > 0 {
            (
                format!(
                    "{} without a user are in another open campaign",
                    plural(follow_up.busy, "device", "devices")
                ),
                "status",
            )
        } else {
            (
                format!("no device of campaign `{name}` can be assigned again"),
                "status",
            )
        };
        return Err(Failure::error(
            what,
            format!("`{command} {hint} {}` says where it stands", quoted(name)),
        ));
    }
    if app.json {
        return Ok(Exit::Done);
    }
    if *requeued > 0 {
        let next = format!("to drain them: {}", app.how_to_drain(&campaign)?);
        let letters = plural(*requeued, "dead letter", "dead letters");
        print(&format!("{letters} requeued; {next}"));
    }
    if let Some(name) = &follow_up.campaign {
        print(&format!(
            "campaign {name}: {} whose jobs were cancelled or set aside",
            plural(follow_up.jobs, "device", "devices")
        ));
        let found = app::campaign(ledger, name).await?;
        print(&format!("to drain it: {}", app.how_to_drain(&found)?));
    }
    Ok(Exit::Done)
}

fn changed(app: &App, jobs: u64, what: &str, next: &str) -> anyhow::Result<Exit> {
    if app.json {
        print_json(&Changed { jobs })?;
    }
    if jobs == 0 {
        say(&format!("error: no job fits; nothing was {what}"));
        say(&format!(
            "hint: `{} dead list` shows the dead letters that there are",
            app.command()?
        ));
        return Ok(Exit::Error);
    }
    if !app.json {
        let letters = plural(jobs, "dead letter", "dead letters");
        print(&format!("{letters} {what}; {next}"));
    }
    Ok(Exit::Done)
}
