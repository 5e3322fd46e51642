//! The report of a campaign, for whoever keeps the record of a change.

mod chart;
mod html;
mod markdown;
mod page;

use std::io;

use repilot_domain::{
    CampaignStatus, DeadReason, JobCondition, JobQuery, JobState, Timestamp, Verification,
};
use repilot_ledger::{
    AuditFilter, AuditRow, Campaign, Chain, JobSearch, Ledger, Minutes, RecordedRefusal, Seek,
};
use serde_json::Value;

pub(crate) use html::Html;
pub(crate) use markdown::Markdown;
pub(crate) use page::Page;

use crate::app::quoted;
use crate::terminal::audit_detail::in_words;
use crate::terminal::output::{lasting, moment};

/// Jobs and rows read at once: a report of any length takes no more memory than this.
const ROWS: u32 = 1_000;

/// Bars of the chart.
const POINTS: u32 = 96;

/// Writes the report of a campaign onto a page.
pub(crate) async fn write(
    page: &mut (dyn Page + Send),
    ledger: &Ledger,
    campaign: &Campaign,
    now: Timestamp,
) -> anyhow::Result<()> {
    page.begin(&format!("Campaign {}", campaign.name))?;
    page.paragraph(&format!(
        "{} Written on {} by repilot {} from the ledger {}.",
        state(campaign),
        moment(now),
        env!("CARGO_PKG_VERSION"),
        ledger.location()
    ))?;
    without_user(page, ledger, campaign).await?;
    outcome(page, campaign, now)?;
    planned(page, ledger, campaign).await?;
    let minutes = ledger.minutes(campaign.id, (None, None), POINTS).await?;
    over_time(page, &minutes)?;
    verification(page, campaign)?;
    dead(page, ledger, campaign).await?;
    refused(page, &ledger.refusals(campaign.id).await?, campaign)?;
    steps(page, ledger, campaign).await?;
    page.end()?;
    Ok(())
}

/// The devices that have no user now, before anything else.
async fn without_user(
    page: &mut (dyn Page + Send),
    ledger: &Ledger,
    campaign: &Campaign,
) -> anyhow::Result<()> {
    let Some(words) = campaign.counts.without_user_in_words() else {
        return Ok(());
    };
    page.heading(&words)?;
    page.paragraph(&format!(
        "They were unassigned, and their assignment stopped. `repilot dead give-back {name}` gives them back to the users who had them, `repilot dead requeue {name} --without-user` tries their assignment again.",
        name = quoted(&campaign.name)
    ))?;
    page.table(&[
        "Job",
        "Serial",
        "Device",
        "User before",
        "New user",
        "State",
        "Since",
    ])?;
    let query = JobQuery::default().and(JobCondition::WithoutUser);
    let mut search = JobSearch::first(Some(campaign.id), query, ROWS);
    loop {
        let found = ledger.search(&search).await?;
        for job in &found.jobs {
            page.row(&[
                job.id.to_string(),
                job.serial.clone(),
                job.device_id.to_string(),
                job.had().0.to_owned(),
                job.new_user_principal_name.clone(),
                job.state.to_string(),
                job.stepped_at.map(moment).unwrap_or_default(),
            ])?;
        }
        let Some(after) = found.after else { break };
        search.seek = Seek::After(after);
    }
    page.end_table()?;
    Ok(())
}

fn state(campaign: &Campaign) -> String {
    match (campaign.status, campaign.ended_at) {
        (CampaignStatus::Cancelled, Some(at)) => {
            format!("It was cancelled and ended on {}.", moment(at))
        }
        (CampaignStatus::Cancelled, None) => "It was cancelled.".to_owned(),
        (_, Some(at)) => format!("It ended on {}.", moment(at)),
        (CampaignStatus::Paused, None) => format!("It is paused: {}.", campaign.status_reason),
        (CampaignStatus::Active, None) => "It has not ended yet.".to_owned(),
    }
}

fn outcome(page: &mut (dyn Page + Send), campaign: &Campaign, now: Timestamp) -> io::Result<()> {
    let counts = &campaign.counts;
    let when = |at: Option<Timestamp>| at.map_or_else(|| "–".to_owned(), moment);
    let took = campaign.started_at.map(|started| {
        let until = campaign.ended_at.unwrap_or(now);
        lasting(until.since(started))
    });
    page.heading("Outcome")?;
    let mut facts = vec![
        ("Tenant", campaign.tenant.to_string()),
        ("Action", campaign.action.to_string()),
        ("Devices", counts.total.to_string()),
        ("Succeeded", counts.succeeded.to_string()),
        ("Dead letters", counts.dead.to_string()),
        ("Cancelled", counts.cancelled.to_string()),
        ("Set aside", counts.skipped.to_string()),
        ("To go", counts.open().to_string()),
        ("Rows refused", counts.refused().to_string()),
        ("Calls to Graph", counts.calls.to_string()),
        ("Answered with 429", counts.throttled.to_string()),
        ("Made", moment(campaign.created_at)),
        ("First call", when(campaign.started_at)),
        ("Ended", when(campaign.ended_at)),
        ("Took", took.unwrap_or_else(|| "–".to_owned())),
    ];
    if counts.between_steps > 0 {
        let between = counts.between_steps.to_string();
        facts.push(("Unassigned, not yet assigned", between));
    }
    page.facts(&facts)
}

/// What the audit says was planned, and the lists that went in.
async fn planned(
    page: &mut (dyn Page + Send),
    ledger: &Ledger,
    campaign: &Campaign,
) -> anyhow::Result<()> {
    page.heading("What was planned")?;
    // Of one list alone, as it is, that of its bytes.
    page.table(&[
        "List",
        "SHA-256 of what it follows from",
        "First enqueued",
        "All in",
    ])?;
    for list in &campaign.lists {
        let in_at = list.enqueued_at.map_or_else(|| "–".to_owned(), moment);
        page.row(&[
            list.name.clone(),
            list.sha256.clone(),
            moment(list.begun_at),
            in_at,
        ])?;
    }
    page.end_table()?;
    let mut plans = Vec::new();
    let mut after = 0;
    loop {
        let rows = audit_of(ledger, campaign, after).await?;
        let Some(last) = rows.last() else { break };
        after = last.seq;
        plans.extend(
            rows.into_iter()
                .filter(|row| row.detail.get("plan_sha256").is_some()),
        );
    }
    if plans.is_empty() {
        return Ok(());
    }
    page.table(&[
        "Plan accepted",
        "By",
        "Devices",
        "SHA-256 of each list's bytes",
        "SHA-256 of its devices",
        "SHA-256 of the inventory",
    ])?;
    for row in plans {
        let said = |name: &str| match row.detail.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(texts)) if !texts.is_empty() => {
                let texts: Vec<&str> = texts.iter().filter_map(Value::as_str).collect();
                texts.join(", ")
            }
            Some(Value::Array(_)) | None => "–".to_owned(),
            Some(value) => value.to_string(),
        };
        page.row(&[
            moment(row.at),
            row.actor.clone(),
            said("devices"),
            said("lists"),
            said("plan_sha256"),
            said("inventory_sha256"),
        ])?;
    }
    page.end_table()?;
    Ok(())
}

fn over_time(page: &mut (dyn Page + Send), minutes: &Minutes) -> io::Result<()> {
    if minutes.points.is_empty() {
        return Ok(());
    }
    page.heading("Over time")?;
    page.chart(minutes)
}

fn verification(page: &mut (dyn Page + Send), campaign: &Campaign) -> io::Result<()> {
    page.heading("Verification")?;
    let Some(verified_at) = campaign.verified_at else {
        return page.paragraph(
            "Nobody has held the devices against the inventory since; `repilot verify` does.",
        );
    };
    page.paragraph(&format!(
        "Held against the inventory of {}, the jobs that had succeeded long enough before:",
        moment(verified_at)
    ))?;
    let facts: Vec<(&str, String)> = Verification::ALL
        .iter()
        .map(|found| {
            let jobs = campaign.counts.verification.get(found.as_str());
            (found.words(), jobs.copied().unwrap_or(0).to_string())
        })
        .collect();
    page.facts(&facts)
}

async fn dead(
    page: &mut (dyn Page + Send),
    ledger: &Ledger,
    campaign: &Campaign,
) -> anyhow::Result<()> {
    page.heading("Dead letters")?;
    let counts = &campaign.counts;
    if counts.dead == 0 {
        page.paragraph("None.")?;
        return Ok(());
    }
    page.table(&["Reason", "Devices", "Meaning", "What to do"])?;
    for (word, count) in &counts.dead_by_reason {
        let known = word.parse::<DeadReason>().ok();
        page.row(&[
            word.clone(),
            count.to_string(),
            known.map_or("", DeadReason::meaning).to_owned(),
            known.map_or("", DeadReason::advice).to_owned(),
        ])?;
    }
    page.end_table()?;
    if campaign.pruned_at.is_some() {
        page.paragraph("Which devices these were has been forgotten.")?;
        return Ok(());
    }
    let is_assigned = campaign.action.needs_user();
    let mut header = vec![
        "Job",
        "Serial",
        "Device",
        "Group tag",
        "Model",
        "Reason",
        "Last answer",
        "Attempts",
        "When",
        "request-id",
    ];
    if is_assigned {
        header.extend(["New user", "Stands"]);
    }
    page.table(&header)?;
    let query = JobQuery::default().and(JobCondition::State(vec![JobState::Dead]));
    let mut search = JobSearch::first(Some(campaign.id), query, ROWS);
    loop {
        let found = ledger.search(&search).await?;
        for job in &found.jobs {
            let mut cells = vec![
                job.id.to_string(),
                job.serial.clone(),
                job.device_id.to_string(),
                job.group_tag.clone(),
                job.model.clone(),
                job.reason.clone(),
                job.said().into_owned(),
                job.attempts.to_string(),
                job.finished_at.map(moment).unwrap_or_default(),
                job.last_request_id.clone().unwrap_or_default(),
            ];
            if is_assigned {
                cells.extend([job.new_user_principal_name.clone(), job.stands.clone()]);
            }
            page.row(&cells)?;
        }
        let Some(after) = found.after else { break };
        search.seek = Seek::After(after);
    }
    page.end_table()?;
    Ok(())
}

fn refused(
    page: &mut (dyn Page + Send),
    rows: &[RecordedRefusal],
    campaign: &Campaign,
) -> io::Result<()> {
    page.heading("Refused rows")?;
    let counts = &campaign.counts;
    if counts.refused() == 0 {
        return page.paragraph("None.");
    }
    if rows.is_empty() {
        return page.paragraph(&format!(
            "{} rows, which have been forgotten.",
            counts.refused()
        ));
    }
    page.table(&["List", "Line", "Row", "Reason", "Detail"])?;
    for row in rows {
        let refusal = &row.refusal;
        page.row(&[
            row.list.clone(),
            refusal.line.to_string(),
            refusal.value.clone(),
            refusal.reason.clone(),
            refusal.detail.clone(),
        ])?;
    }
    page.end_table()
}

/// Who did what, and whether that is as it was recorded.
async fn steps(
    page: &mut (dyn Page + Send),
    ledger: &Ledger,
    campaign: &Campaign,
) -> anyhow::Result<()> {
    page.heading("Who did what")?;
    page.table(&["No", "When", "Who", "From", "What", "Detail"])?;
    let mut after = 0;
    loop {
        let rows = audit_of(ledger, campaign, after).await?;
        let Some(last) = rows.last() else { break };
        after = last.seq;
        for row in rows {
            page.row(&[
                row.seq.to_string(),
                moment(row.at),
                row.actor,
                row.origin,
                row.event.to_string(),
                in_words(&row.detail),
            ])?;
        }
    }
    page.end_table()?;
    page.paragraph(&chain(&ledger.verify_audit(None).await?))?;
    Ok(())
}

async fn audit_of(
    ledger: &Ledger,
    campaign: &Campaign,
    after: i64,
) -> anyhow::Result<Vec<AuditRow>> {
    let filter = AuditFilter {
        campaign: Some(campaign.id),
    };
    Ok(ledger.audit(&filter, after, ROWS).await?)
}

fn chain(chain: &Chain) -> String {
    match (&chain.broken, &chain.head) {
        (Some(broken), _) => format!(
            "The audit is not as it was recorded: row {} {}.",
            broken.seq, broken.what
        ),
        (None, Some(head)) => format!(
            "The audit's {} rows are as they were recorded; its head is {head}.",
            chain.rows
        ),
        (None, None) => "Nothing was recorded.".to_owned(),
    }
}
