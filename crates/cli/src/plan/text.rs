//! A plan in words.

use std::collections::BTreeMap;

use repilot_domain::{Action, By, Repairs};
use repilot_producer::{PlanSummary, REFUSALS_SHOWN, SheetCounts};

use crate::plan::controls_text::in_words;
use crate::plan::made::{Plan, rows};
use crate::plan::question;
use crate::terminal::output::{moment, plain, rendered, say, table};

/// As many group tags or models as a line takes.
const GROUPS_SHOWN: usize = 6;

/// As many unreadable items as are shown.
const UNREADABLE_SHOWN: usize = 5;

/// Shows a plan to a person, on stderr.
pub(crate) fn show(plan: &Plan) {
    say(&described(plan));
}

/// A plan in words.
pub(crate) fn described(plan: &Plan) -> String {
    let summary = &plan.summary;
    let mut lines = vec![format!(
        "Plan for {} in tenant {}: {} (of {} in the inventory of {})",
        plain(&plan.list),
        plan.tenant,
        question::planned(summary),
        plan.inventory,
        moment(plan.inventory_listed_at)
    )];
    for part in &plan.understood {
        lines.push(format!("  read as        {}", plain(part)));
    }
    unreadable(&mut lines, &plan.inventory_unreadable);
    for hint in &plan.hints {
        lines.push(format!("  hint           {hint}"));
    }
    if summary.planned > 0 {
        lines.push(format!("  duration       {}", plan.end));
    }
    for (name, words) in in_words(&plan.controls) {
        lines.push(format!("  {name:<14} {words}"));
    }
    if plan.is_blind {
        lines.push(
            "  no users       no device of this tenant shows a user: nobody can see who has a device, or whether it changes hands before its call"
                .to_owned(),
        );
    }
    groups(&mut lines, "group tags", &summary.by_group_tag);
    groups(&mut lines, "models", &summary.by_model);
    if !summary.mapped.is_empty() {
        let mapped = |(by, count): (&By, &u64)| format!("{count} by their {}", by.words());
        let mapped: Vec<String> = summary.mapped.iter().map(mapped).collect();
        lines.push(format!(
            "  mapped         to their Autopilot ids: {}",
            mapped.join(", ")
        ));
    }
    readings(&mut lines, plan);
    let mut counted = |count: u64, name: &str, what: &str| {
        if count > 0 {
            lines.push(format!("  {name:<14} {count} {what}"));
        }
    };
    let without_user = match summary.action {
        // They are as they should be.
        Action::Assign => 0,
        Action::Unassign | Action::Reassign => summary.without_user,
    };
    counted(
        without_user,
        "without user",
        "have none in Intune; the call to unassign is sent for them as well",
    );
    counted(
        summary.partly_unknown,
        "half known",
        "have a name in the list that the inventory does not know, beside one that it does",
    );
    for (campaign, count) in &summary.busy_by_campaign {
        let have = if *count == 1 { "has" } else { "have" };
        let what = format!(
            "{have} an open job in campaign {}, and got none",
            plain(campaign)
        );
        counted(*count, "busy", &what);
    }
    for (campaign, count) in &summary.waiting_by_campaign {
        let wait = if *count == 1 { "waits" } else { "wait" };
        let what = format!(
            "{wait} for the end of an open job in campaign {}",
            plain(campaign)
        );
        counted(*count, "after others", &what);
    }
    counted(summary.merged, "merged", "rows name a device again");
    counted(
        summary.left_out_by_condition,
        "left out",
        "do not meet the conditions",
    );
    counted(
        summary.left_out_by_exception,
        "left out",
        "are among the exceptions",
    );
    counted(
        summary.unknown_exceptions,
        "exceptions",
        "name no device of the inventory, and take nothing out",
    );
    counted(
        summary.numbers,
        "numbers",
        "rows hold a number where a name should be text",
    );
    lines.extend(summary.sheets.iter().map(sheet));
    first_devices(&mut lines, summary);
    refusals(&mut lines, plan);
    lines.join("\n")
}

/// What users were looked up, and what of the keys was not read as it stands.
fn readings(lines: &mut Vec<String>, plan: &Plan) {
    let summary = &plan.summary;
    if let Some(lookup) = &plan.users_lookup {
        let done = if lookup.done { "" } else { "not " };
        lines.push(format!(
            "  users          {done}looked up in the directory: {}",
            lookup.says
        ));
    }
    if !summary.made_plain.is_empty() {
        let each = |(character, count): (&String, &u64)| format!("{character} in {count}");
        let each: Vec<String> = summary.made_plain.iter().map(each).collect();
        lines.push(format!(
            "  made plain     keys held characters that nobody sees or that only look like others: {}",
            each.join(", ")
        ));
    }
    if !summary.repaired.is_empty() {
        let each = |(repairs, count): (&Repairs, &u64)| format!("{repairs} {count}");
        let each: Vec<String> = summary.repaired.iter().map(each).collect();
        lines.push(format!("  repaired       {}", each.join("; ")));
        for row in &summary.first_repaired {
            lines.push(format!(
                "                 line {}: {} is {}",
                row.line,
                plain(&row.value),
                plain(&row.serial)
            ));
        }
    }
    if summary.by_name > 0 {
        lines.push(format!(
            "  by name        {} found by their display name alone, which may be another device's today",
            devices(summary.by_name)
        ));
    }
}

fn devices(count: u64) -> String {
    if count == 1 {
        "1 device was".to_owned()
    } else {
        format!("{count} devices were")
    }
}

/// Items that the listing could not read: whoever looks for one of their devices finds them named.
fn unreadable(lines: &mut Vec<String>, items: &[String]) {
    if items.is_empty() {
        return;
    }
    lines.push(format!(
        "  unreadable     {} in Graph's listing left out, as if not in the inventory:",
        if items.len() == 1 {
            "1 item".to_owned()
        } else {
            format!("{} items", items.len())
        }
    ));
    for item in items.iter().take(UNREADABLE_SHOWN) {
        lines.push(format!("                 {}", plain(item)));
    }
    let more = items.len().saturating_sub(UNREADABLE_SHOWN);
    if more > 0 {
        lines.push(format!(
            "                 and {more} more; --json names all of them"
        ));
    }
}

/// The first few devices: a person sees whether it is the right list.
fn first_devices(lines: &mut Vec<String>, summary: &PlanSummary) {
    if !summary.first.is_empty() {
        let mut header = vec![" first devices", "model", "group tag", "user"];
        if summary.action.needs_user() {
            header.push("new user");
        }
        let mut first = table(&header);
        for device in &summary.first {
            let mut cells = vec![
                format!(" {}", plain(&device.serial)),
                plain(&device.model),
                plain(&device.group_tag),
                plain(&device.user),
            ];
            if summary.action.needs_user() {
                cells.push(plain(&device.new_user));
            }
            first.add_row(cells);
        }
        lines.push(rendered(&first));
    }
}

/// What becomes of a sheet's rows.
fn sheet(counts: &SheetCounts) -> String {
    let mut parts = vec![
        format!("{} planned", counts.planned),
        format!("{} refused", counts.refused),
    ];
    for (count, what) in [(counts.merged, "merged"), (counts.left_out, "left out")] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    let hidden = match (counts.hidden_included, counts.hidden_skipped) {
        (0, 0) => String::new(),
        (0, skipped) => format!("; not read: {skipped} hidden"),
        (included, _) => format!("; {included} of them hidden"),
    };
    format!(
        "  sheet          `{}`: {} = {}{hidden}",
        plain(&counts.sheet),
        rows(counts.rows),
        parts.join(" + ")
    )
}

fn groups(lines: &mut Vec<String>, name: &str, groups: &BTreeMap<String, u64>) {
    if groups.len() < 2 {
        return;
    }
    let mut sorted: Vec<(&String, &u64)> = groups.iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(a.1));
    let named = |group: &str| match group {
        "" => "(none)".to_owned(),
        group => plain(group),
    };
    let mut words: Vec<String> = sorted
        .iter()
        .take(GROUPS_SHOWN)
        .map(|(group, count)| format!("{} {count}", named(group)))
        .collect();
    if sorted.len() > GROUPS_SHOWN {
        let rest: u64 = sorted[GROUPS_SHOWN..]
            .iter()
            .map(|(_, count)| **count)
            .sum();
        words.push(format!("others {rest}"));
    }
    lines.push(format!("  {name:<14} {}", words.join(", ")));
}

/// Refused rows by their reason, in words.
pub(crate) fn reasons(summary: &PlanSummary) -> String {
    let reasons: Vec<String> = summary
        .refused_by_reason
        .iter()
        .map(|(reason, count)| format!("{} {count}", reason.as_str()))
        .collect();
    reasons.join(", ")
}

fn refusals(lines: &mut Vec<String>, plan: &Plan) {
    let summary = &plan.summary;
    if summary.refused == 0 {
        return;
    }
    lines.push(format!(
        "  refused        {}: {}",
        rows(summary.refused),
        reasons(summary)
    ));
    let several = plan.understood.len() > 1;
    let sheets = summary.sheets.len();
    let mut refused = table(&["   line", "value", "reason", "because"]);
    for row in summary.refusals.iter().take(REFUSALS_SHOWN) {
        let place = match &row.sheet {
            Some(sheet) if sheets > 1 => format!("`{}` {}", plain(sheet), row.line),
            _ => row.line.to_string(),
        };
        let line = if several {
            format!("   {}:{place}", plain(&row.list))
        } else {
            format!("   {place}")
        };
        refused.add_row([
            line,
            plain(&row.value),
            row.reason.as_str().to_owned(),
            plain(&row.detail),
        ]);
    }
    lines.push(rendered(&refused));
    let more = summary.refused.saturating_sub(REFUSALS_SHOWN as u64);
    if more > 0 {
        lines.push(format!(
            "    and {more} more; --rejects FILE writes them all, ready to be mended"
        ));
    }
}
