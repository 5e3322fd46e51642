//! From a selection to a plan.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use repilot_dashboard::Progress;
use repilot_domain::{Action, CampaignId, End, TenantName, Timestamp};
use repilot_ledger::Ledger;
use repilot_producer::{
    Fingerprint, Foreknowledge, Inventory, PlanSummary, Promised, Rejects, Resolution, Selection,
};

use crate::app::App;
use crate::args::SelectionArguments;
use crate::inventory::{self, Freshness, ListedInventory};
use crate::plan::check_users::{self, Asked, CheckUsers};
use crate::plan::file::{self, Facts, Origins};
use crate::plan::least_time::{Calls, least_time, limits};
use crate::plan::made::{Made, Making, Plan, PlannedDevice, UsersLookup, rows};
use crate::plan::target::Target;
use crate::plan::{question, text};
use crate::terminal::failure::Failure;
use crate::terminal::output::{ask, plain, say};
use crate::terminal::private;
use crate::terminal::progress::ShareBar;

/// Rows between two signs of life.
const SHOWN_EVERY: u64 = 20_000;

/// Lists the inventory where it is not fresh, holds the selection against it, writes the files that
/// the arguments ask for, and refuses a plan that nobody can mean.
pub(crate) async fn plan(
    app: &App,
    ledger: &Ledger,
    target: &Target,
    arguments: &SelectionArguments,
    making: Making<'_>,
) -> anyhow::Result<Made> {
    spare_the_lists(arguments)?;
    let freshness = if target.simulator.is_some() || arguments.refresh {
        Freshness::Anew
    } else {
        Freshness::Setting
    };
    let ListedInventory {
        inventory,
        listed_at,
        unreadable,
    } = inventory::obtain(app, ledger, &target.tenant, freshness, &Progress::default()).await?;
    let busy = ledger
        .devices_in_hand(&target.tenant.name, making.campaign_id())
        .await?;
    let now = app.now();
    let selection = &target.selection;
    let mut known = promised(ledger, selection.action, making.campaign_id()).await?;
    known.busy = busy;
    known.after_others = arguments.after_others;
    let users_lookup = look_users_up(app, ledger, target, &inventory, &mut known, now, making);
    let users_lookup = users_lookup.await?;
    let rejects = arguments.rejects.as_deref();
    let resolved = resolve(selection, &inventory, &known, now, rejects, making)?;
    action_is_written_out(arguments, target, &resolved.summary)?;
    if let Some(promised) = &target.promised {
        promised.holds(&inventory.sha256(), &resolved.devices_sha256)?;
    }
    if let Some(path) = &arguments.save_plan {
        let origins = Origins {
            lists: &arguments.lists,
            except: &arguments.except,
            reading: arguments.reading.reading(),
        };
        let facts = Facts {
            tenant: target.tenant.name.clone(),
            inventory_sha256: inventory.sha256(),
            inventory_listed_at: listed_at,
            made_at: now,
            devices: resolved.summary.planned,
            devices_sha256: resolved.devices_sha256.clone(),
            check_users: users_lookup.as_ref().is_some_and(|lookup| lookup.done),
        };
        file::save(path, selection, &origins, facts)?;
    }
    let in_other_campaigns = resolved.summary.busy_by_campaign.values().sum();
    let steps = selection.action.steps().len() as u64;
    let calls = Calls {
        writes: resolved.summary.planned * steps,
        ..Calls::default()
    };
    let duration = least_time(app, ledger, &target.tenant.name, calls).await?;
    let limits = limits(
        app,
        ledger,
        &target.tenant.name,
        steps,
        making.controls.rate,
    )
    .await?;
    let work = making.work(resolved.summary.planned, limits);
    let forecast = work.forecast(now);
    let mut hints = hints(selection, &resolved.summary);
    hints.extend(rejects.and_then(|path| opening_hint(path, &resolved.summary)));
    let plan = Plan {
        list: selection.name(),
        list_sha256: selection.sha256(),
        understood: selection.described(),
        tenant: target.tenant.name.to_string(),
        inventory: inventory.len(),
        inventory_listed_at: listed_at,
        inventory_unreadable: unreadable,
        planned_at: now,
        is_blind: inventory.is_blind(),
        in_other_campaigns,
        duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        controls: making.controls.clone(),
        begins_at: forecast.begins,
        canary_ends_at: forecast.stops,
        ends_at: match forecast.end {
            End::Done(at) => Some(at),
            End::Deadline(..) | End::Never => None,
        },
        end: work.in_words(&forecast, now),
        users_lookup,
        hints,
        summary: resolved.summary,
    };
    Ok(Made {
        plan,
        inventory,
        known,
        devices: resolved.devices,
        devices_sha256: resolved.devices_sha256,
    })
}

/// Asks the directory for the users who are to be assigned, where it is to be asked.
async fn look_users_up(
    app: &App,
    ledger: &Ledger,
    target: &Target,
    inventory: &Inventory,
    known: &mut Foreknowledge,
    now: Timestamp,
    making: Making<'_>,
) -> anyhow::Result<Option<UsersLookup>> {
    let selection = &target.selection;
    if !selection.action.needs_user() {
        return Ok(None);
    }
    let not_done = |says| UsersLookup { done: false, says };
    if target.check_users == CheckUsers::No {
        return Ok(Some(not_done("as --no-check-users says".to_owned())));
    }
    let users = {
        let resolved = resolve(selection, inventory, known, now, None, making)?;
        check_users::distinct(&resolved.devices)
    };
    let asked = check_users::ask(app, ledger, &target.tenant, target.check_users, users).await?;
    Ok(Some(match asked {
        Asked::NotAllowed(why) => not_done(why),
        Asked::Answered(accounts) => {
            let says = match accounts.len() {
                1 => "1 user".to_owned(),
                users => format!("{users} users"),
            };
            known.accounts = accounts;
            UsersLookup { done: true, says }
        }
    }))
}

/// Whom a campaign that there is assigns its devices to already.
async fn promised(
    ledger: &Ledger,
    action: Action,
    campaign: Option<CampaignId>,
) -> anyhow::Result<Foreknowledge> {
    let mut known = Foreknowledge::default();
    let Some(campaign) = campaign.filter(|_| action.needs_user()) else {
        return Ok(known);
    };
    for (device, job, user_principal_name) in ledger.devices_promised(campaign).await? {
        let promised = Promised {
            job,
            user_principal_name,
        };
        known.promised.insert(device, promised);
    }
    Ok(known)
}

/// Refuses lists that say who is to be assigned where nobody says whether that is meant: to unassign alone
/// would take the devices from their users and give them to nobody.
fn action_is_written_out(
    arguments: &SelectionArguments,
    target: &Target,
    summary: &PlanSummary,
) -> anyhow::Result<()> {
    let is_said = arguments.action.is_some() || target.promised.is_some();
    if is_said || summary.unread_new_users == 0 {
        return Ok(());
    }
    Err(Failure::error(
        format!(
            "{} rows of {} say who is to be assigned, and no action says what becomes of these users",
            summary.unread_new_users,
            target.selection.name()
        ),
        "--action reassign unassigns each device and then assigns it to its new user (assign, where nobody has it); --action unassign takes it from its user and gives it to nobody; nothing was enqueued",
    ))
}

/// What somebody may have meant otherwise.
fn hints(selection: &Selection, summary: &PlanSummary) -> Vec<String> {
    let mut hints = selection.hints();
    if summary.unread_new_users > 0 {
        hints.push(format!(
            "{} rows say who is to be assigned, and nobody is: the action is unassign",
            summary.unread_new_users
        ));
    }
    if summary.renamed > 0 {
        hints.push(format!(
            "{} under another device name than an earlier row, and may mean another machine: {}",
            again(summary.renamed),
            summary.first_renamed
        ));
    }
    if let Some(hint) = near_misses(summary) {
        hints.push(hint);
    }
    hints
}

/// What a spreadsheet does to a CSV of refused rows that it opens.
fn opening_hint(path: &Path, summary: &PlanSummary) -> Option<String> {
    (summary.refused > 0 && !is_workbook(path)).then(|| {
        format!(
            "a spreadsheet that opens {} takes leading zeros away: import it as text, or give a name that ends in .xlsx for a workbook of text",
            path.display()
        )
    })
}

/// Whether a name is that of a workbook.
fn is_workbook(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("xlsx"))
}

/// How many refused rows each repair would take.
fn near_misses(summary: &PlanSummary) -> Option<String> {
    let repairs = summary.near_misses.iter();
    let each: Vec<String> = repairs
        .map(|(repairs, count)| format!("`--repair {repairs}` takes {count}"))
        .collect();
    let all: u64 = summary.near_misses.values().sum();
    (all > 0).then(|| {
        format!(
            "{} nearly {} a device; where the details are right, {}",
            rows(all),
            if all == 1 { "names" } else { "name" },
            each.join(", ")
        )
    })
}

fn again(count: u64) -> String {
    if count == 1 {
        "1 row names a device".to_owned()
    } else {
        format!("{count} rows name devices")
    }
}

/// No file is written over a list that is read.
fn spare_the_lists(arguments: &SelectionArguments) -> anyhow::Result<()> {
    let written = [&arguments.rejects, &arguments.save_plan];
    let read = arguments.lists.iter().chain(&arguments.except);
    let read: Vec<_> = read.chain(&arguments.plan).collect();
    for path in written.into_iter().flatten() {
        let same = |list: &&PathBuf| {
            let places = (path.canonicalize(), list.canonicalize());
            matches!(places, (Ok(path), Ok(list)) if path == list)
        };
        if read.iter().copied().any(|list| same(&list)) {
            return Err(Failure::error(
                format!("{} would be written over while it is read", path.display()),
                "give another file; nothing was written",
            ));
        }
    }
    Ok(())
}

/// Begins the table of refused rows: a workbook where its name says so.
fn refused_rows(
    path: &Path,
    file: std::fs::File,
    selection: &Selection,
) -> std::io::Result<Rejects<std::io::BufWriter<std::fs::File>>> {
    let file = std::io::BufWriter::new(file);
    if is_workbook(path) {
        Rejects::workbook(file, selection)
    } else {
        Rejects::csv(file, selection)
    }
}

struct Resolved {
    summary: PlanSummary,
    devices: Vec<PlannedDevice>,
    /// Of their ids and whom they are assigned to, in order.
    devices_sha256: String,
}

fn resolve(
    selection: &Selection,
    inventory: &Inventory,
    known: &Foreknowledge,
    now: Timestamp,
    rejects: Option<&Path>,
    making: Making<'_>,
) -> anyhow::Result<Resolved> {
    let bar = ShareBar::start("planning");
    let mut steps = selection.steps(inventory, now)?.knowing(known);
    if making.every_refusal {
        steps = steps.keeping_every_refusal();
    }
    let mut file = match rejects {
        Some(path) => {
            steps = steps.keeping_refused_rows();
            let failed = || format!("cannot write the refused rows to {}", path.display());
            let created = private::create(path).map_err(|error| {
                Failure::error(
                    format!("{}: {error}", failed()),
                    "does the folder exist, and is it yours? nothing was enqueued",
                )
            })?;
            Some(refused_rows(path, created, selection).with_context(failed)?)
        }
        None => None,
    };
    let mut devices = Vec::new();
    let mut fingerprint = Fingerprint::default();
    let mut rows = 0;
    while let Some(step) = steps.next() {
        let step = step?;
        rows += 1;
        if rows % SHOWN_EVERY == 0 {
            let message = format!("planning: {rows} rows, {} devices", devices.len());
            bar.show(steps.progress(), &message);
        }
        match step.resolution {
            Resolution::Planned {
                index,
                device,
                new_user,
            } => {
                fingerprint.part(device.id.as_str());
                if let Some(user) = &new_user {
                    fingerprint.part(&user.user_principal_name);
                    fingerprint.part(&user.display_name);
                }
                devices.push(PlannedDevice {
                    index,
                    line: step.line,
                    new_user: new_user.map(Box::new),
                });
            }
            Resolution::Merged { .. } | Resolution::LeftOut => {}
            Resolution::Refused(refused) => {
                if let (Some(file), Some(list), Some(cells)) = (&mut file, step.list, &step.cells) {
                    file.write(list, step.sheet, cells, &refused)
                        .context("cannot write the refused rows")?;
                }
            }
        }
    }
    if let Some(file) = file {
        file.finish().context("cannot write the refused rows")?;
    }
    Ok(Resolved {
        summary: steps.finish(),
        devices,
        devices_sha256: fingerprint.finish(),
    })
}

/// What is asked before a plan is enqueued.
pub(crate) fn question(plan: &Plan, tenant: &TenantName) -> String {
    format!(
        "Enqueue {} devices of tenant {tenant} {}?",
        plan.summary.planned,
        question::fate(&plan.summary)
    )
}

/// Asks whether a plan is meant.
pub(crate) fn agreed(question: &str) -> anyhow::Result<bool> {
    let agreed = ask(question)?;
    if !agreed {
        say("nothing was enqueued");
    }
    Ok(agreed)
}

/// Refuses a plan that nobody can mean, or that is larger than somebody said it may be.
/// Why nothing is left of a list whose devices have open jobs in other campaigns.
fn all_busy(plan: &Plan) -> anyhow::Error {
    let busy = &plan.summary.busy_by_campaign;
    let names: Vec<String> = busy
        .iter()
        .map(|(campaign, devices)| {
            let name = plain(campaign);
            if *devices == 1 {
                format!("1 device has an open job in campaign `{name}`")
            } else {
                format!("{devices} devices have open jobs in campaign `{name}`")
            }
        })
        .collect();
    Failure::error(
        format!(
            "no device of {} is left to be planned: {}",
            plan.list,
            names.join(", ")
        ),
        "to let them wait for those jobs' end, say so with --after-others; nothing was enqueued",
    )
}

pub(crate) fn accept(app: &App, plan: &Plan, arguments: &SelectionArguments) -> anyhow::Result<()> {
    let summary = &plan.summary;
    if summary.planned == 0 && !summary.busy_by_campaign.is_empty() {
        return Err(all_busy(plan));
    }
    if summary.planned == 0 {
        let out = summary.left_out_by_condition + summary.left_out_by_exception;
        let message = if out == 0 && summary.refused_for_users() > 0 {
            let reasons = text::reasons(summary);
            format!(
                "none of the {} rows of {} can be done: {reasons}",
                summary.rows, plan.list
            )
        } else if out > 0 {
            format!(
                "of the {} rows of {} no device of tenant `{}` is left: conditions and exceptions take out {out}",
                summary.rows, plan.list, plan.tenant
            )
        } else {
            format!(
                "none of the {} of {} names a device of tenant `{}`",
                rows(summary.rows),
                plan.list,
                plan.tenant
            )
        };
        let hint = near_misses(summary).map_or_else(
            || "is it the right list, and the right tenant? nothing was enqueued".to_owned(),
            |near| format!("{near}; nothing was enqueued"),
        );
        return Err(Failure::error(message, hint));
    }
    if summary.unknown_exceptions > 0 && summary.excepted == 0 {
        return Err(Failure::error(
            format!(
                "the exceptions name no device of tenant `{}`: none of their {} rows is known",
                plan.tenant, summary.unknown_exceptions
            ),
            "is it the right list for --except? nothing was enqueued",
        ));
    }
    if plan.is_blind && summary.action == Action::Assign && !arguments.blind {
        return Err(Failure::error(
            format!(
                "no device of tenant `{}` shows a user, so nobody can see from whom an assignment takes a device",
                plan.tenant
            ),
            "if these devices are to be assigned all the same, say so with --blind; nothing was enqueued",
        ));
    }
    if arguments.strict && summary.unknown_exceptions > 0 {
        return Err(Failure::error(
            format!(
                "{} rows of the exceptions name no device, and --strict wants none",
                summary.unknown_exceptions
            ),
            "mend those rows or leave --strict out; nothing was enqueued",
        ));
    }
    if arguments.strict && summary.refused > 0 {
        return Err(Failure::error(
            format!(
                "{} of {} rows were refused, and --strict wants none",
                summary.refused, summary.rows
            ),
            "mend those rows or leave --strict out; nothing was enqueued",
        ));
    }
    let most = arguments
        .max_devices
        .unwrap_or(app.settings.plan.max_devices);
    if most > 0 && summary.planned > most {
        return Err(Failure::error(
            format!(
                "the plan has {} devices, and no more than {most} are allowed at once",
                summary.planned
            ),
            format!(
                "if all of them are meant, say so with --max-devices {} or `[plan] max_devices`; nothing was enqueued",
                summary.planned
            ),
        ));
    }
    Ok(())
}
