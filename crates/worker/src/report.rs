//! What is told of an answer: to the ledger, to people, to the log.

use repilot_domain::{AttemptOutcome, AttemptStep, Timestamp};
use repilot_graph::CallRecord;
use repilot_ledger::{ClaimedJob, NewAttempt};

use crate::Decision;

/// An attempt from when to when, as the ledger keeps it.
pub(crate) fn attempt(
    step: AttemptStep,
    outcome: AttemptOutcome,
    (started_at, finished_at): (Timestamp, Timestamp),
    record: CallRecord,
) -> NewAttempt {
    NewAttempt {
        step,
        outcome,
        started_at,
        finished_at,
        status: record.status,
        code: record.code,
        message: record.message,
        request_id: record.request_id,
        client_request_id: Some(record.client_request_id),
        server_date: record.date,
        diagnostic: record.diagnostic,
    }
}

/// The last answer in a line: status, code, message.
pub(crate) fn in_words(attempt: &NewAttempt) -> String {
    let status = attempt.status.map(|status| status.to_string());
    let parts = [status, attempt.code.clone(), attempt.message.clone()];
    let said: Vec<String> = parts
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    said.join(" ")
}

/// Says it once, where it was decided.
pub(crate) fn log(job: &ClaimedJob, decision: &Decision, last: Option<&NewAttempt>, message: &str) {
    let request_id = last
        .and_then(|attempt| attempt.request_id.as_deref())
        .unwrap_or_default();
    match decision {
        Decision::Bury { reason, .. } => tracing::warn!(
            job.id = job.key.job.0,
            campaign.id = job.key.campaign.0,
            %reason,
            request_id,
            message,
            "a job became a dead letter"
        ),
        Decision::Retry {
            pause: Some(pause), ..
        } => tracing::error!(
            job.id = job.key.job.0,
            campaign.id = job.key.campaign.0,
            request_id,
            why = pause.reason,
            "the tenant refuses as a whole; the campaign is paused"
        ),
        Decision::Succeed | Decision::Complete | Decision::Act | Decision::Retry { .. } => {
            tracing::debug!(
                job.id = job.key.job.0,
                campaign.id = job.key.campaign.0,
                outcome = %decision.outcome(),
                request_id,
                message,
                "a job was called"
            );
        }
    }
}
