//! Why a job waits, what unblocks it, and when.

use std::time::Duration;

use repilot_domain::{CampaignStatus, JobState, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::lane::Gate;
use crate::{Campaign, Job, LaneState};

/// What stands between a job and its next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Blocker {
    /// Nothing: the job is over.
    Over,
    /// Dead letter: a person decides.
    DeadLetter,
    /// Its worker is busy with it.
    InFlight,
    /// Its worker's lease ran out; it is about to be rescued.
    LostWorker,
    /// Its campaign is paused.
    Paused,
    /// No process attends its campaign.
    NoWorker,
    /// Its own backoff after a failed call.
    Backoff,
    /// The tenant throttled: nothing leaves.
    Gate,
    /// Graph cannot be reached: nothing leaves.
    Unreachable,
    /// The tenant's budget: others go first.
    Budget,
}

/// Why a job waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Explanation {
    /// What blocks it.
    pub blocked_by: Blocker,
    /// The same, in words.
    pub because: String,
    /// What unblocks it, in words.
    pub unblocked_by: String,
    /// When, as far as it can be foreseen.
    pub expected_at: Option<Timestamp>,
}

impl Explanation {
    fn new(
        blocked_by: Blocker,
        because: impl Into<String>,
        unblocked_by: impl Into<String>,
    ) -> Self {
        Self {
            blocked_by,
            because: because.into(),
            unblocked_by: unblocked_by.into(),
            expected_at: None,
        }
    }

    fn at(mut self, instant: Timestamp) -> Self {
        self.expected_at = Some(instant);
        self
    }
}

/// Explains a job from what the ledger knows.
///
/// `lane` is the write lane of the campaign's tenant, `ahead` the due jobs that go first.
#[must_use]
pub fn explain(
    job: &Job,
    campaign: &Campaign,
    lane: Option<&LaneState>,
    ahead: u64,
    now: Timestamp,
) -> Explanation {
    match job.state {
        JobState::Succeeded | JobState::Cancelled | JobState::Skipped => Explanation::new(
            Blocker::Over,
            format!("it is {}", job.state),
            "nothing; it is over",
        ),
        JobState::Dead => Explanation::new(
            Blocker::DeadLetter,
            format!("it is a dead letter: {}", job.reason),
            format!(
                "a person: `repilot dead requeue --job {id}` or `repilot dead discard --job {id}`",
                id = job.id
            ),
        ),
        JobState::Running if job.lease_until < now => Explanation::new(
            Blocker::LostWorker,
            format!("its worker {} has not been heard of", job.worker),
            "any running worker takes it over and looks at the device first",
        ),
        JobState::Running => Explanation::new(
            Blocker::InFlight,
            format!("worker {} is calling Graph for it", job.worker),
            "Graph's answer",
        ),
        JobState::Pending | JobState::Queued => waiting(job, campaign, lane, ahead, now),
    }
}

fn waiting(
    job: &Job,
    campaign: &Campaign,
    lane: Option<&LaneState>,
    ahead: u64,
    now: Timestamp,
) -> Explanation {
    if campaign.status == CampaignStatus::Paused {
        return Explanation::new(
            Blocker::Paused,
            format!("its campaign is paused: {}", campaign.status_reason),
            format!("`repilot campaign resume {}`", campaign.name),
        );
    }
    if campaign.attended_until < now {
        return Explanation::new(
            Blocker::NoWorker,
            "no worker is moving its campaign on",
            format!(
                "`repilot worker` with the settings of tenant {}, or the `repilot run` that began campaign {}",
                campaign.tenant, campaign.name
            ),
        );
    }
    if job.not_before > now && job.reason != crate::WaitReason::Throttled.as_str() {
        return Explanation::new(
            Blocker::Backoff,
            format!(
                "its last call failed ({}); it waits before the next",
                job.message
            ),
            "time",
        )
        .at(job.not_before);
    }
    let Some(lane) = lane else {
        return Explanation::new(
            Blocker::Budget,
            "it has not had its turn yet",
            "the next dispatch",
        );
    };
    let closed_until = lane.gate_until.unwrap_or(now).max(job.not_before);
    match lane.gate {
        Gate::Closed => {
            return Explanation::new(
                Blocker::Gate,
                format!(
                    "the tenant is throttled ({}); nothing leaves",
                    lane.gate_reason
                ),
                "the gate's opening, then its turn",
            )
            .at(closed_until);
        }
        Gate::Unreachable => {
            return Explanation::new(
                Blocker::Unreachable,
                "Graph cannot be reached; nothing leaves",
                "a trial call that gets through; check the network, DNS and proxy",
            )
            .at(closed_until);
        }
        Gate::Open | Gate::Reopening => {}
    }
    let limit = lane.learnt_limit.unwrap_or(lane.configured_limit as f64);
    let per_second = limit * 1_000.0 / lane.window_ms.max(1) as f64;
    let seconds = ahead as f64 / per_second.max(f64::MIN_POSITIVE);
    let wait = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    Explanation::new(
        Blocker::Budget,
        format!(
            "{ahead} due jobs go before it, and the tenant grants about {limit:.0} calls per {} s",
            lane.window_ms / 1_000
        ),
        "its turn",
    )
    .at(now.after(wait))
}
