//! Progress for people: on stderr, and only on a terminal.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use repilot_domain::Timestamp;
use repilot_domain::standing::{Standing, State};
use repilot_ledger::{Campaign, Gate, LaneState};

use crate::terminal::output::{self, plain, zone};

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
        // The words have what the terminal has left of its width: a line that is too long tears.
        Self(bar(total, "{bar:20} {pos}/{len}  {wide_msg}"))
    }

    pub(crate) fn show(
        &self,
        campaign: &Campaign,
        standing: &Standing,
        lane: Option<&LaneState>,
        now: Timestamp,
    ) {
        let counts = &campaign.counts;
        self.0.set_length(counts.total.unsigned_abs());
        self.0
            .set_position((counts.total - counts.open()).unsigned_abs());
        self.0.set_message(words(campaign, standing, lane, now));
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
fn words(
    campaign: &Campaign,
    standing: &Standing,
    lane: Option<&LaneState>,
    now: Timestamp,
) -> String {
    let counts = &campaign.counts;
    let mut parts = Vec::new();
    if !standing.state.moves() {
        parts.push(plain(&standing.in_words()));
    } else if standing.state != State::Running {
        parts.push(standing.says.clone());
    }
    if counts.dead > 0 {
        parts.push(format!("{} dead", counts.dead));
    }
    if standing.state.moves() {
        parts.extend(
            standing
                .over_in_words(zone(), now)
                .map(|over| format!("over {over}")),
        );
        parts.extend(standing.because.iter().map(|because| plain(because)));
        parts.extend(campaign.controls.rate.map(|rate| format!("{rate} at most")));
        parts.extend(lane.map(|lane| throttle(lane, now)));
    }
    if counts.throttled > 0 {
        parts.push(format!("{} × 429", counts.throttled));
    }
    parts.join(" · ")
}

/// Largest part of a reason that a line on the terminal has room for; `repilot job` has all of it.
const REASON_MAX_CHARS: usize = 100;

/// The lane in a few words.
pub(crate) fn throttle(lane: &LaneState, now: Timestamp) -> String {
    let limit = lane.granted();
    let window = lane.window_ms / 1_000;
    // More than is granted may be used: what was learnt since is less.
    let budget = if lane.used as f64 >= limit.floor() {
        format!("all {limit:.0} per {window} s used")
    } else {
        format!("{}/{limit:.0} per {window} s", lane.used)
    };
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
