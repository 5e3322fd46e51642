//! Progress for people: on stderr, and only on a terminal.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use repilot_domain::{CanaryPhase, ScheduleState, Timestamp};
use repilot_ledger::{Campaign, Gate, LaneState};

use crate::output::{self, lasting};

/// How often a spinner turns.
const SPIN_EVERY: Duration = Duration::from_millis(120);

/// Whether progress is shown at all.
pub(crate) fn shown() -> bool {
    std::io::stderr().is_terminal()
}

/// For work whose end is not known; clears itself.
pub(crate) struct Spinner(ProgressBar);

impl Spinner {
    pub(crate) fn start(what: &str) -> Self {
        let bar = ProgressBar::new_spinner();
        if !shown() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(SPIN_EVERY);
        Self(bar)
    }

    pub(crate) fn show(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A bar on a terminal, and nothing elsewhere.
fn bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if !shown() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// For work whose end is known; clears itself.
pub(crate) struct ShareBar(ProgressBar);

impl ShareBar {
    pub(crate) fn start(what: &str) -> Self {
        let bar = bar(0, "{bar:30} {percent} %  {msg}");
        bar.set_message(what.to_owned());
        Self(bar)
    }

    pub(crate) fn show(&self, (done, all): (u64, u64), what: &str) {
        self.0.set_message(what.to_owned());
        self.0.set_length(all);
        self.0.set_position(done);
    }
}

impl Drop for ShareBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A campaign's bar: done, rate, time left, throttle.
pub(crate) struct CampaignBar(ProgressBar);

impl CampaignBar {
    pub(crate) fn start(campaign: &Campaign) -> Self {
        let total = campaign.counts.total.unsigned_abs();
        Self(bar(total, "{bar:30} {pos}/{len}  {msg}"))
    }

    pub(crate) fn show(&self, campaign: &Campaign, lane: Option<&LaneState>, now: Timestamp) {
        let counts = &campaign.counts;
        self.0.set_length(counts.total.unsigned_abs());
        self.0
            .set_position((counts.total - counts.open()).unsigned_abs());
        self.0.set_message(words(campaign, lane, now));
    }

    pub(crate) fn note(&self, text: &str) {
        if shown() {
            self.0.println(text);
        } else {
            output::say(text);
        }
    }

    pub(crate) fn finish(self) {
        self.0.finish_and_clear();
    }
}

/// What stands beside the bar.
fn words(campaign: &Campaign, lane: Option<&LaneState>, now: Timestamp) -> String {
    let counts = &campaign.counts;
    let mut parts = Vec::new();
    if counts.dead > 0 {
        parts.push(format!("{} dead", counts.dead));
    }
    if let Some(held) = held_back(campaign, now) {
        parts.push(held);
        return parts.join(" · ");
    }
    if campaign.canary_phase == CanaryPhase::Running {
        parts.push("canary".to_owned());
    }
    let Some(lane) = lane else {
        parts.push("waiting: another worker is calling this tenant, or none has begun".to_owned());
        return parts.join(" · ");
    };
    parts.push(format!("{:.1}/s", lane.rate_per_second));
    parts.extend(outlook(campaign, lane, now));
    parts.extend(campaign.controls.rate.map(|rate| format!("{rate} at most")));
    parts.push(throttle(lane, now));
    if counts.throttled > 0 {
        parts.push(format!("{} × 429", counts.throttled));
    }
    parts.join(" · ")
}

/// Why nothing of a campaign goes out just now, where it is its schedule or its list that keeps it.
pub(crate) fn held_back(campaign: &Campaign, now: Timestamp) -> Option<String> {
    let opens = |moment: Timestamp, what: &str| {
        let wait = lasting(moment.since(now));
        format!("{what} {} (in {wait})", output::moment(moment))
    };
    match campaign.controls.schedule.standing(now) {
        ScheduleState::Open(_) if campaign.canary_phase == CanaryPhase::Choosing => {
            Some("its canary is chosen when its list is all in".to_owned())
        }
        ScheduleState::Open(_) => None,
        ScheduleState::NotBefore(begin) => Some(opens(begin, "begins")),
        ScheduleState::Closed(Some(next)) => Some(opens(next, "window closed, opens")),
        ScheduleState::Closed(None) => Some("window closed until its deadline".to_owned()),
        ScheduleState::Over(deadline) => Some(format!(
            "its deadline {} has passed",
            output::moment(deadline)
        )),
    }
}

/// When the rest is done, in a few words; nothing where a person is waited for in between.
fn outlook(campaign: &Campaign, lane: &LaneState, now: Timestamp) -> Option<String> {
    let waits_for_a_person =
        campaign.canary_phase == CanaryPhase::Running && campaign.controls.canary_auto.is_none();
    let work = work_left(campaign, lane).filter(|_| !waits_for_a_person)?;
    let schedule = &campaign.controls.schedule;
    Some(match schedule.done_after(now, work) {
        Some(done) if done.since(now) <= work => format!("about {} left", lasting(work)),
        Some(done) => format!("done about {}", output::moment(done)),
        None => "not done by its deadline".to_owned(),
    })
}

/// How long the rest takes at what the lane grants, and the campaign's own ceiling.
fn work_left(campaign: &Campaign, lane: &LaneState) -> Option<Duration> {
    let open = campaign.counts.open();
    let limit = lane.learnt_limit.unwrap_or(lane.configured_limit as f64);
    let free = (limit - lane.used as f64).max(0.0);
    let waiting = (open as f64 - free).max(0.0);
    let windows = waiting / limit.max(1.0);
    let seconds = windows * lane.window_ms as f64 / 1_000.0;
    let by_rate = campaign
        .controls
        .rate
        .map(|rate| rate.time_for(open.unsigned_abs()));
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|_| open > 0)
        .map(|by_lane| by_lane.max(by_rate.unwrap_or_default()))
}

/// The lane in a few words.
/// Largest part of a reason that a line on the terminal has room for; `repilot job` has all of it.
const REASON_MAX_CHARS: usize = 100;

pub(crate) fn throttle(lane: &LaneState, now: Timestamp) -> String {
    let limit = lane.learnt_limit.unwrap_or(lane.configured_limit as f64);
    let budget = format!("{}/{limit:.0} per {} s", lane.used, lane.window_ms / 1_000);
    match lane.gate {
        Gate::Open => format!("open, {budget}"),
        Gate::Reopening => format!("reopening, {budget}"),
        Gate::Closed | Gate::Unreachable => {
            let wait = lane
                .gate_until
                .map_or(Duration::ZERO, |until| until.since(now));
            let mut why: String = lane.gate_reason.chars().take(REASON_MAX_CHARS).collect();
            if why.len() < lane.gate_reason.len() {
                why.push('…');
            }
            format!("closed for {:.0} s ({why})", wait.as_secs_f64().ceil())
        }
    }
}
