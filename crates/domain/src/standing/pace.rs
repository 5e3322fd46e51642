//! How fast a campaign goes beside the others of its tenant, and when it ends.

use crate::controls::{Forecast, Limit, ScheduleState, Work};
use crate::{CampaignStatus, CanaryPhase, Timestamp};

use super::situation::{Situation, Subject};

/// Rounds in which the end of campaigns that share is approached; each is nearer, and four are within
/// a job or so.
const ROUNDS: u32 = 12;

/// What of a tenant's grant is a campaign's.
pub(super) struct Pace<'a> {
    /// A campaign that goes first and takes all that is granted, and the jobs of all such.
    pub(super) first: Option<(&'a Subject<'a>, u64)>,
    /// Limits, each of which holds, in devices; none where nobody knows what is granted.
    limits: Option<Vec<Limit>>,
    /// Seconds that those which go first take.
    pub(super) waits: f64,
}

impl Subject<'_> {
    /// Calls that its open jobs still need.
    fn calls_left(&self) -> f64 {
        let steps = self.action.steps().len() as f64;
        (self.jobs.left as f64 * steps - self.jobs.between_steps as f64).max(0.0)
    }

    /// Whether its jobs go out where a worker and the tenant let them.
    fn goes(&self, now: Timestamp) -> bool {
        self.status == CampaignStatus::Active
            && self.ended_at.is_none()
            && self.jobs.left > 0
            && self.canary != CanaryPhase::Choosing
            && matches!(self.controls.schedule.standing(now), ScheduleState::Open(_))
    }

    /// Its own ceiling, in calls a second.
    fn ceiling(&self) -> f64 {
        self.controls.rate.map_or(f64::INFINITY, |rate| {
            f64::from(rate.calls) / rate.window.as_secs_f64()
        })
    }
}

impl<'a> Pace<'a> {
    pub(super) fn of(campaign: &Subject<'a>, around: &Situation<'a>) -> Self {
        let now = around.now;
        let Some(lane) = around.lane else {
            return Self {
                first: None,
                limits: None,
                waits: 0.0,
            };
        };
        let window = lane.window.as_secs_f64().max(f64::MIN_POSITIVE);
        let per_second = lane.granted.max(1.0) / window;
        let rivals = around.others.iter().filter(|other| {
            other.id != campaign.id && other.tenant == campaign.tenant && other.goes(now)
        });
        let mine = campaign.controls.priority;
        let (mut first, mut first_jobs, mut first_calls) = (None::<&Subject<'a>>, 0, 0.0);
        let mut taken = 0.0;
        let mut equals = Vec::new();
        for rival in rivals {
            let priority = rival.controls.priority;
            if priority > mine {
                taken += rival.ceiling().min(per_second);
                first_jobs += rival.jobs.left;
                first_calls += rival.calls_left();
                if first.is_none_or(|first| priority > first.controls.priority) {
                    first = Some(rival);
                }
            } else if priority == mine {
                equals.push(rival);
            }
        }
        let calls = campaign.calls_left();
        let is_behind = taken >= per_second * 0.999;
        let (granted, waits) = if is_behind {
            (per_second, first_calls / per_second)
        } else {
            (per_second - taken, 0.0)
        };
        // Equals share: each takes no more than it has, than its ceiling, and than this one.
        let mut time = calls / granted;
        for _ in 0..ROUNDS {
            let beside: f64 = equals
                .iter()
                .map(|equal| equal.calls_left().min(calls).min(equal.ceiling() * time))
                .sum();
            time = (calls + beside) / granted;
        }
        let share = if time > 0.0 { calls / time } else { granted };
        let calls_each = calls / (campaign.jobs.left.max(1) as f64);
        let devices = |calls: f64| calls / calls_each.max(f64::MIN_POSITIVE);
        let free = (lane.granted - lane.used as f64).max(0.0);
        let mut limits = vec![Limit {
            devices: devices(share * window),
            at_once: devices(free * share / per_second),
            window: lane.window,
        }];
        if let Some(rate) = campaign.controls.rate {
            let whole = f64::from(rate.calls);
            let has_rested = campaign.jobs.calls == 0;
            limits.push(Limit {
                devices: devices(whole),
                at_once: if has_rested { devices(whole) } else { 0.0 },
                window: rate.window,
            });
        }
        Self {
            first: first.filter(|_| is_behind).map(|first| (first, first_jobs)),
            limits: Some(limits),
            waits,
        }
    }

    /// When it ends if nothing but its schedule keeps it from then on; none where nobody knows what
    /// is granted.
    pub(super) fn forecast(&self, campaign: &Subject<'_>, from: Timestamp) -> Option<Forecast> {
        let limits = self.limits.clone()?;
        let over = campaign.jobs.total.saturating_sub(campaign.jobs.left);
        let waits_for_a_person = matches!(
            campaign.canary,
            CanaryPhase::Choosing | CanaryPhase::Running
        ) && campaign.controls.canary_auto.is_none();
        let canary = campaign.controls.canary.filter(|_| waits_for_a_person);
        let work = Work {
            devices: campaign.jobs.left,
            limits,
            schedule: campaign.controls.schedule.clone(),
            stops_after: canary
                .map(|canary| canary.of(campaign.jobs.total).saturating_sub(over).max(1)),
        };
        Some(work.forecast(from))
    }
}
