//! How campaigns stand, from what the ledger has of them and of what is around them.

use std::collections::HashMap;
use std::time::Duration;

use repilot_domain::standing::{
    Deed, Jobs, Lane, LaneGate, Notice, Situation, Standing, Subject, Worker, notices, standing,
};
use repilot_domain::{CampaignId, LaneKind, TenantName, Timestamp, Zone};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Campaign, Gate, LaneState, WorkerRow};

/// A lane or a worker that was not heard of for so long is gone: they speak every few seconds.
pub const HEARD_WITHIN: Duration = Duration::from_secs(15);

/// A campaign, and how it stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StandingCampaign {
    /// The campaign.
    #[serde(flatten)]
    pub campaign: Campaign,
    /// What it is doing, why, who must act, when it goes on, how fast it is and when it ends.
    pub standing: Standing,
}

/// What is around campaigns.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The instant that it is.
    pub now: Timestamp,
    /// By whose clocks moments are said where a campaign names no zone.
    pub zone: &'a Zone,
    /// The version of whoever looks.
    pub version: &'a str,
    /// What the lanes last said of themselves.
    pub lanes: &'a [LaneState],
    /// Workers that were heard of lately.
    pub workers: &'a [WorkerRow],
    /// Jobs a second that came to an end of late, where somebody counted.
    pub rates: &'a HashMap<CampaignId, f64>,
}

impl Campaign {
    fn subject(&self, rates: &HashMap<CampaignId, f64>) -> Subject<'_> {
        fn deed(by: &str, at: Option<Timestamp>) -> Option<Deed<'_>> {
            let at = at.filter(|_| !by.is_empty())?;
            Some(Deed { by, at })
        }
        let counts = &self.counts;
        let jobs = |count: i64| u64::try_from(count).unwrap_or_default();
        Subject {
            id: self.id,
            name: &self.name,
            tenant: &self.tenant,
            action: self.action,
            status: self.status,
            reason: &self.status_reason,
            pause_cause: self.pause_cause,
            stopped: deed(&self.stopped_by, self.stopped_at),
            canary_passed: deed(&self.canary_by, self.canary_at),
            controls: &self.controls,
            canary: self.canary_phase,
            is_whole: !self.is_incomplete(),
            ended_at: self.ended_at,
            attended_until: self.attended_until,
            jobs: Jobs {
                total: jobs(counts.total),
                left: jobs(counts.open()),
                succeeded: jobs(counts.succeeded),
                dead: jobs(counts.dead),
                between_steps: jobs(counts.between_steps.min(counts.open())),
                calls: jobs(counts.calls),
            },
            settled_per_second: rates.get(&self.id).copied(),
        }
    }
}

impl LaneState {
    /// Calls a window that it takes to be granted.
    #[must_use]
    pub fn granted(&self) -> f64 {
        self.learnt_limit.unwrap_or(self.configured_limit as f64)
    }

    fn lane(&self, now: Timestamp) -> Lane<'_> {
        let is_heard = now.since(self.updated_at) < HEARD_WITHIN;
        Lane {
            gate: match self.gate {
                Gate::Closed if is_heard => LaneGate::Closed(self.gate_until),
                Gate::Unreachable if is_heard => LaneGate::Unreachable(&self.gate_reason),
                Gate::Open | Gate::Reopening | Gate::Closed | Gate::Unreachable => LaneGate::Open,
            },
            granted: self.granted(),
            window: Duration::from_millis(self.window_ms.max(1).unsigned_abs()),
            used: if is_heard {
                u64::try_from(self.used).unwrap_or_default()
            } else {
                0
            },
            next_at: None,
        }
    }
}

impl WorkerRow {
    fn worker(&self) -> Worker<'_> {
        Worker {
            id: &self.id,
            version: &self.version,
            heard_at: self.heartbeat_at,
            trouble: &self.trouble,
        }
    }
}

/// How each of `wanted` stands among `campaigns`, which are all open ones of their tenants; in the
/// order of `wanted`.
#[must_use]
pub fn standings<'a>(
    wanted: impl IntoIterator<Item = &'a Campaign>,
    campaigns: &'a [Campaign],
    around: &Surroundings<'a>,
) -> Vec<Standing> {
    let mut by_tenant: HashMap<&TenantName, Vec<Subject<'_>>> = HashMap::new();
    for campaign in campaigns.iter().filter(|campaign| !campaign.has_ended()) {
        let subject = campaign.subject(around.rates);
        by_tenant.entry(&campaign.tenant).or_default().push(subject);
    }
    let workers: Vec<Worker<'_>> = around.workers.iter().map(WorkerRow::worker).collect();
    wanted
        .into_iter()
        .map(|campaign| {
            let lane = around
                .lanes
                .iter()
                .find(|lane| lane.tenant == campaign.tenant && lane.kind == LaneKind::Writes);
            let situation = Situation {
                now: around.now,
                zone: around.zone,
                version: around.version,
                lane: lane.map(|lane| lane.lane(around.now)),
                workers: &workers,
                others: by_tenant.get(&campaign.tenant).map_or(&[], Vec::as_slice),
            };
            standing(&campaign.subject(around.rates), &situation)
        })
        .collect()
}

/// What is wrong with the workers, of whatever tenant.
#[must_use]
pub fn worker_notices(around: &Surroundings<'_>) -> Vec<Notice> {
    let workers: Vec<Worker<'_>> = around.workers.iter().map(WorkerRow::worker).collect();
    notices(&Situation {
        now: around.now,
        zone: around.zone,
        version: around.version,
        lane: None,
        workers: &workers,
        others: &[],
    })
}
