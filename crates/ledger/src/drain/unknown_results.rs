//! Calls that were made under claims that the ledger no longer knows.
//!
//! A standby that lagged takes over, or a copy is restored: jobs stand as if they had not been called,
//! or are gone, and their numbers belong to others. What a worker then says of them is refused by its
//! token. It is recorded here, with the device, and a job that is still there is looked at before it is
//! called again. A claim that ran out leaves a lost attempt of its worker: that one is known.

use repilot_domain::{
    Actor, AttemptStep, AuditEvent, CampaignId, DeviceId, JobEvent, JobState, Timestamp, WorkerId,
};
use serde_json::json;
use sqlx::AnyConnection;

use crate::error::QueryContext as _;
use crate::jobs::counters::Deltas;
use crate::jobs::state_tables::{self, InHand};
use crate::jobs::{attempt_rows, recall};
use crate::storage::locks;
use crate::storage::rows::Columns;
use crate::{ClaimKey, Ledger, LedgerError, NewAttempt, audit};

/// A call whose result the ledger refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedResult {
    /// The claim that it was made under.
    pub key: ClaimKey,
    /// The device that was called.
    pub device: DeviceId,
}

impl Ledger {
    /// Records those results of a worker whose claims the ledger does not know, and has their devices
    /// looked at first where their jobs are open. Which those are.
    pub async fn record_unknown_results(
        &self,
        (worker, by): (&WorkerId, &Actor),
        results: &[RefusedResult],
        now: Timestamp,
    ) -> Result<Vec<RefusedResult>, LedgerError> {
        let mut transaction = self.begin().await?;
        locks::campaigns_of(
            &mut transaction,
            results.iter().map(|result| result.key.job),
        )
        .await?;
        let mut unknown = Vec::new();
        let mut deltas = Deltas::default();
        let (mut open, mut gone) = (Vec::new(), Vec::new());
        for result in results {
            let standing = Standing::of(&mut transaction, worker, result).await?;
            match standing {
                Standing::Known => continue,
                Standing::Gone => gone.push(result.device.as_str()),
                Standing::Over(campaign) => open.push((campaign, result.device.as_str())),
                Standing::Open { campaign, held } => {
                    look_first(&mut transaction, (worker, result), held, now, &mut deltas).await?;
                    open.push((campaign, result.device.as_str()));
                }
            }
            unknown.push(result.clone());
        }
        if unknown.is_empty() {
            transaction.take_back().await;
            return Ok(unknown);
        }
        deltas.write(&mut transaction).await?;
        open.sort_unstable();
        let event = AuditEvent::ResultsForgotten;
        for of_campaign in open.chunk_by(|one, next| one.0 == next.0) {
            let devices: Vec<&str> = of_campaign.iter().map(|(_, device)| *device).collect();
            let detail = json!({ "worker": worker.0, "devices": devices });
            let campaign = Some(of_campaign[0].0);
            audit::record(&mut transaction, now, by, campaign, event, &detail).await?;
        }
        if !gone.is_empty() {
            let detail = json!({ "worker": worker.0, "devices": gone });
            audit::record(&mut transaction, now, by, None, event, &detail).await?;
        }
        self.commit(transaction, "record unknown results").await?;
        Ok(unknown)
    }
}

/// How the job of a refused result stands.
enum Standing {
    /// The claim ran out, or its result was recorded before.
    Known,
    /// There is no such job of this device: its campaign was lost, or its number is another's.
    Gone,
    /// The job is there, and needs no look any more.
    Over(CampaignId),
    /// It is to be called, and may be in somebody's hand.
    Open {
        campaign: CampaignId,
        held: Option<(JobState, i64)>,
    },
}

impl Standing {
    async fn of(
        connection: &mut AnyConnection,
        worker: &WorkerId,
        result: &RefusedResult,
    ) -> Result<Self, LedgerError> {
        let row = sqlx::query(
            "SELECT jobs.campaign_id, jobs.device_id, jobs.state, jobs.dispatch,
                    (
                        SELECT COUNT(*) FROM attempts
                        WHERE attempts.job_id = jobs.id
                          AND attempts.dispatch = $2
                          AND attempts.worker = $3
                    ) AS known
             FROM jobs
             WHERE jobs.id = $1",
        )
        .bind(result.key.job.0)
        .bind(result.key.dispatch)
        .bind(&worker.0)
        .fetch_optional(connection)
        .await
        .doing("look for a refused result's job")?;
        let Some(row) = row else {
            return Ok(Self::Gone);
        };
        let columns = Columns::of("jobs", &row);
        let campaign = CampaignId(columns.get("campaign_id")?);
        let device: String = columns.get("device_id")?;
        if device != result.device.as_str() || campaign != result.key.campaign {
            return Ok(Self::Gone);
        }
        if columns.get::<i64>("known")? > 0 {
            return Ok(Self::Known);
        }
        let state: JobState = columns.word("state")?;
        let dispatch = columns.get("dispatch")?;
        Ok(match state {
            JobState::Pending => Self::Open {
                campaign,
                held: None,
            },
            JobState::Queued | JobState::Running => Self::Open {
                campaign,
                held: Some((state, dispatch)),
            },
            _ => Self::Over(campaign),
        })
    }
}

/// Has an open job's device looked at before it is called. One that is being called just now is not
/// taken from whoever calls it.
async fn look_first(
    connection: &mut AnyConnection,
    (worker, result): (&WorkerId, &RefusedResult),
    held: Option<(JobState, i64)>,
    now: Timestamp,
    deltas: &mut Deltas,
) -> Result<(), LedgerError> {
    let key = result.key;
    let why = "its call was made, and the ledger was set back since";
    let attempt = NewAttempt::lost(AttemptStep::Act, now, now, why);
    let attempts = vec![(key.job, key.dispatch, &attempt)];
    attempt_rows::attempts(connection, &worker.0, attempts).await?;
    match held {
        Some((JobState::Queued, dispatch)) => {
            let held = InHand {
                job: key.job,
                campaign: key.campaign,
                dispatch,
            };
            recall::give_back(connection, &[held], JobEvent::Recall, deltas).await?;
        }
        Some(_) => return Ok(()),
        None => {}
    }
    let jobs = [key.job.0];
    state_tables::leave_due(connection, key.campaign, &jobs).await?;
    sqlx::query(
        "UPDATE job_rows
         SET uncertain = 1, not_before = 0, reason = 'uncertain', message = $2
         WHERE id = $1",
    )
    .bind(key.job.0)
    .bind(why)
    .execute(&mut *connection)
    .await
    .doing("have a device looked at first")?;
    state_tables::become_due(connection, &jobs).await
}
