//! `export`: one row a device, to stdout.

use repilot_domain::{JobId, Verification};
use repilot_ledger::{Campaign, Job, Ledger, Page};
use repilot_producer::defused;
use serde::Serialize;

use crate::app::{self, App};
use crate::args::{ExportArguments, ExportFormat};
use crate::terminal::exit::Exit;
use crate::terminal::output::{JsonArray, reader_has_gone};

/// Jobs read at once: a campaign of any size takes no more memory than this.
const PAGE: u32 = 5_000;

/// A device and what became of it.
#[derive(Serialize)]
struct Row<'a> {
    job: i64,
    line: i64,
    serial: &'a str,
    device_id: &'a str,
    outcome: &'a str,
    reason: &'a str,
    message: &'a str,
    previous_user: &'a str,
    group_tag: &'a str,
    model: &'a str,
    attempts: i64,
    status: Option<i64>,
    request_id: &'a str,
    /// RFC 3339, UTC; empty while it is not over.
    finished_at: String,
    /// What the inventory said later; empty while nobody looked.
    verification: &'a str,
    /// When, RFC 3339, UTC.
    verified_at: String,
    action: &'a str,
    new_user: &'a str,
    /// Of a job between two steps: where it stands.
    stands: &'a str,
    /// Who had the device when it was last seen before its call; empty where nothing is known beyond
    /// the plan, or where nobody had it.
    seen_user: &'a str,
    /// When, RFC 3339, UTC.
    seen_at: String,
    /// Who has the device now, of one that was found with another user.
    user_now: &'a str,
    /// Whether the device has no user now, because the job stopped between its two steps.
    without_user: bool,
}

impl<'a> Row<'a> {
    fn of(job: &'a Job) -> Self {
        Self {
            job: job.id.0,
            line: job.line,
            serial: &job.serial,
            device_id: job.device_id.as_str(),
            outcome: job.state.as_str(),
            reason: &job.reason,
            message: &job.message,
            previous_user: &job.user_principal_name,
            group_tag: &job.group_tag,
            model: &job.model,
            attempts: job.attempts,
            status: job.last_status,
            request_id: job.last_request_id.as_deref().unwrap_or(""),
            finished_at: job.finished_at.map(|at| at.to_string()).unwrap_or_default(),
            verification: job.verification.map_or("", Verification::as_str),
            verified_at: job.verified_at.map(|at| at.to_string()).unwrap_or_default(),
            action: job.action.as_str(),
            new_user: &job.new_user_principal_name,
            stands: &job.stands,
            seen_user: job.seen_user.as_deref().unwrap_or(""),
            seen_at: job.seen_at.map(|at| at.to_string()).unwrap_or_default(),
            user_now: job.found_user.as_deref().unwrap_or(""),
            without_user: job.without_user,
        }
    }

    fn cells(&self) -> [String; 23] {
        let status = self
            .status
            .map(|status| status.to_string())
            .unwrap_or_default();
        [
            self.job.to_string(),
            self.line.to_string(),
            defused(self.serial),
            defused(self.device_id),
            self.outcome.to_owned(),
            defused(self.reason),
            defused(self.message),
            defused(self.previous_user),
            defused(self.group_tag),
            defused(self.model),
            self.attempts.to_string(),
            status,
            defused(self.request_id),
            self.finished_at.clone(),
            self.verification.to_owned(),
            self.verified_at.clone(),
            self.action.to_owned(),
            defused(self.new_user),
            defused(self.stands),
            defused(self.seen_user),
            self.seen_at.clone(),
            defused(self.user_now),
            self.without_user.to_string(),
        ]
    }
}

const HEADER: [&str; 23] = [
    "job",
    "line",
    "serial",
    "device_id",
    "outcome",
    "reason",
    "message",
    "previous_user",
    "group_tag",
    "model",
    "attempts",
    "status",
    "request_id",
    "finished_at",
    "verification",
    "verified_at",
    "action",
    "new_user",
    "stands",
    "seen_user",
    "seen_at",
    "user_now",
    "without_user",
];

pub(crate) async fn run(app: &App, arguments: &ExportArguments) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger_to_look().await?;
    let campaign = app::campaign(&ledger, &arguments.campaign).await?;
    let format = arguments.format.unwrap_or(if app.json {
        ExportFormat::Json
    } else {
        ExportFormat::Csv
    });
    match write(&ledger, &campaign, format).await {
        Err(error) if reader_has_gone(&error) => Ok(Exit::Done),
        written => written.map(|()| Exit::Done),
    }
}

async fn write(ledger: &Ledger, campaign: &Campaign, format: ExportFormat) -> anyhow::Result<()> {
    let mut writer = Writer::new(format)?;
    let mut page = Page {
        after: JobId(0),
        limit: PAGE,
    };
    loop {
        let jobs = ledger.jobs(campaign.id, page).await?;
        let Some(last) = jobs.last() else { break };
        page.after = last.id;
        for job in &jobs {
            writer.write(&Row::of(job))?;
        }
    }
    writer.finish()
}

enum Writer {
    Csv(Box<csv::Writer<std::io::Stdout>>),
    Json(JsonArray),
}

impl Writer {
    fn new(format: ExportFormat) -> anyhow::Result<Self> {
        Ok(match format {
            ExportFormat::Csv => {
                let mut writer = csv::Writer::from_writer(std::io::stdout());
                writer.write_record(HEADER)?;
                Self::Csv(Box::new(writer))
            }
            ExportFormat::Json => Self::Json(JsonArray::begin()),
        })
    }

    fn write(&mut self, row: &Row<'_>) -> anyhow::Result<()> {
        match self {
            Self::Csv(writer) => writer.write_record(row.cells())?,
            Self::Json(array) => array.push(row)?,
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Csv(mut writer) => writer.flush()?,
            Self::Json(array) => array.end()?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_text() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert!(defused(formula).starts_with('\''), "{formula:?}");
        }
        assert_eq!(defused("PF3=X"), "PF3=X");
    }
}
