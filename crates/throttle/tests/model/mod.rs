//! A server that counts arrivals in a sliding window, and workers that call it through a lane.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use repilot_throttle::{Answer, Core, Grant, LaneSeed, LaneSettings, Refusal};

const WINDOW: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy)]
pub(crate) enum RetryAfter {
    Absent,
    Honest,
    Always(Duration),
}

#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) grants: u32,
    pub(crate) refused_count: bool,
    pub(crate) retry_after: RetryAfter,
    /// From when on another number is granted.
    pub(crate) schedule: Vec<(Duration, u32)>,
    /// Another application takes so many of the grant, from when, until when.
    pub(crate) eaten: Option<(Duration, Duration, u32)>,
}

impl Server {
    pub(crate) fn granting(grants: u32) -> Self {
        Self {
            grants,
            refused_count: true,
            retry_after: RetryAfter::Absent,
            schedule: Vec::new(),
            eaten: None,
        }
    }

    fn granted_at(&self, now: Duration) -> u32 {
        let granted = self
            .schedule
            .iter()
            .rev()
            .find(|(from, _)| now >= *from)
            .map_or(self.grants, |(_, grants)| *grants);
        match self.eaten {
            Some((from, until, eaten)) if now >= from && now < until => granted - eaten,
            _ => granted,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    pub(crate) shortest: Duration,
    pub(crate) longest: Duration,
}

impl Latency {
    pub(crate) const fn between(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Campaign {
    pub(crate) calls: usize,
    pub(crate) concurrency: usize,
}

impl Campaign {
    pub(crate) fn of(calls: usize) -> Self {
        Self {
            calls,
            concurrency: 32,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) took: Duration,
    pub(crate) accepted: usize,
    pub(crate) throttled: usize,
    /// The most arrivals that counted in any window.
    pub(crate) peak: usize,
    times: Times,
}

/// When calls were accepted; says nothing of itself in an assertion.
struct Times(Vec<Duration>);

impl std::fmt::Debug for Times {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} times", self.0.len())
    }
}

impl Outcome {
    pub(crate) fn throttled_share(&self) -> f64 {
        self.throttled as f64 / (self.accepted + self.throttled) as f64
    }

    pub(crate) fn accepted_between(&self, from: Duration, until: Duration) -> usize {
        self.times
            .0
            .iter()
            .filter(|at| **at >= from && **at < until)
            .count()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrival(u64),
    Answer(u64, Option<u64>, bool),
    Ask,
}

pub(crate) fn simulate(
    campaign: &Campaign,
    server: Server,
    latency: Latency,
    seed: u64,
) -> Outcome {
    let mut rng = StdRng::seed_from_u64(seed);
    let settings = LaneSettings {
        limit: 100,
        window: WINDOW,
        in_flight: None,
    };
    let lane_rng = Box::new(StdRng::seed_from_u64(seed + 1_000));
    let mut core = Core::new(settings, &LaneSeed::default(), lane_rng);
    let start = core.start();
    let mut events = BinaryHeap::from([Reverse((start, 0_u64, Event::Ask))]);
    let mut grants: Vec<(Grant, Duration)> = Vec::new();
    let mut window: VecDeque<Duration> = VecDeque::new();
    let (mut order, mut left, mut busy) = (1_u64, campaign.calls, 0_usize);
    let mut outcome = Outcome {
        took: Duration::ZERO,
        accepted: 0,
        throttled: 0,
        peak: 0,
        times: Times(Vec::new()),
    };
    let mut closed_until = start;
    let mut asks_at = start;
    while outcome.accepted < campaign.calls {
        let Reverse((now, _, event)) = events.pop().unwrap();
        match event {
            Event::Ask => {}
            Event::Arrival(call) => {
                while window.front().is_some_and(|at| *at + WINDOW <= now) {
                    window.pop_front();
                }
                let granted = server.granted_at(now - start) as usize;
                let accepted = window.len() < granted;
                if accepted || server.refused_count {
                    window.push_back(now);
                }
                if accepted {
                    outcome.peak = outcome.peak.max(window.len());
                }
                let retry_after = match server.retry_after {
                    _ if accepted => None,
                    RetryAfter::Absent => None,
                    RetryAfter::Always(wait) => Some(wait),
                    RetryAfter::Honest => {
                        let free = window.get(window.len().saturating_sub(granted)).copied();
                        Some(free.unwrap_or(now) + WINDOW - now)
                    }
                };
                let back = now + grants[usize::try_from(call).unwrap()].1;
                let retry_millis = retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap());
                events.push(Reverse((
                    back,
                    order,
                    Event::Answer(call, retry_millis, accepted),
                )));
                order += 1;
            }
            Event::Answer(call, retry_millis, accepted) => {
                busy -= 1;
                let grant = grants[usize::try_from(call).unwrap()].0;
                let answer = if accepted {
                    outcome.accepted += 1;
                    outcome.times.0.push(now - start);
                    outcome.took = now - start;
                    Answer::Accepted
                } else {
                    outcome.throttled += 1;
                    left += 1;
                    Answer::Throttled {
                        retry_after: retry_millis.map(Duration::from_millis),
                    }
                };
                core.settle(grant, answer, now);
                if let repilot_throttle::GateState::Closed { remaining, .. } =
                    core.snapshot(now).gate
                {
                    closed_until = now + remaining;
                }
            }
        }
        while left > 0 && busy < campaign.concurrency {
            match core.try_grant(now) {
                Ok(grant) => {
                    assert!(
                        now >= closed_until,
                        "nothing leaves while the gate is closed"
                    );
                    let span = latency.longest - latency.shortest;
                    let whole = latency.shortest + span.mul_f64(rng.random::<f64>());
                    let there = whole.mul_f64(rng.random_range(0.2..0.8));
                    let call = grants.len() as u64;
                    grants.push((grant, whole - there));
                    events.push(Reverse((now + there, order, Event::Arrival(call))));
                    order += 1;
                    (left, busy) = (left - 1, busy + 1);
                }
                Err(Refusal::Until(at)) => {
                    assert!(at > now, "a lane never asks to be asked again at once");
                    if asks_at <= now || at < asks_at {
                        asks_at = at;
                        events.push(Reverse((at, order, Event::Ask)));
                        order += 1;
                    }
                    break;
                }
                Err(Refusal::UntilSettled) => {
                    assert!(busy > 0, "somebody must be able to settle");
                    break;
                }
            }
        }
    }
    outcome
}
