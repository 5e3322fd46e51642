//! One delivery: permit, claim, call, decide, settle.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use repilot_domain::{AttemptOutcome, AttemptStep, Clock, Timestamp};
use repilot_graph::{CallRecord, GraphError};
use repilot_ledger::{
    ClaimedJob, GroupCommit, GroupCommitError, NewAttempt, Settlement, Verdict, WaitReason,
};
use repilot_queue::Delivery;
use repilot_throttle::{Answer, Permit};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::lanes::{Lanes, TenantLanes};
use crate::policy::{after_act, after_look};
use crate::{Decision, RetrySettings};

/// How long a delivery waits for leave before it goes back to the ledger: longer than the lane's
/// forecast that brought it here looks ahead, short enough that no slot is held for long.
const PATIENCE: Duration = Duration::from_secs(3);

/// A look is worth waiting for: the claim is renewed meanwhile.
const LOOK_PATIENCE: Duration = Duration::from_secs(30);

/// What every delivery needs.
pub(crate) struct Handler {
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) commit: GroupCommit,
    pub(crate) retry: RetrySettings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stop: CancellationToken,
    /// Told when a delivery is done: the lane may take more.
    pub(crate) wake: Arc<Notify>,
    /// Told when the ledger no longer takes what is said.
    pub(crate) failed: mpsc::UnboundedSender<GroupCommitError>,
}

impl Handler {
    pub(crate) async fn handle(&self, delivery: Delivery) {
        if let Err(error) = self.try_handle(&delivery).await {
            tracing::error!(
                job.id = delivery.job.0,
                tenant = %delivery.tenant,
                error = &error as &dyn std::error::Error,
                "the ledger does not take what became of a job; its device is looked at before it is called again"
            );
            // Whoever listens is told once; after that nobody does.
            let _ = self.failed.send(error);
        }
        self.wake.notify_one();
    }

    async fn try_handle(&self, delivery: &Delivery) -> Result<(), GroupCommitError> {
        let lanes = self.lanes.get(&delivery.tenant, self.clock.now());
        let permit = match &lanes {
            Some(lanes) => self.permit(lanes).await,
            None => None,
        };
        let (Some(lanes), Some(permit)) = (lanes, permit) else {
            return self.commit.recall(delivery.job, delivery.dispatch).await;
        };
        let job = match self.commit.claim(delivery.job, delivery.dispatch).await {
            Ok(Some(job)) => job,
            // Paused, cancelled or taken by somebody else since it was dispatched.
            Ok(None) => {
                permit.settle(Answer::NotSent);
                return Ok(());
            }
            Err(error) => {
                permit.settle(Answer::NotSent);
                return Err(error);
            }
        };
        let mut attempts = Vec::with_capacity(1);
        let decision = self.work(&lanes, &job, permit, &mut attempts).await;
        let settlement = self.settlement(&job, decision, attempts);
        if !self.commit.settle(settlement).await? {
            tracing::warn!(
                job.id = job.id.0,
                campaign.id = job.campaign.0,
                tenant = %delivery.tenant,
                "a job was taken over while it was being called; its new owner looks at the device first"
            );
        }
        Ok(())
    }

    async fn permit(&self, lanes: &TenantLanes) -> Option<Permit> {
        lanes.awaiting.fetch_add(1, Ordering::Relaxed);
        let permit = tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            permit = lanes.writes.acquire_within(PATIENCE) => permit,
        };
        lanes.awaiting.fetch_sub(1, Ordering::Relaxed);
        permit
    }

    async fn work(
        &self,
        lanes: &TenantLanes,
        job: &ClaimedJob,
        permit: Permit,
        attempts: &mut Vec<NewAttempt>,
    ) -> Decision {
        if job.uncertain {
            let decision = self.look(lanes, job, attempts).await;
            if decision != Decision::Act {
                permit.settle(Answer::NotSent);
                return decision;
            }
        }
        let started_at = self.clock.now();
        let call = lanes.tenant.client.unassign_user(&job.device).await;
        permit.settle(self.heard(lanes, &call.result));
        let decision = after_act(&call.result, job.attempts, &self.retry, &mut rand::rng());
        let outcome = decision.outcome();
        attempts.push(self.attempt(AttemptStep::Act, outcome, started_at, call.record));
        decision
    }

    async fn look(
        &self,
        lanes: &TenantLanes,
        job: &ClaimedJob,
        attempts: &mut Vec<NewAttempt>,
    ) -> Decision {
        let Some(permit) = lanes.reads.acquire_within(LOOK_PATIENCE).await else {
            return Decision::Retry {
                delay: Duration::ZERO,
                spent: false,
                uncertain: true,
                reason: WaitReason::Throttled,
                pause: None,
            };
        };
        let started_at = self.clock.now();
        let call = lanes.tenant.client.device(&job.device).await;
        permit.settle(self.heard(lanes, &call.result));
        let user = call.result.map(|device| device.user_principal_name);
        let decision = after_look(
            &user,
            &job.previous_user,
            job.attempts,
            &self.retry,
            &mut rand::rng(),
        );
        let outcome = decision.outcome();
        attempts.push(self.attempt(AttemptStep::Look, outcome, started_at, call.record));
        decision
    }

    /// What an answer tells the lane.
    fn heard<T>(&self, lanes: &TenantLanes, result: &Result<T, GraphError>) -> Answer {
        if !matches!(result, Err(GraphError::Unreachable)) {
            lanes.outage.reached();
        }
        match result {
            Ok(_) => Answer::Accepted,
            Err(GraphError::Throttled { retry_after }) => Answer::Throttled {
                retry_after: *retry_after,
            },
            Err(GraphError::Unreachable) => {
                if let Some(hold) = lanes.outage.unreachable(self.clock.now()) {
                    tracing::warn!(
                        tenant = %lanes.tenant.name,
                        hold_seconds = hold.as_secs(),
                        "Graph cannot be reached; holding the tenant's lane"
                    );
                }
                Answer::NotSent
            }
            Err(_) => Answer::Failed,
        }
    }

    fn attempt(
        &self,
        step: AttemptStep,
        outcome: AttemptOutcome,
        started_at: Timestamp,
        record: CallRecord,
    ) -> NewAttempt {
        NewAttempt {
            step,
            outcome,
            started_at,
            finished_at: self.clock.now(),
            status: record.status,
            code: record.code,
            message: record.message,
            request_id: record.request_id,
            client_request_id: Some(record.client_request_id),
            server_date: record.date,
            diagnostic: record.diagnostic,
        }
    }

    fn settlement(
        &self,
        job: &ClaimedJob,
        decision: Decision,
        attempts: Vec<NewAttempt>,
    ) -> Settlement {
        let last = attempts.last();
        let message = last.map(in_words).unwrap_or_default();
        log(job, &decision, last, &message);
        let verdict = match decision {
            Decision::Succeed => Verdict::Succeeded,
            Decision::Bury(reason) => Verdict::Dead { reason, message },
            Decision::Retry {
                delay,
                spent,
                uncertain,
                reason,
                pause,
            } => Verdict::Retry {
                not_before: self.clock.now().after(delay),
                spent,
                uncertain,
                reason,
                message,
                pause,
            },
            // A look that says "act" is followed by the act within the same turn.
            Decision::Act => Verdict::Retry {
                not_before: self.clock.now(),
                spent: false,
                uncertain: true,
                reason: WaitReason::Uncertain,
                message,
                pause: None,
            },
        };
        Settlement {
            job: job.id,
            dispatch: job.dispatch,
            verdict,
            attempts,
        }
    }
}

/// The last answer in a line: status, code, message.
fn in_words(attempt: &NewAttempt) -> String {
    let status = attempt.status.map(|status| status.to_string());
    let parts = [status, attempt.code.clone(), attempt.message.clone()];
    let said: Vec<String> = parts
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    said.join(" ")
}

fn log(job: &ClaimedJob, decision: &Decision, last: Option<&NewAttempt>, message: &str) {
    let request_id = last
        .and_then(|attempt| attempt.request_id.as_deref())
        .unwrap_or_default();
    match decision {
        Decision::Bury(reason) => tracing::warn!(
            job.id = job.id.0,
            campaign.id = job.campaign.0,
            %reason,
            request_id,
            message,
            "a job became a dead letter"
        ),
        Decision::Retry {
            pause: Some(why), ..
        } => tracing::error!(
            job.id = job.id.0,
            campaign.id = job.campaign.0,
            request_id,
            why,
            "the tenant refuses as a whole; the campaign is paused"
        ),
        Decision::Succeed | Decision::Act | Decision::Retry { .. } => tracing::debug!(
            job.id = job.id.0,
            campaign.id = job.campaign.0,
            outcome = %decision.outcome(),
            request_id,
            message,
            "a job was called"
        ),
    }
}
