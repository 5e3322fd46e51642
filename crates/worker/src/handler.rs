//! One claimed job: call, decide, settle.

use std::sync::Arc;
use std::time::Duration;

use repilot_domain::{
    AttemptStep, Clock, DeviceId, LaneKind, Progress, Step, Stepped, TenantName, Timestamp,
    WithCauses,
};
use repilot_graph::GraphError;
use repilot_ledger::{
    Advance, ClaimKey, ClaimedJob, GroupCommit, GroupCommitError, Ledger, NewAttempt, Settlement,
    Sighting, Unsettled, Verdict, WaitReason,
};
use repilot_throttle::Answer;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

use crate::lanes::Lanes;
use crate::lease::Lease;
use crate::permits::{CallContext, CallPermits};
use crate::policy::{Precaution, Uncertainty, Users, after_act, after_look, precaution, seen_of};
use crate::ready::{Ready, ReadyQueue};
use crate::settlement::settlement;
use crate::strangers::Heard;
use crate::{Decision, RetrySettings, report};

/// How long a delivery waits for leave before it goes back to the ledger: longer than the lane's
/// forecast that brought it here looks ahead, short enough that no place is held for long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// How long a look waits for leave: its job's leave to be called waits with it.
const LOOK_PATIENCE: Duration = Duration::from_secs(3);

/// A job that could not be looked at, or lost its leave to a look, comes back no sooner.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What every job needs.
pub(crate) struct Handler {
    pub(crate) ledger: Ledger,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) lease: Arc<Lease>,
    pub(crate) commit: GroupCommit,
    pub(crate) retry: RetrySettings,
    /// Jobs that are to be called.
    pub(crate) ready: ReadyQueue,
    /// Leave to have a call under way, whatever its tenant.
    pub(crate) calls: Semaphore,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stop: CancellationToken,
    /// Told when a job is done: the lane may take more.
    pub(crate) wake: Arc<Notify>,
    /// Told of what the ledger did not take.
    pub(crate) unsettled: mpsc::UnboundedSender<Unsettled>,
}

impl Handler {
    /// Calls those that are ready, one after the other, until there are no more.
    pub(crate) async fn call(&self) {
        while let Some(ready) = self.ready.next().await {
            self.carry_out(ready).await;
        }
    }

    /// Calls a job, and tells the ledger what came of it.
    pub(crate) async fn carry_out(&self, ready: Ready) {
        let (tenant, key) = (Arc::clone(&ready.lanes), ready.job.key);
        // Until all is told.
        let _places = Arc::clone(&ready.slots);
        let work = std::pin::pin!(async {
            let done = self.try_carry_out(ready).await;
            self.heed(key, done);
        });
        self.guarded(&tenant.tenant.name, &[key], work).await;
    }

    /// Tells of what the ledger did not take.
    pub(crate) fn heed(&self, key: ClaimKey, done: Result<(), GroupCommitError>) {
        if let Err(failure) = done {
            // Whoever listens is told once; after that nobody does.
            let _ = self.unsettled.send(Unsettled {
                key,
                called: None,
                failure: Some(failure),
            });
        }
    }

    /// Tells that the ledger refused what came of a call.
    fn refused(&self, key: ClaimKey, device: DeviceId) {
        // Whoever listens has ended when the worker has.
        let _ = self.unsettled.send(Unsettled {
            key,
            called: Some(device),
            failure: None,
        });
    }

    /// Whoever panicked may have called: the job goes back, to be looked at first.
    pub(crate) async fn take_back(
        &self,
        tenant: &TenantName,
        key: ClaimKey,
    ) -> Result<(), GroupCommitError> {
        tracing::error!(
            job.id = key.job.0,
            tenant = %tenant,
            "a handler panicked; its job goes back and is looked at first"
        );
        self.commit.recall(vec![key]).await?;
        let now = self.clock.now();
        let message = "the program failed while it handled this job; the call may have been made";
        let settlement = Settlement {
            key,
            verdict: Verdict::Retry {
                not_before: now.after(AGAIN_AFTER),
                spent: true,
                uncertain: true,
                reason: WaitReason::Uncertain,
                message: message.to_owned(),
                pause: None,
            },
            attempts: vec![NewAttempt::lost(AttemptStep::Act, now, now, message)],
        };
        self.commit.settle(settlement).await.map(drop)
    }

    async fn try_carry_out(&self, ready: Ready) -> Result<(), GroupCommitError> {
        let Ready {
            mut job,
            mut leave,
            lanes,
            ceiling,
            until,
            rule,
            claimed,
            slots: _,
        } = ready;
        let mut attempts = Vec::with_capacity(1);
        let mut context = CallContext {
            lanes: &lanes,
            ceiling: ceiling.as_ref(),
            until,
            rule,
            seen_at: None,
            claimed,
            between_steps: false,
            looks_only: false,
        };
        let (decision, slot) = loop {
            let worked = self
                .work(&mut context, &mut job, leave, &mut attempts)
                .await?;
            let Some((decision, slot)) = worked else {
                // Only looked at: there is no result that could be lost.
                tracing::info!(
                    job.id = job.key.job.0,
                    campaign.id = job.key.campaign.0,
                    tenant = %lanes.tenant.name,
                    "a job was taken over by another worker before it was called here"
                );
                return Ok(());
            };
            let Stepped::On(progress) = stepped(&decision, job.progress) else {
                break (decision, slot);
            };
            let done = std::mem::take(&mut attempts);
            if !self.advance(&mut job, progress, done).await? {
                self.refused(job.key, job.device);
                return Ok(());
            }
            // A call like any other, with leave of its own; but it is waited for even when the
            // worker stops or the window closes: the device has no user meanwhile.
            context.until = None;
            context.between_steps = true;
            let next = self.permits(context, 1, PATIENCE).await;
            let next = self.while_held(&lanes, next, self.clock.now());
            match next.and_then(|mut next| next.pop()) {
                Some(next) => leave = next,
                None => break (untried(&job), None),
            }
        };
        let settlement = settlement(&job, decision, attempts, self.clock.now());
        let Some(slot) = slot else {
            // What was said of a job is nobody's to wait for: its slot is the next one's.
            return self
                .commit
                .post(settlement, job.device, &self.unsettled)
                .await;
        };
        // But a dead letter may be the one that stops its campaign: whoever gets the slot knows.
        let taken = self.commit.settle(settlement).await;
        slot.free();
        if !taken? {
            self.refused(job.key, job.device);
        }
        Ok(())
    }

    /// Keeps that a step is done before the next is called: whoever comes after a crash goes on
    /// there. Whether the job is still this worker's.
    pub(crate) async fn advance(
        &self,
        job: &mut ClaimedJob,
        progress: Progress,
        attempts: Vec<NewAttempt>,
    ) -> Result<bool, GroupCommitError> {
        let advance = Advance {
            key: job.key,
            progress,
            attempts,
        };
        job.progress = progress;
        job.attempts = 0;
        (job.uncertain, job.lost, job.looked_at) = (false, false, false);
        self.commit.advance(advance).await
    }

    /// Sees to it that the device is to be called, and calls it; `None` where somebody else has the job
    /// by now.
    async fn work(
        &self,
        context: &mut CallContext<'_>,
        job: &mut ClaimedJob,
        leave: CallPermits,
        attempts: &mut Vec<NewAttempt>,
    ) -> Result<Option<(Decision, Option<Slot<'_>>)>, GroupCommitError> {
        // A job whose steps are all done is settled, and not claimed.
        let Some(step) = job.progress.next() else {
            leave.settle(Answer::NotSent);
            return Ok(Some((Decision::Complete, None)));
        };
        let (rule, now) = (context.rule, self.clock.now());
        let goes_on = context.between_steps;
        let decided = match precaution(job, rule.as_ref(), context.seen_at, goes_on, now) {
            Precaution::Nothing => None,
            // The leave waits for it: a device is looked at when its call can follow, and once.
            Precaution::Look => Some(self.look(context, job, step, attempts).await?),
            Precaution::Judge(sighting) => {
                let sighting = sighting.clone();
                let user = Ok(sighting.user.clone());
                let decision = self.judge(context, job, step, &user);
                let kept = self.keep(job, sighting, &decision).await?;
                Some(kept.then_some((decision, None)))
            }
        };
        match decided {
            None | Some(Some((Decision::Act, _))) => {}
            Some(decided) => {
                leave.settle(Answer::NotSent);
                return Ok(decided);
            }
        }
        Ok(Some(self.act(*context, job, (step, leave), attempts).await))
    }

    async fn act(
        &self,
        context: CallContext<'_>,
        job: &ClaimedJob,
        (step, leave): (Step, CallPermits),
        attempts: &mut Vec<NewAttempt>,
    ) -> (Decision, Option<Slot<'_>>) {
        let lanes = context.lanes;
        // Never closed.
        let call_slot = self.calls.acquire().await.ok();
        let now = self.clock.now();
        if !self.lease.covers(job.lease_until, now) {
            tracing::warn!(
                job.id = job.key.job.0,
                campaign.id = job.key.campaign.0,
                "this process did not run for longer than its lease; the job is left to whoever took it over"
            );
            leave.settle(Answer::NotSent);
            return (untried(job), None);
        }
        let is_late = context.until.is_some_and(|until| until <= now);
        // The gate may have closed during a look, and a sighting grown old while a slot was waited for.
        let is_closed = context.seen_at.is_some() && lanes.is_closed();
        let goes_on = context.between_steps;
        let before = precaution(job, context.rule.as_ref(), context.seen_at, goes_on, now);
        let looks_each_time = context.rule.is_some_and(|rule| rule.within_ms == 0);
        let has_looked = context.seen_at.is_some() && looks_each_time;
        let is_unseen = !job.uncertain && before == Precaution::Look && !has_looked;
        let is_stopped = is_late || is_closed || is_unseen || self.has_stopped(context, job);
        if !leave.is_valid() || is_stopped {
            leave.settle(Answer::NotSent);
            // What was looked at in this turn need not be looked at again for having been stopped.
            let is_looked_at = job.uncertain && context.seen_at.is_some();
            let decision = if is_looked_at {
                looked_at()
            } else {
                untried(job)
            };
            return (decision, None);
        }
        let client = &lanes.tenant.client;
        let call = match step {
            Step::Unassign => client.unassign_user(&job.device).await,
            Step::Assign => {
                let (user, name) = (&job.new_user, &job.new_user_name);
                client.assign_user(&job.device, user, name).await
            }
        };
        let finished_at = self.clock.now();
        let answer = lanes.heard(LaneKind::Writes, &call, finished_at);
        let heard = self.heard(LaneKind::Writes, job, now);
        let result = lanes.strangers.judge(heard, call.result);
        let doubt = Uncertainty {
            look_first: job.uncertain,
            lost: job.lost,
        };
        let rng = &mut rand::rng();
        let decision = after_act(&result, doubt, job.attempts, &self.retry, rng);
        let outcome = decision.outcome();
        attempts.push(report::attempt(
            step.attempt(),
            outcome,
            (now, finished_at),
            call.record,
        ));
        if !matches!(decision, Decision::Bury { .. }) {
            leave.settle(answer);
            return (decision, None);
        }
        let slot = Slot {
            _call: call_slot,
            leave: Some((leave, answer)),
        };
        (decision, Some(slot))
    }

    /// A call for a job that has just been answered.
    fn heard(&self, kind: LaneKind, job: &ClaimedJob, sent_at: Timestamp) -> Heard {
        Heard {
            kind,
            job: job.key.job,
            sent_at,
            now: self.clock.now(),
            attempts: self.retry.attempts,
        }
    }

    /// Whether a job's campaign stopped since it was claimed; what stands between two steps goes on, and
    /// so does what is only looked at because it has.
    fn has_stopped(&self, context: CallContext<'_>, job: &ClaimedJob) -> bool {
        !context.between_steps
            && !context.looks_only
            && self.commit.has_stopped(job.key.campaign, context.claimed)
    }

    /// Looks at a device, and keeps who has it; `None` where somebody else has the job by now.
    pub(crate) async fn look(
        &self,
        context: &mut CallContext<'_>,
        job: &mut ClaimedJob,
        step: Step,
        attempts: &mut Vec<NewAttempt>,
    ) -> Result<Option<(Decision, Option<Slot<'_>>)>, GroupCommitError> {
        let lanes = context.lanes;
        if job.expected_user.is_none() {
            match self.ledger.expected_user(job.key.job).await {
                Ok(user) => job.expected_user = Some(user),
                Err(error) => {
                    tracing::warn!(
                        job.id = job.key.job.0,
                        error = %WithCauses(&error),
                        "the ledger did not say whom a job expects; trying again"
                    );
                    return Ok(Some((untried(job), None)));
                }
            }
        }
        let Some(permit) = lanes.reads.acquire_within(LOOK_PATIENCE).await else {
            return Ok(Some((untried(job), None)));
        };
        let call_slot = self.calls.acquire().await.ok();
        if self.has_stopped(*context, job) {
            permit.settle(Answer::NotSent);
            return Ok(Some((untried(job), None)));
        }
        let started_at = self.clock.now();
        let call = lanes.tenant.client.device(&job.device).await;
        permit.settle(lanes.heard(LaneKind::Reads, &call, self.clock.now()));
        let heard = self.heard(LaneKind::Reads, job, started_at);
        let result = lanes.strangers.judge(heard, call.result);
        let name = result.as_ref().ok();
        let name = name.map(|device| device.addressable_user_name.clone());
        let user = result.map(|device| device.user_principal_name);
        let decision = self.judge(context, job, step, &user);
        let outcome = decision.outcome();
        attempts.push(report::attempt(
            AttemptStep::Look,
            outcome,
            (started_at, self.clock.now()),
            call.record,
        ));
        if let (Ok(user), Some(name)) = (user, name) {
            let sighting = Sighting {
                user,
                name,
                seen_at: started_at,
            };
            if !self.keep(job, sighting, &decision).await? {
                return Ok(None);
            }
            context.seen_at = Some(started_at);
        }
        let slot = matches!(decision, Decision::Bury { .. }).then_some(Slot {
            _call: call_slot,
            leave: None,
        });
        Ok(Some((decision, slot)))
    }

    /// Decides by who has a device.
    fn judge(
        &self,
        context: &CallContext<'_>,
        job: &ClaimedJob,
        step: Step,
        user: &Result<String, GraphError>,
    ) -> Decision {
        let doubt = Uncertainty {
            look_first: job.uncertain,
            lost: job.lost,
        };
        after_look(
            user,
            step,
            Users {
                previous: job.expected_user.as_deref().unwrap_or_default(),
                new: &job.new_user,
                is_blind: context.rule.is_some_and(|rule| rule.is_blind),
            },
            doubt,
            job.attempts,
            &self.retry,
            &mut rand::rng(),
        )
    }

    /// Keeps who has a device before its job is called, or ends; whether the claim still holds.
    async fn keep(
        &self,
        job: &ClaimedJob,
        sighting: Sighting,
        decision: &Decision,
    ) -> Result<bool, GroupCommitError> {
        match seen_of(job, sighting, decision) {
            Some(seen) => self.commit.see(seen).await,
            None => Ok(true),
        }
    }
}

/// What a call that ended in a dead letter holds until that is settled: so no more are called after
/// the one that stops their campaign than were under way with it.
pub(crate) struct Slot<'a> {
    _call: Option<SemaphorePermit<'a>>,
    leave: Option<(CallPermits, Answer)>,
}

impl Slot<'_> {
    fn free(self) {
        if let Some((leave, answer)) = self.leave {
            leave.settle(answer);
        }
    }
}

/// Whether a decision takes the job on to a further step.
pub(crate) fn stepped(decision: &Decision, progress: Progress) -> Stepped {
    match decision {
        Decision::Succeed => progress.succeeded(),
        Decision::Complete | Decision::Act | Decision::Retry { .. } | Decision::Bury { .. } => {
            Stepped::Over
        }
    }
}

/// Nothing was called after a look that found the device as before: the job goes back, and says so.
pub(crate) const fn looked_at() -> Decision {
    Decision::Retry {
        delay: Duration::ZERO,
        spent: false,
        uncertain: true,
        reason: WaitReason::LookedAt,
        pause: None,
    }
}

/// Nothing was called: the job goes back as it came.
pub(crate) fn untried(job: &ClaimedJob) -> Decision {
    Decision::Retry {
        delay: AGAIN_AFTER,
        spent: false,
        uncertain: job.uncertain,
        reason: if job.looked_at {
            WaitReason::LookedAt
        } else if job.uncertain {
            WaitReason::Uncertain
        } else {
            WaitReason::Throttled
        },
        pause: None,
    }
}
