//! `job`: one job, every attempt, and why it waits.

use repilot_domain::JobId;
use repilot_ledger::{Job, JobReport};

use crate::app::App;
use crate::args::JobArguments;
use crate::terminal::exit::Exit;
use crate::terminal::failure::Failure;
use crate::terminal::output::{lasting, moment, plain, print, print_json};

pub(crate) async fn run(app: &App, arguments: &JobArguments) -> anyhow::Result<Exit> {
    let ledger = app.open_ledger_to_look().await?;
    let report = ledger.job_report(JobId(arguments.id), app.now()).await?;
    let Some(report) = report else {
        return Err(Failure::error(
            format!("there is no job {}", arguments.id),
            "`repilot jobs CAMPAIGN` lists them",
        ));
    };
    if app.json {
        print_json(&report)?;
    } else {
        print(&described(&report));
    }
    Ok(Exit::Done)
}

/// What is to be done to its device, and where that stands.
fn action(job: &Job) -> String {
    let mut words = job.action.to_string();
    if !job.new_user_principal_name.is_empty() {
        words = format!("{words} to {}", plain(&job.new_user_principal_name));
    }
    if let Some(taken_back) = job.rolls_back {
        words = format!("{words}, taking back job {taken_back}");
    }
    if !job.stands.is_empty() {
        words = format!("{words}: {}", plain(&job.stands));
    }
    words
}

fn whom(user: &str) -> String {
    match user {
        "" => "nobody".to_owned(),
        user => plain(user),
    }
}

fn described(report: &JobReport) -> String {
    let JobReport {
        job, explanation, ..
    } = report;
    let user = whom(&job.user_principal_name);
    let mut lines = vec![
        format!(
            "Job {} of campaign {}: {}",
            job.id, report.campaign_name, job.state
        ),
        format!(
            "  device     {} ({}), line {} of the list",
            plain(&job.serial),
            job.device_id,
            job.line
        ),
        format!("  was        assigned to {user}"),
        format!("  action     {}", action(job)),
        format!(
            "  attempts   {} spent, dispatched {} times",
            job.attempts, job.dispatch
        ),
        format!("  because    {}", plain(&explanation.because)),
        format!("  next       {}", plain(&explanation.unblocked_by)),
    ];
    if let (Some(user), Some(at)) = (&job.seen_user, job.seen_at) {
        lines.push(format!(
            "  seen       with {} before its call, at {}",
            whom(user),
            moment(at)
        ));
    }
    if let (Some(user), Some(at)) = (&job.found_user, job.found_at) {
        lines.push(format!(
            "  now        {} has it, as of {}",
            whom(user),
            moment(at)
        ));
    }
    if let Some(user) = &job.accepted_user {
        lines.push(format!("  accepted   it may be taken from {}", whom(user)));
    }
    if let Some(at) = explanation.expected_at {
        lines.push(format!("  expected   {}", moment(at)));
    }
    for attempt in &report.history {
        lines.push(String::new());
        let took = attempt.finished_at.since(attempt.started_at);
        lines.push(format!(
            "  {} {} {} in {} ({} ms), worker {}",
            moment(attempt.started_at),
            attempt.step.words(),
            attempt.outcome,
            lasting(took),
            took.as_millis(),
            plain(&attempt.worker)
        ));
        let status = attempt.status.map(|status| status.to_string());
        let fields = [
            ("status", status.as_deref()),
            ("code", attempt.code.as_deref()),
            ("message", attempt.message.as_deref()),
            ("request-id", attempt.request_id.as_deref()),
            ("client-request-id", attempt.client_request_id.as_deref()),
            ("date", attempt.server_date.as_deref()),
            ("diagnostic", attempt.diagnostic.as_deref()),
        ];
        for (label, value) in fields {
            if let Some(value) = value {
                lines.push(format!("    {label:17}  {}", plain(value)));
            }
        }
    }
    lines.join("\n")
}
