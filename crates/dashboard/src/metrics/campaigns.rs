//! What is measured of campaigns.

use std::time::Duration;

use repilot_domain::{CampaignId, DeadReason, Timestamp};
use repilot_ledger::Campaign;

use super::exposition::{Exposition, Kind};
use crate::live::Overview;

/// A campaign that has ended is measured for so long: long enough for every scraper to see its end.
const MEASURED_AFTER_ITS_END: Duration = Duration::from_hours(1);

/// The campaigns that are measured.
fn measured(overview: &Overview) -> impl Iterator<Item = &Campaign> {
    overview.campaigns.iter().filter(|campaign| {
        campaign
            .ended_at
            .is_none_or(|ended| overview.at.since(ended) < MEASURED_AFTER_ITS_END)
            // An alarm ends when its cause does.
            || campaign.counts.without_user > 0
    })
}

/// A number with the labels that it has beside its campaign's.
type Sample<'a> = (Option<(&'a str, &'a str)>, f64);

/// One metric, with what each campaign has of it.
fn metric<'a, Samples: IntoIterator<Item = Sample<'a>>>(
    text: &mut Exposition,
    overview: &'a Overview,
    (name, kind, help): (&str, Kind, &str),
    samples: impl Fn(&'a Campaign) -> Samples,
) {
    text.metric(name, kind, help);
    for campaign in measured(overview) {
        for (label, value) in samples(campaign) {
            let mut labels = vec![
                ("campaign", campaign.name.as_str()),
                ("tenant", campaign.tenant.as_str()),
            ];
            labels.extend(label);
            text.sample(name, &labels, value);
        }
    }
}

pub(super) fn write(text: &mut Exposition, overview: &Overview) {
    let jobs = ("repilot_jobs", Kind::Gauge, "Jobs of a campaign by state.");
    metric(text, overview, jobs, |campaign| {
        let counts = &campaign.counts;
        [
            ("pending", counts.pending),
            ("queued", counts.queued),
            ("running", counts.running),
            ("succeeded", counts.succeeded),
            ("dead", counts.dead),
            ("cancelled", counts.cancelled),
            ("skipped", counts.skipped),
        ]
        .map(|(state, jobs)| (Some(("state", state)), jobs as f64))
    });
    let dead = (
        "repilot_dead_letters",
        Kind::Gauge,
        "Dead letters of a campaign by reason.",
    );
    metric(text, overview, dead, |campaign| {
        // Each reason from the campaign's beginning: what first appears at 250 has not grown by 250.
        DeadReason::ALL.iter().map(|reason| {
            let dead = campaign.counts.dead_by_reason.get(reason.as_str());
            let dead = dead.copied().unwrap_or_default();
            (Some(("reason", reason.as_str())), dead as f64)
        })
    });
    let without_user = (
        "repilot_devices_without_user",
        Kind::Gauge,
        "Devices that a campaign unassigned and that no worker is about to assign: they have no user now.",
    );
    metric(text, overview, without_user, |campaign| {
        [(None, campaign.counts.without_user as f64)]
    });
    let status = (
        "repilot_campaign_status",
        Kind::Gauge,
        "1 for the status that a campaign has: active, paused, cancelled or ended.",
    );
    metric(text, overview, status, |campaign| {
        let word = if campaign.has_ended() {
            "ended"
        } else {
            campaign.status.as_str()
        };
        [(Some(("status", word)), 1.0)]
    });
    let state = (
        "repilot_campaign_state",
        Kind::Gauge,
        "1 for what a campaign is doing, as its standing says it: running, window, no-worker and so on.",
    );
    metric(text, overview, state, |campaign| {
        let standing = overview.standing(campaign.id);
        standing.map(|standing| (Some(("state", standing.state.as_str())), 1.0))
    });
    let rate = (
        "repilot_campaign_jobs_per_second",
        Kind::Gauge,
        "Jobs of a campaign a second that came to an end, of late.",
    );
    metric(text, overview, rate, |campaign| {
        let rate = overview.rates.get(&campaign.id);
        rate.map(|rate| (None, *rate))
    });
    let calls = (
        "repilot_campaign_calls_total",
        Kind::Counter,
        "Calls to Graph for a campaign.",
    );
    metric(text, overview, calls, |campaign| {
        [(None, campaign.counts.calls as f64)]
    });
    let throttled = (
        "repilot_campaign_throttled_calls_total",
        Kind::Counter,
        "Calls to Graph for a campaign that were answered with 429.",
    );
    metric(text, overview, throttled, |campaign| {
        [(None, campaign.counts.throttled as f64)]
    });
}

pub(super) fn write_queue_age(
    text: &mut Exposition,
    overview: &Overview,
    oldest: &[(CampaignId, Timestamp)],
    now: Timestamp,
) {
    let age = (
        "repilot_campaign_queue_age_seconds",
        Kind::Gauge,
        "How long the job of a campaign has been due that has been due longest.",
    );
    metric(text, overview, age, |campaign| {
        let due = oldest.iter().find(|(id, _)| *id == campaign.id);
        let age = due.map_or(0.0, |(_, due)| now.since(*due).as_secs_f64());
        [(None, age)]
    });
}
