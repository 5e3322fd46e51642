//! Why a job waits, what unblocks it, and when.

use std::time::Duration;

use repilot_domain::{CampaignStatus, CanaryPhase, JobState, ScheduleState, Shell, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::workers::lane::Gate;
use crate::{Ahead, Campaign, Job, LaneState};

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
    /// Another campaign's open job of its device goes first.
    OtherCampaign,
    /// Its campaign is paused.
    Paused,
    /// No process attends its campaign.
    NoWorker,
    /// Its campaign's list is not all in, and its canary not chosen.
    Incomplete,
    /// Its campaign's beginning has not come.
    NotBefore,
    /// Its campaign's windows are closed.
    Window,
    /// Its campaign's deadline has passed.
    Deadline,
    /// Its campaign's canary goes first.
    Canary,
    /// Its campaign's own ceiling.
    Rate,
    /// Its own backoff after a failed call.
    Backoff,
    /// The tenant throttled: nothing leaves.
    Gate,
    /// Graph cannot be reached: nothing leaves.
    Unreachable,
    /// A listing of its tenant, which shows who has the device.
    Listing,
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

    /// Of a due job whose device a listing that is under way is to show.
    pub(crate) fn listing() -> Self {
        Self::new(
            Blocker::Listing,
            "it waits for the listing of its tenant, which shows who has each device now",
            "the listing's end, or 30 s: then devices are looked at one by one",
        )
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
    ahead: Ahead,
    now: Timestamp,
) -> Explanation {
    match job.state {
        JobState::Succeeded | JobState::Cancelled | JobState::Skipped => Explanation::new(
            Blocker::Over,
            with_stand(over(job.state).to_owned(), job),
            "nothing; it is over",
        ),
        JobState::Dead => Explanation::new(
            Blocker::DeadLetter,
            with_stand(format!("it is a dead letter: {}", job.reason), job),
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
        JobState::Pending | JobState::Queued => {
            let mut explanation = waiting(job, campaign, lane, ahead, now);
            explanation.because = with_stand(explanation.because, job);
            explanation
        }
    }
}

/// What a job that is over came to.
const fn over(state: JobState) -> &'static str {
    match state {
        JobState::Succeeded => "it has succeeded",
        JobState::Cancelled => "it was cancelled",
        JobState::Skipped => "it was set aside",
        JobState::Pending | JobState::Queued | JobState::Running | JobState::Dead => {
            "it is not over"
        }
    }
}

/// Says of a job between two steps where its device was left.
fn with_stand(because: String, job: &Job) -> String {
    match job.stands.as_str() {
        "" => because,
        stands => format!("{because}; its device is {stands}"),
    }
}

/// Of a job that waits for another campaign's job of its device; the campaign's name is empty once that
/// job has ended.
fn after(other: &str) -> Explanation {
    if other.is_empty() {
        return Explanation::new(
            Blocker::OtherCampaign,
            "another campaign's job of its device has just ended",
            "a worker, in a moment",
        );
    }
    Explanation::new(
        Blocker::OtherCampaign,
        format!("it waits for campaign {other}'s job of this device"),
        format!(
            "the end of that job, however it ends: `repilot status {other}`; then the device is looked at first"
        ),
    )
}

fn waiting(
    job: &Job,
    campaign: &Campaign,
    lane: Option<&LaneState>,
    ahead: Ahead,
    now: Timestamp,
) -> Explanation {
    if let Some(other) = &job.waits_for {
        return after(other);
    }
    if campaign.status == CampaignStatus::Paused {
        return Explanation::new(
            Blocker::Paused,
            format!("its campaign is paused: {}", campaign.status_reason),
            format!("`repilot campaign resume {}`", to_copy(campaign)),
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
    if let Some(held) = held_back(job, campaign, now) {
        return held;
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
            let why = match lane.gate_reason.as_str() {
                "" => "Graph cannot be reached",
                why => why,
            };
            return Explanation::new(
                Blocker::Unreachable,
                format!("{why}; nothing leaves"),
                "a trial call that gets through; check the network, DNS and proxy",
            )
            .at(closed_until);
        }
        Gate::Open | Gate::Reopening => {}
    }
    let limit = lane.learnt_limit.unwrap_or(lane.configured_limit as f64);
    let per_second = limit * 1_000.0 / lane.window_ms.max(1) as f64;
    let seconds = ahead.jobs as f64 / per_second.max(f64::MIN_POSITIVE);
    let wait = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    if let Some(rate) = campaign.controls.rate
        && rate.time_for(ahead.jobs.saturating_add(1)) > wait
    {
        let because =
            format!("{ahead} due jobs go before it, and its campaign makes {rate} calls at most");
        let explanation = Explanation::new(Blocker::Rate, because, "its turn");
        let wait = rate.time_for(ahead.jobs.saturating_add(1));
        return match campaign.controls.schedule.done_after(now, wait) {
            Some(turn) => explanation.at(turn),
            None => explanation,
        };
    }
    Explanation::new(
        Blocker::Budget,
        format!(
            "{ahead} due jobs go before it, and the tenant grants about {limit:.0} calls per {} s",
            lane.window_ms / 1_000
        ),
        "its turn",
    )
    .at(campaign
        .controls
        .schedule
        .done_after(now, wait)
        .unwrap_or(now.after(wait)))
}

/// The campaign's name as it stands in a command to copy.
fn to_copy(campaign: &Campaign) -> String {
    Shell::HERE.quoted(&campaign.name)
}

/// What its campaign's controls have against a job that waits, other than its rate.
fn held_back(job: &Job, campaign: &Campaign, now: Timestamp) -> Option<Explanation> {
    let schedule = &campaign.controls.schedule;
    let set = format!("time, or `repilot campaign set {}`", to_copy(campaign));
    match schedule.standing(now) {
        ScheduleState::Open(_) => {}
        ScheduleState::NotBefore(begin) => {
            let because = "its campaign is not to begin yet";
            return Some(Explanation::new(Blocker::NotBefore, because, set).at(begin));
        }
        ScheduleState::Closed(opens) => {
            let because = format!(
                "its campaign runs {} ({}) only",
                schedule.windows, schedule.zone
            );
            let explanation = Explanation::new(Blocker::Window, because, set);
            return Some(match opens {
                Some(opens) => explanation.at(opens),
                None => explanation,
            });
        }
        ScheduleState::Over(deadline) => {
            return Some(Explanation::new(
                Blocker::Deadline,
                format!("its campaign's deadline {deadline} has passed"),
                format!(
                    "`repilot campaign set {} --deadline MOMENT`, or --no-deadline",
                    to_copy(campaign)
                ),
            ));
        }
    }
    match campaign.canary_phase {
        CanaryPhase::Choosing => Some(Explanation::new(
            Blocker::Incomplete,
            "its campaign's list is not all in, and its canary not chosen",
            "the end of the enqueue; was it broken off, the same command again",
        )),
        CanaryPhase::Running if !job.is_canary => Some(Explanation::new(
            Blocker::Canary,
            "its campaign's canary goes first",
            match campaign.controls.canary_auto {
                Some(auto) => format!("the canary's end, if {auto} of it succeed"),
                None => format!(
                    "the canary's end, and then `repilot campaign resume {}`",
                    to_copy(campaign)
                ),
            },
        )),
        CanaryPhase::Off | CanaryPhase::Running | CanaryPhase::Waiting | CanaryPhase::Passed => {
            None
        }
    }
}
